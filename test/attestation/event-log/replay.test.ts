/** Event logs: what a genuine one comes out at, and every way to be refused, each made by one change of a good log. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkReplay, readEventLog, replayEventLog } from '../../../src/attestation/index.ts'
import { composeHash, type Entry, firmwareEvent, goodLog, registersOf, runtimeEvent } from '../support/event-log.ts'
import { outcome } from '../support/outcome.ts'
import { ports } from '../support/sample.ts'

const hex = (bytes: Uint8Array | undefined) => bytes && Buffer.from(bytes).toString('hex')

/** Replays on every crypto port, and holds the log to `rtmr`. */
function replay(log: unknown, rtmr?: ReturnType<typeof registersOf>) {
  const [first, ...others] = Object.values(ports).map(crypto => {
    const replayed = replayEventLog(readEventLog(log), crypto)
    if (rtmr) checkReplay(replayed, { rtmr })
    return { ...replayed, rtmr: replayed.rtmr.map(hex), rtmr3: hex(replayed.rtmr3) }
  })
  for (const other of others) expect(other).toEqual(first)
  return first!
}

describe.each([1, 2] as const)('a log of version %i', version => {
  const log = goodLog(version)
  const registers = registersOf(log)

  test('comes out at the registers, as a list or as its text', () => {
    for (const form of [log, JSON.stringify(log), JSON.stringify(log, null, 2)]) {
      const replayed = replay(form, registers)
      expect(replayed.rtmr).toEqual(registers.map(hex))
      expect(replayed.rtmr3).toBe(hex(registers[3]))
    }
  })

  test('tells the boot’s events, and none of what came after', () => {
    const { events, later } = replay(log)
    expect(events.map(({ name }) => name)).toEqual(log.slice(4, 15).map(({ event }) => event))
    expect(events.filter(({ name }) => name === 'compose-hash').map(({ payload }) => hex(payload))).toEqual([composeHash])
    expect(later).toBe(2)
  })

  test('needs no digest for RTMR3, and takes it empty', () => {
    for (const digest of ['', undefined]) {
      const { preimage: _, ...bare } = { preimage: undefined, ...log[5]!, digest }
      expect(replay(log.with(5, bare), registers).rtmr3).toBe(hex(registers[3]))
    }
  })

  test('is held to every register that it has events of', () => {
    for (const index of [0, 1, 2, 3]) {
      const other = registers.map((value, at) => (at === index ? Buffer.alloc(48) : value)) as typeof registers
      const refused = outcome(() => replay(log, other))
      expect(refused).toBe('event-log-mismatch')
      expect(() => replay(log, other)).toThrow(`to RTMR${index} of`)
    }
  })

  test('says nothing of a register that it has no event of, but for RTMR3', () => {
    const onlyBoot = log.filter(({ imr }) => imr === 3)
    expect(replay(onlyBoot, registers).rtmr).toEqual([undefined, undefined, undefined, hex(registers[3])])
    expect(
      outcome(() =>
        replay(
          log.filter(({ imr }) => imr !== 3),
          registers,
        ),
      ),
    ).toBe('event-log-mismatch')
    expect(replay([]).rtmr3).toBe('00'.repeat(48))
  })

  test.each<[string, (log: Entry[]) => Entry[]]>([
    ['an event less', entries => entries.toSpliced(7, 1)],
    ['an event of the application less', entries => entries.slice(0, -1)],
    ['two events of RTMR0 in the other order', ([a, b, ...rest]) => [b!, a!, ...rest]],
    ['two events of the application in the other order', entries => [...entries.slice(0, -2), entries.at(-1)!, entries.at(-2)!]],
    ['an event more after the boot', entries => [...entries, runtimeEvent('more', '', version)]],
    ['another payload, with its own digest', entries => entries.with(6, runtimeEvent('compose-hash', 'cd'.repeat(32), version))],
    ['another name, with its own digest', entries => entries.with(9, runtimeEvent('instance-ie', '0123', version))],
    ['an event of RTMR1 in RTMR2', entries => entries.with(2, { ...entries[2]!, imr: 2 })],
    ['another digest of RTMR0', entries => entries.with(0, { ...entries[0]!, digest: 'ab'.repeat(48) })],
  ])('with %s is another’s', (_, change) => {
    expect(outcome(() => replay(change(log), registers))).toBe('event-log-mismatch')
  })

  test.each<[string, (log: Entry[]) => Entry[]]>([
    ['another payload', entries => entries.with(6, { ...entries[6]!, event_payload: 'cd'.repeat(32) })],
    ['another name', entries => entries.with(6, { ...entries[6]!, event: 'compose-hasi' })],
    ['another digest', entries => entries.with(6, { ...entries[6]!, digest: entries[5]!.digest! })],
    ['another preimage', entries => entries.with(6, { ...entries[6]!, preimage: '00' })],
    ['no preimage in the bytes that it shows', entries => entries.with(6, { ...entries[6]!, preimage: '' })],
    ['the other version', entries => entries.with(6, { ...entries[6]!, version: 3 - version })],
    ['another type', entries => entries.with(6, { ...entries[6]!, event_type: 0x80000001 })],
    ['another type, and no digest', entries => entries.with(6, { ...entries[6]!, event_type: 6, digest: '' })],
    ['a changed event after the boot', entries => entries.with(16, { ...entries[16]!, event_payload: 'fe' })],
  ])('is refused with an event of RTMR3 that has %s', (_, change) => {
    expect(outcome(() => replay(change(log)))).toBe('event-log-digest')
  })

  const once = ['system-preparing', 'app-id', 'compose-hash', 'instance-id', 'boot-mr-done', 'mr-kms', 'os-image-hash', 'key-provider']
  const at = (name: string) => log.findIndex(({ event }) => event === name)
  test.each(once)('is refused with %s twice', name => {
    const twice = log.toSpliced(at(name), 0, log[at(name)]!)
    expect(outcome(() => replay(twice, registersOf(twice)))).toBe('event-log-order')
    const later = log.toSpliced(at('system-ready'), 0, runtimeEvent(name, '0000', version))
    expect(outcome(() => replay(later, registersOf(later)))).toBe('event-log-order')
  })

  test.each(once.slice(1).map((name, index) => [once[index]!, name]))('is refused with %s after %s', (first, second) => {
    const swapped = log.with(at(first), log[at(second)]!).with(at(second), log[at(first)]!)
    expect(outcome(() => replay(swapped, registersOf(swapped)))).toBe('event-log-order')
  })

  test('is refused without the end of the boot', () => {
    const endless = log.toSpliced(at('system-ready'), 1)
    expect(outcome(() => replay(endless, registersOf(endless)))).toBe('event-log-order')
  })

  test('may have events of a boot that nobody here knows, anywhere in it', () => {
    const more = log.toSpliced(5, 0, runtimeEvent('new-in-2027', '01', version)).toSpliced(9, 0, runtimeEvent('new-in-2027', '02', version))
    expect(replay(more, registersOf(more)).events).toHaveLength(13)
  })

  test('may have the GPU’s events and the storage’s, in their turn', () => {
    const [policy, gpu, storage] = ['gpu-policy-hash', 'gpu-attestation', 'storage-fs'].map(name => runtimeEvent(name, '7b7d', version))
    const more = log.toSpliced(at('instance-id'), 0, policy!, gpu!).toSpliced(at('system-ready') + 2, 0, storage!)
    expect(replay(more, registersOf(more)).events.map(({ name }) => name)).toContain('storage-fs')
    const late = log.toSpliced(at('instance-id') + 1, 0, gpu!)
    expect(outcome(() => replay(late, registersOf(late)))).toBe('event-log-order')
  })
})

describe('what one digest can stand for', () => {
  test('a name with a colon can be read in two ways in version 1, so that no boot has one', () => {
    const log = goodLog()
    const [whole, split] = [runtimeEvent('new', '613a62'), runtimeEvent('new:a', '62')]
    expect(whole.digest).toBe(split.digest)
    expect(replay(log.toSpliced(5, 0, whole)).events).toHaveLength(12)
    expect(outcome(() => replay(log.toSpliced(5, 0, split)))).toBe('event-log-order')
  })

  test('in version 2 it is one, with every character of a name', () => {
    const names = ['a:b', 'quote"back\\slash', 'line\nfeed\u0001', 'тест-🦀', '']
    const log = [...names.map(name => runtimeEvent(name, 'ab', 2)), runtimeEvent('system-ready', '', 2)]
    expect(replay(log, registersOf(log)).events.map(({ name }) => name)).toEqual([...names, 'system-ready'])
  })

  test('both versions may stand in one log', () => {
    const log = goodLog().map((entry, index) => (entry.imr === 3 && index % 2 ? runtimeEvent(entry.event, entry.event_payload, 2) : entry))
    expect(replay(log, registersOf(log)).events).toHaveLength(11)
  })
})

describe('a log that is not in its form', () => {
  const log = goodLog()
  const changed = (change: object, at = 6) => log.with(at, { ...log[at]!, ...change })

  test.each<[string, unknown]>([
    ['no JSON', '[{'],
    ['nothing after JSON', `${JSON.stringify(log)}x`],
    ['no text', ''],
    ['no list', {}],
    ['nothing', null],
    ['a number', 1],
    ['an event that is null', [null]],
    ['an event that is a text', ['x']],
    ['a list of lists', [[]]],
    ['no register', changed({ imr: undefined })],
    ['a register of no TD', changed({ imr: 4 })],
    ['a register below the first', changed({ imr: -1 })],
    ['a register between two', changed({ imr: 2.5 })],
    ['a register in a text', changed({ imr: '3' })],
    ['no type', changed({ event_type: undefined })],
    ['a type beyond 32 bits', changed({ event_type: 2 ** 32 })],
    ['no name', changed({ event: undefined })],
    ['a name that is no text', changed({ event: 1 })],
    ['a name too long', changed({ event: 'x'.repeat(257) })],
    ['a name that UTF-8 cannot say', changed({ event: '\ud800' })],
    ['no payload', changed({ event_payload: undefined })],
    ['a payload that is no hex', changed({ event_payload: 'xy' })],
    ['a payload in capitals', changed({ event_payload: 'AB' })],
    ['a payload of half a byte', changed({ event_payload: 'a' })],
    ['a payload too large', changed({ event_payload: '00'.repeat(32 * 1024 + 1) })],
    ['a digest that is no text', changed({ digest: 1 })],
    ['a digest of 32 bytes', changed({ digest: 'ab'.repeat(32) })],
    ['a digest of 49 bytes', changed({ digest: 'ab'.repeat(49) })],
    ['an unknown version', changed({ version: 3 })],
    ['a version in a text', changed({ version: '2' })],
    ['a preimage that is no hex', changed({ preimage: 'xy' })],
    ['a preimage too large', changed({ preimage: '00'.repeat(70_000) })],
    ['an event of RTMR0 without a digest', changed({ digest: '' }, 0)],
    ['an event of RTMR2 without a digest', changed({ digest: undefined }, 3)],
    ['4097 events', Array.from({ length: 4097 }, () => runtimeEvent('x'))],
    ['payloads of more than 512 KB together', Array.from({ length: 17 }, () => runtimeEvent('x', '00'.repeat(32 * 1024)))],
    ['a text of more than 512 KB', `${JSON.stringify(log)}${' '.repeat(512 * 1024)}`],
  ])('is refused: %s', (_, value) => {
    expect(outcome(() => replay(value))).toBe('event-log-malformed')
  })

  test('may have members that nobody here knows', () => {
    expect(replay(changed({ note: { deep: [1] } })).events).toHaveLength(11)
  })
})

describe('any log', () => {
  const payload = fc.uint8Array({ maxLength: 64 }).map(bytes => Buffer.from(bytes).toString('hex'))
  const name = fc.string({ unit: 'grapheme', maxLength: 24 }).filter(text => text.isWellFormed())
  const firmware = fc.tuple(fc.constantFrom(0 as const, 1 as const, 2 as const), name).map(([imr, text]) => firmwareEvent(imr, text))
  const app = fc.tuple(name, payload, fc.constantFrom(1 as const, 2 as const)).map(([...of]) => runtimeEvent(...of))
  const boot = fc
    .array(fc.tuple(fc.constantFrom('a', 'b-c', 'x1'), payload, fc.constantFrom(1 as const, 2 as const)), { maxLength: 12 })
    .map(list => [...list.map(([...of]) => runtimeEvent(...of)), runtimeEvent('system-ready')])
  const log = fc
    .tuple(fc.array(firmware, { maxLength: 8 }), boot, fc.array(app, { maxLength: 8 }))
    .map(([first, second, third]) => ({ log: [...first, ...second, ...third], boot: second }))

  test('comes out where its digests do, and tells its boot and no more', () => {
    fc.assert(
      fc.property(log, one => {
        const replayed = replay(JSON.stringify(one.log), registersOf(one.log))
        expect(replayed.events.map(event => [event.name, hex(event.payload)])).toEqual(one.boot.map(e => [e.event, e.event_payload]))
      }),
      { numRuns: 60 },
    )
  })

  test('comes out elsewhere when a payload of RTMR3 is another, or is refused', () => {
    fc.assert(
      fc.property(log, fc.nat(), payload, fc.boolean(), (one, pick, other, signed) => {
        const runtime = one.log.flatMap(({ imr }, index) => (imr === 3 ? [index] : []))
        const at = runtime[pick % runtime.length]!
        const entry = one.log[at]!
        fc.pre(other !== entry.event_payload)
        const version = entry.version === 2 ? 2 : 1
        const changed = signed ? runtimeEvent(entry.event, other, version) : { ...entry, event_payload: other }
        expect(outcome(() => replay(one.log.with(at, changed), registersOf(one.log)))).toBe(
          signed ? 'event-log-mismatch' : 'event-log-digest',
        )
      }),
      { numRuns: 60 },
    )
  })
})
