/** What a worker is told of its evidence: what is sent can be read, and nothing else is. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { attestationErrorCodes, encodeVerdict, parseVerdict, type Verdict, workerAdvice } from '../../src/attestation/index.ts'

const nonce = Buffer.alloc(32, 7)
const good = { version: 1, nonce: nonce.toString('hex'), accepted: false, code: 'policy-refused', reasons: ['the FMSPC is 00'] }
const read = (value: unknown) => parseVerdict(Buffer.from(JSON.stringify(value)))

const verdicts: fc.Arbitrary<Verdict> = fc.oneof(
  fc.record({
    nonce: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes)),
    accepted: fc.constant(true as const),
    until: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
  }),
  fc.record({
    nonce: fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes)),
    accepted: fc.constant(false as const),
    code: fc.constantFrom(...attestationErrorCodes),
    reasons: fc.array(fc.stringMatching(/^[a-z0-9 .,:;()-]{0,300}$/), { maxLength: 32 }),
  }),
)

test('a verdict is read as it was sent', () => {
  fc.assert(
    fc.property(verdicts, verdict => {
      expect(parseVerdict(Buffer.from(encodeVerdict(verdict)))).toEqual(verdict)
    }),
  )
})

test('many long reasons are cut, and still read', () => {
  const reasons = Array.from({ length: 40 }, (_, index) => `${index} ${'x'.repeat(400)}`)
  const verdict = parseVerdict(Buffer.from(encodeVerdict({ nonce, accepted: false, code: 'policy-refused', reasons })))
  expect(verdict).toMatchObject({ reasons: reasons.slice(0, 32).map(reason => reason.slice(0, 300)) })
})

test('what would forge a line in a terminal is replaced', () => {
  expect(read({ ...good, reasons: ['a\nb\u001b[31m', 'é 漢 ✓'] })).toMatchObject({ reasons: ['a\ufffdb\ufffd[31m', 'é 漢 ✓'] })
})

describe('is refused:', () => {
  test.each<[string, Uint8Array]>([
    ['no JSON', Buffer.from('{')],
    ['another version', Buffer.from(JSON.stringify({ ...good, version: 2 }))],
    ['a nonce of another size', Buffer.from(JSON.stringify({ ...good, nonce: '00' }))],
    ['a nonce in capitals', Buffer.from(JSON.stringify({ ...good, nonce: 'AB'.repeat(32) }))],
    ['a code that there is none of', Buffer.from(JSON.stringify({ ...good, code: 'because' }))],
    ['no reasons', Buffer.from(JSON.stringify({ ...good, reasons: undefined }))],
    ['a reason that is too long', Buffer.from(JSON.stringify({ ...good, reasons: ['x'.repeat(301)] }))],
    ['too many reasons', Buffer.from(JSON.stringify({ ...good, reasons: Array(33).fill('x') }))],
    ['accepted for no time', Buffer.from(JSON.stringify({ ...good, accepted: true }))],
    ['neither', Buffer.from(JSON.stringify({ ...good, accepted: 'yes' }))],
    ['too many bytes', Buffer.from(JSON.stringify({ ...good, more: 'x'.repeat(16 * 1024) }))],
  ])('%s', (_, bytes) => {
    expect(() => parseVerdict(bytes)).toThrow(expect.objectContaining({ code: 'evidence-malformed' }))
  })
})

test('there is advice to every code', () => {
  for (const code of attestationErrorCodes) expect(workerAdvice(code)).toMatch(/\w/)
})
