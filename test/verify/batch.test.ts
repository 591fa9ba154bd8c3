/** `--batch`: one line out for each line in, in order, whatever the line is; and the memory of one. */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { developmentPolicy } from '../../src/attestation/index.ts'
import { ConfigError } from '../../src/config.ts'
import { developmentMeasurements } from '../../src/tee/index.ts'
import { linesOf } from '../../src/verify/lines.ts'
import { authority, flipped, now } from '../attestation/support/sample.ts'
import { at, collateral, collateralFolder, file, folder, quote, root, verify } from './support/world.ts'

const good = { quote, collateral, at, root }
const policy = file('policy.json', JSON.stringify(developmentPolicy(developmentMeasurements)))
const strict = file('strict.json', JSON.stringify({ ...developmentPolicy(developmentMeasurements), mr_td: ['ab'.repeat(48)] }))
const broken = file('broken.bin', flipped(authority.issueQuote(), 200))

/** Runs a batch of these lines, objects or texts. */
async function batch(lines: readonly (object | string)[]) {
  const text = lines.map(line => (typeof line === 'string' ? line : JSON.stringify(line))).join('\n')
  const { code, output } = await verify({ batch: file('batch.jsonl', `${text}\n`) })
  const answers = output
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as Record<string, unknown>)
  return { code, answers }
}

describe('a batch', () => {
  test('answers each line in its place, with the members of --json', async () => {
    const { code, answers } = await batch([good, { ...good, quote: broken }, { ...good, policy }, { ...good, policy: strict }])
    expect(code).toBe(4)
    expect(
      answers.map(({ verified, code: why, policy: judged }) => [verified, why, judged && (judged as { accepted: boolean }).accepted]),
    ).toEqual([
      [true, undefined, null],
      [false, 'quote-signature-invalid', undefined],
      [true, undefined, true],
      [true, undefined, false],
    ])
    expect(answers[0]).toEqual(JSON.parse((await verify({ ...good, json: true })).output))
  })

  test.each([
    ['all accepted', [good, { ...good, policy }], 0],
    ['one refused', [good, { ...good, policy: strict }], 3],
    ['one not verified', [{ ...good, policy: strict }, { ...good, quote: broken }, good], 4],
    ['one that cannot be read', [good, 'nonsense'], 4],
    ['no lines at all', [], 0],
  ])('ends with the code of its worst line: %s', async (_, lines, code) => {
    const text = lines.map(line => `${typeof line === 'string' ? line : JSON.stringify(line)}\n`).join('')
    expect((await verify({ batch: file('worst.jsonl', text) })).code).toBe(code)
  })

  test.each<[string, object | string, string, RegExp]>([
    ['no JSON', '{"quote":', 'line-malformed', /^line 2: not JSON/],
    ['nothing', '', 'line-malformed', /^line 2: not JSON/],
    ['a list', '[]', 'line-malformed', /^line 2: the line: /],
    ['no quote', { ...good, quote: undefined }, 'line-malformed', /^line 2: quote: /],
    ['no collateral', { ...good, collateral: undefined }, 'line-malformed', /^line 2: collateral: /],
    ['a misspelt member', { ...good, polcy: strict }, 'line-malformed', /^line 2: .*polcy/],
    [
      'a path that depends on where it is read',
      { ...good, quote: 'quote.bin' },
      'line-malformed',
      /^line 2: quote: must be an absolute path/,
    ],
    ['a date that is none', { ...good, at: 'yesterday' }, 'line-malformed', /^line 2: at must be a date and time/],
    ['a number for a date', { ...good, at: 1_780_000_000 }, 'line-malformed', /^line 2: at: /],
    ['a line too long', ' '.repeat(70_000), 'line-malformed', /^line 2: more than 65536 bytes/],
    ['a quote that is not there', { ...good, quote: '/nowhere/quote' }, 'file-unreadable', /^line 2: cannot read the quote file/],
    ['a root that is not there', { ...good, root: '/nowhere/root' }, 'file-unreadable', /^line 2: cannot read the root certificate file/],
    ['collateral that is not there', { ...good, collateral: '/nowhere' }, 'file-unreadable', /^line 2: cannot read the collateral file/],
    ['a policy that is none', { ...good, policy: quote }, 'line-malformed', /^line 2: .* is not a valid policy/],
  ])('goes on after a line with %s, and names the line', async (_, line, code, message) => {
    const { answers } = await batch([good, line, good])
    expect(answers.map(answer => answer.verified)).toEqual([true, false, true])
    expect(Object.keys(answers[1]!)).toEqual(['verified', 'code', 'message'])
    expect(answers[1]).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  test('a line that is no UTF-8 is refused, and not read as something else', async () => {
    const line = Buffer.concat([Buffer.from('{"quote":"/'), Buffer.from([0xff]), Buffer.from('"}\n')])
    const { output } = await verify({ batch: file('latin.jsonl', line) })
    expect(JSON.parse(output)).toMatchObject({ verified: false, code: 'line-malformed' })
  })

  test('takes a line of no time as of now, and a last line without its end', async () => {
    const { at: _, ...timeless } = good
    const { code } = await verify({ batch: file('timeless.jsonl', JSON.stringify(timeless)) })
    expect(code).toBe(0)
  })

  test('reads standard input where it is told to', async () => {
    const line = Buffer.from(`${JSON.stringify(good)}\r\n`)
    const stdin = (async function* () {
      for (const byte of line) yield Buffer.of(byte)
    })()
    expect((await verify({ batch: '-' }, { stdin })).code).toBe(0)
  })

  test('that is not there is wrong usage', async () => {
    await expect(verify({ batch: join(folder, 'no.jsonl') })).rejects.toThrow(ConfigError)
    await expect(verify({ batch: folder })).rejects.toThrow(/cannot read the batch file/)
  })
})

describe('memory and work', () => {
  test('collateral is read once, and verified again only for a time outside its window', async () => {
    const lent = collateralFolder('lent', authority.collateral(now))
    const line = `${JSON.stringify({ ...good, collateral: lent })}\n`
    const later = `${JSON.stringify({ ...good, collateral: lent, at: new Date(now + 40 * 24 * 3600 * 1000).toISOString() })}\n`
    const stdin = (async function* () {
      yield Buffer.from(line)
      rmSync(lent, { recursive: true })
      yield Buffer.from(later + line)
    })()
    const { output } = await verify({ batch: '-' }, { stdin })
    const answers = output
      .trim()
      .split('\n')
      .map(text => JSON.parse(text) as { verified: boolean; code?: string })
    expect(answers.map(answer => answer.code ?? answer.verified)).toEqual([true, 'crl-expired', true])
  })

  test('a line is written before the next one is read, and waits for whoever reads', async () => {
    const events: string[] = []
    const stdin = (async function* () {
      for (const name of ['a', 'b', 'c']) {
        events.push(`read ${name}`)
        yield Buffer.from(`${JSON.stringify(good)}\n`)
      }
    })()
    const write = async () => {
      await new Promise(resolve => setImmediate(resolve))
      events.push('written')
    }
    await verify({ batch: '-' }, { stdin, write })
    expect(events).toEqual(['read a', 'written', 'read b', 'written', 'read c', 'written'])
  })

  test('a line without end is passed over in pieces, and never held', async () => {
    const piece = Buffer.alloc(1024 * 1024, 0x20)
    const endless = (async function* () {
      for (let count = 0; count < 256; count += 1) yield piece
      yield Buffer.from('\nshort\n')
    })()
    const before = process.memoryUsage().arrayBuffers
    const lines = []
    for await (const line of linesOf(endless, 100)) lines.push(line?.toString())
    expect(lines).toEqual([undefined, 'short'])
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(32 * 1024 * 1024)
  })

  test('lines are cut at the same places wherever the pieces end', async () => {
    const text = 'one\r\ntwo\n\nfour'
    for (let size = 1; size <= text.length; size += 1) {
      const pieces = (async function* () {
        for (let from = 0; from < text.length; from += size) yield Buffer.from(text.slice(from, from + size))
      })()
      const lines = []
      for await (const line of linesOf(pieces, 4)) lines.push(line?.toString())
      expect(lines).toEqual(['one', 'two', '', 'four'])
    }
  })
})
