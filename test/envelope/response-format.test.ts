import { describe, expect, test } from 'vitest'
import { clearFrame, frame } from '../../src/envelope/frames.ts'
import { type ResponseEvent, ResponseOpener, ResponseSealer } from '../../src/envelope/index.ts'
import { concat, utf8 } from '../../src/lib/bytes.ts'
import { AnswerForger } from './forge-answer.ts'
import {
  codeOf,
  failureOf,
  keyset,
  nothing,
  now,
  openRequest,
  readAnswer,
  receiptSigner,
  sampleRequest,
  sealerFor,
  usageAt,
  worker,
} from './sample.ts'

const sealed = sampleRequest()
const opened = openRequest(sealed.bytes)
const usage = usageAt(1)
const forge = () => new AnswerForger(opened)
const failure = (forger: AnswerForger) => failureOf(() => readAnswer(sealed, forger.bytes))

/** A good value with one member changed, left out, or added. */
function* broken(good: Record<string, unknown>, wrong: Record<string, readonly unknown[]>): Generator<[string, unknown]> {
  for (const [member, values] of Object.entries(wrong)) {
    for (const value of values) yield [member, { ...good, [member]: value }]
    const { [member]: _, ...rest } = good
    yield [member, rest]
  }
}

const counts = [-1, 0.5, 2 ** 53, '1', null]
const wrongUsages = [
  null,
  [],
  {},
  ...[...broken({ ...usage }, { prompt: counts, cached: counts, completion: counts, reasoning: counts })].map(([, value]) => value),
  { ...usage, more: 0 },
]

describe('what stands in a sealed frame', () => {
  test('HEAD: a status of 2xx and a content type', () => {
    const good = { status: 200, content_type: 'a/b' }
    const head = (content: unknown) => failure(forge().sealed(frame.head, content).final(usage).receipt(usage))
    expect(head(good)).toBeUndefined()
    expect(head({ ...good, status: 299 })).toBeUndefined()
    for (const [member, content] of broken(good, { status: [199, 300, 404, '200', 200.5, null], content_type: ['', 1, null] }))
      expect(head(content)).toEqual({ code: 'malformed', member })
    expect(head({ ...good, more: 1 })).toMatchObject({ code: 'malformed' })
    for (const text of ['', '[]', 'null', '{"status":200, "content_type":"a/b"}', '{"status":2e2,"content_type":"a/b"}'])
      expect(head(utf8(text))).toMatchObject({ code: 'malformed' })
  })

  test('FINAL: a finish that is not an error, and usage', () => {
    const good = { finish: 'stop', usage }
    const final = (content: unknown) => failure(forge().head().sealed(frame.final, content).receipt(usage))
    expect(final(good)).toBeUndefined()
    for (const [member, content] of broken(good, { finish: ['error', 'done', '', null, 1] }))
      expect(final(content)).toEqual({ code: 'malformed', member })
    for (const wrong of wrongUsages) expect(final({ ...good, usage: wrong })).toMatchObject({ code: 'malformed' })
    expect(final({ ...good, more: 1 })).toMatchObject({ code: 'malformed' })
    expect(final({ finish: 'stop' })).toEqual({ code: 'malformed', member: 'usage' })
    expect(final(Buffer.alloc(0))).toMatchObject({ code: 'malformed' })
  })

  test("ERROR: a status of 4xx or 5xx, OpenAI's error object, and usage", () => {
    const error = { message: 'm', type: 't', param: null, code: null }
    const good = { status: 500, error, usage }
    const code = (content: unknown) => failure(forge().sealed(frame.error, content).receipt(usage, 'error'))
    expect(code(good)).toBeUndefined()
    expect(code({ ...good, status: 400, error: { ...error, param: 'p', code: 'c' } })).toBeUndefined()
    for (const [member, content] of broken(good, { status: [200, 399, 600, '500', null] }))
      expect(code(content)).toEqual({ code: 'malformed', member })
    for (const [member, content] of broken(error, { message: [null, 1], type: [null, 1], param: [1, {}], code: [1, {}] }))
      expect(code({ ...good, error: content })).toEqual({ code: 'malformed', member })
    for (const wrong of wrongUsages) expect(code({ ...good, usage: wrong })).toMatchObject({ code: 'malformed' })
    for (const wrong of [
      { ...good, more: 1 },
      { ...good, error: { ...error, more: 1 } },
      { ...good, error: null },
    ])
      expect(code(wrong)).toMatchObject({ code: 'malformed' })
  })

  test('a checkpoint has a statement without a finish, and its usage never falls', () => {
    const checkpoint = (payload: (forger: AnswerForger) => Buffer) => {
      const forger = forge().head()
      return failure(
        forger
          .raw(clearFrame(frame.checkpoint, payload(forger)))
          .final(usage)
          .receipt(usage),
      )
    }
    expect(checkpoint(forger => forger.statement(null, usage))).toBeUndefined()
    expect(checkpoint(forger => forger.statement('stop', usage))).toEqual({ code: 'malformed', member: 'finish' })
    expect(checkpoint(() => Buffer.alloc(0))).toMatchObject({ code: 'malformed' })
    // Refused by its header, before its bytes are waited for.
    expect(
      failure(
        forge()
          .head()
          .raw(clearFrame(frame.checkpoint, Buffer.alloc(70_000)).subarray(0, 4)),
      ),
    ).toMatchObject({ code: 'malformed' })
    expect(checkpoint(forger => concat(forger.statement(null, usage), Buffer.of(0)))).toMatchObject({ code: 'malformed' })
    const fell = { code: 'malformed', member: 'usage' }
    for (const less of ['prompt', 'cached', 'completion', 'reasoning'] as const) {
      const fallen = { ...usage, [less]: usage[less] - 1 }
      expect(failure(forge().head().checkpoint(usage).checkpoint(fallen).final(usage).receipt(usage))).toEqual(fell)
      expect(failure(forge().head().checkpoint(usage).final(fallen).receipt(fallen))).toEqual(fell)
      expect(failure(forge().head().checkpoint(usage).error(fallen).receipt(fallen, 'error'))).toEqual(fell)
    }
  })

  test('passes the limits of a frame or of an answer', () => {
    const events = (bytes: Buffer): ResponseEvent['type'][] => {
      const opener = new ResponseOpener(sealed, { maxPayload: 1500, maxData: 10 })
      const types = opener.push(bytes).map(event => event.type)
      opener.end()
      return types
    }
    const answer = (...texts: string[]) =>
      texts
        .reduce((forger, text) => forger.data(text), forge().head())
        .final(usage)
        .receipt(usage).bytes
    expect(events(answer('0123456789'))).toEqual(['head', 'data', 'final', 'receipt'])
    expect(events(answer('01234', '', '56789'))).toEqual(['head', 'data', 'data', 'final', 'receipt'])
    expect(codeOf(() => events(answer('0123456789a')))).toBe('too-large')
    expect(codeOf(() => events(answer('01234', '56789a')))).toBe('too-large')
    expect(codeOf(() => events(answer('x'.repeat(1500))))).toBe('too-large')
  })
})

describe('the sealer of an answer', () => {
  const error = { message: 'm', type: 't', param: null, code: null }
  const started = () => {
    const sealer = sealerFor(opened)
    return { sealer, parts: [sealer.preamble()] }
  }

  test('refuses frames out of order', () => {
    const calls = {
      preamble: (s: ResponseSealer) => s.preamble(),
      head: (s: ResponseSealer) => s.head(200, 'a/b'),
      data: (s: ResponseSealer) => s.data(utf8('a')),
      checkpoint: (s: ResponseSealer) => s.checkpoint(usage),
      final: (s: ResponseSealer) => s.final('stop', usage),
      error: (s: ResponseSealer) => s.error(500, error, usage),
      receipt: (s: ResponseSealer) => s.receipt(),
    }
    type Call = keyof typeof calls
    const allowed: [readonly Call[], readonly Call[]][] = [
      [[], ['preamble']],
      [['preamble'], ['head', 'error']],
      [
        ['preamble', 'head'],
        ['data', 'checkpoint', 'final', 'error'],
      ],
      [['preamble', 'head', 'final'], ['receipt']],
      [['preamble', 'error'], ['receipt']],
      [['preamble', 'head', 'final', 'receipt'], []],
    ]
    for (const [before, next] of allowed) {
      for (const call of Object.keys(calls) as Call[]) {
        const sealer = sealerFor(opened)
        for (const earlier of before) calls[earlier](sealer)
        expect([...before, call, codeOf(() => calls[call](sealer))]).toEqual([...before, call, next.includes(call) ? undefined : 'misuse'])
      }
    }
  })

  test('signs what FINAL said, whatever was refused before and after it', () => {
    for (const late of [false, true]) {
      const { sealer, parts } = started()
      if (!late) expect(codeOf(() => sealer.final('stop', usageAt(9)))).toBe('misuse')
      parts.push(sealer.head(200, 'a/b'), sealer.final('stop', usageAt(2)))
      if (late) {
        expect(codeOf(() => sealer.final('length', usageAt(9)))).toBe('misuse')
        expect(codeOf(() => sealer.error(500, error, usageAt(9)))).toBe('misuse')
        expect(codeOf(() => sealer.checkpoint(usageAt(9)))).toBe('misuse')
      }
      parts.push(sealer.receipt())
      expect(readAnswer(sealed, concat(...parts)).receipt).toMatchObject({ usage: usageAt(2), finish: 'stop' })
    }
  })

  test('refuses usage that falls, that is none, or that costs more than cap, and goes on with what stood before', () => {
    const { sealer, parts } = started()
    parts.push(sealer.head(200, 'a/b'), sealer.checkpoint(usage))
    for (const wrong of [nothing, usageAt(0), { ...usage, prompt: -1 }, { ...usage, prompt: 0.5 }, usageAt(2500)]) {
      expect(codeOf(() => sealer.checkpoint(wrong))).toBe('misuse')
      expect(codeOf(() => sealer.final('stop', wrong))).toBeDefined()
      expect(codeOf(() => sealer.error(500, error, wrong))).toBeDefined()
    }
    parts.push(sealer.error(500, error, usage), sealer.receipt())
    expect(readAnswer(sealed, concat(...parts))).toMatchObject({ usage, finish: 'error' })
  })

  test('costs exactly cap where it must', () => {
    const exact = sampleRequest({ context: { cap: '2' } })
    const sealer = sealerFor(openRequest(exact.bytes))
    const parts = [sealer.preamble(), sealer.head(200, 'a/b')]
    expect(codeOf(() => sealer.checkpoint(usageAt(3)))).toBe('misuse')
    parts.push(sealer.final('budget', usageAt(1)), sealer.receipt())
    expect(readAnswer(exact, concat(...parts)).receipt).toMatchObject({ cost: '2', finish: 'budget' })
  })

  test('counts other units where they have a price, and never lets them fall', () => {
    const price = { ...sealed.context.price, images: '1000000' }
    const pictures = sampleRequest({ context: { price } })
    const sealer = sealerFor(openRequest(pictures.bytes))
    const parts = [sealer.preamble(), sealer.head(200, 'a/b'), sealer.checkpoint({ ...usage, images: 1 })]
    expect(codeOf(() => sealer.checkpoint(usage))).toBe('misuse')
    expect(codeOf(() => sealer.checkpoint({ ...usage, images: 1, seconds: 1 }))).toBe('misuse')
    parts.push(sealer.final('stop', { ...usage, images: 2 }), sealer.receipt())
    expect(readAnswer(pictures, concat(...parts)).receipt).toMatchObject({ usage: { ...usage, images: 2 }, cost: '4' })

    const fell = forge().head().checkpoint(usage)
    expect(failure(fell.sealed(frame.final, { finish: 'stop', usage: { ...usage, images: 1 } }).receipt(usage))).toEqual({
      code: 'bad-receipt',
      member: 'usage',
    })
  })

  test('refuses a status, a content type or an error that cannot stand in its frame', () => {
    const { sealer } = started()
    expect(codeOf(() => sealer.head(404, 'a/b'))).toBe('malformed')
    expect(codeOf(() => sealer.head(200, ''))).toBe('malformed')
    expect(codeOf(() => sealer.error(200, error, nothing))).toBe('malformed')
    expect(codeOf(() => sealer.head(200, 'a/b'))).toBeUndefined()
  })

  test('refuses a signature that is none, and a worker or keyset that is none', () => {
    const receipt = { sign: () => Buffer.alloc(63) }
    const options = { request: opened, receipt: receiptSigner, worker, keyset, started: now, now: () => now }
    const attempt = (changes: object) =>
      codeOf(() => {
        const sealer = new ResponseSealer({ ...options, ...changes })
        sealer.preamble()
        sealer.head(200, 'a/b')
        sealer.checkpoint(usage)
      })
    expect(attempt({})).toBeUndefined()
    expect(attempt({ receipt })).toBe('misuse')
    expect(attempt({ worker: '' })).toBe('malformed')
    expect(attempt({ keyset: keyset.toUpperCase() })).toBe('malformed')
    expect(attempt({ started: -1 })).toBe('malformed')
  })

  test('does not let the end come before the start when the clock is set back', () => {
    const sealer = new ResponseSealer({ request: opened, receipt: receiptSigner, worker, keyset, started: now, now: () => now - 60_000 })
    const parts = [sealer.preamble(), sealer.head(200, 'a/b'), sealer.final('stop', usage), sealer.receipt()]
    expect(readAnswer(sealed, concat(...parts)).receipt).toMatchObject({ started: now, ended: now })
  })
})
