import { describe, expect, test } from 'vitest'
import { fingerprint, onceName, parseIdempotencyKey } from '../../src/api/idempotency-key.ts'

describe('an idempotency key', () => {
  test.each([undefined, 'a', 'x'.repeat(255), '!~', 'stainless-node-retry-1'])('may be %s', header => {
    expect(parseIdempotencyKey(header)).toBe(header)
  })

  test.each([
    ['empty', ''],
    ['too long', 'x'.repeat(256)],
    ['two words, as two headers come', 'a, b'],
    ['with a control character', 'a\u0001'],
    ['beyond ASCII', 'é'],
    ['with a line end', 'a\n'],
  ])('%s is refused', (_, header) => {
    expect(() => parseIdempotencyKey(header)).toThrow(expect.objectContaining({ code: 'invalid_request', status: 400 }))
  })
})

describe('the name it is remembered by', () => {
  const owner = { apiKey: 'sk-one', channel: 'EQA' }

  test('depends on key, channel and API key, and shows none of them', () => {
    const name = onceName(owner, 'order-1')
    expect(name).toMatch(/^[0-9a-f]{64}$/)
    expect(onceName(owner, 'order-1')).toBe(name)
    const others = [
      onceName(owner, 'order-2'),
      onceName({ ...owner, apiKey: 'sk-two' }, 'order-1'),
      onceName({ ...owner, channel: 'EQB' }, 'order-1'),
      onceName({ ...owner, channel: 'EQA\0order' }, '-1'),
    ]
    expect(new Set([name, ...others]).size).toBe(5)
  })
})

describe('what tells requests apart', () => {
  const of = (changes: Partial<Parameters<typeof fingerprint>[0]> = {}) =>
    fingerprint({ path: '/v1/chat/completions', contentType: 'application/json', body: Buffer.from('{"a":1}'), ...changes })

  test('is path and body, to the byte', async () => {
    const same = await of()
    expect(await of({ contentType: 'application/json; charset=utf-8' })).toBe(same)
    expect(await of({ path: '/v1/completions' })).not.toBe(same)
    expect(await of({ body: Buffer.from('{"a": 1}') })).not.toBe(same)
  })

  test('of a large body is taken slice by slice, and every slice counts', async () => {
    const large = Buffer.alloc(3 * 1024 * 1024, 'x')
    const same = await of({ body: large })
    expect(await of({ body: Buffer.from(large) })).toBe(same)
    for (const at of [0, 1024 * 1024, large.length - 1]) {
      const other = Buffer.from(large)
      other[at] = 0x79
      expect(await of({ body: other })).not.toBe(same)
    }
    expect(await of({ body: large.subarray(1) })).not.toBe(same)
  })

  test('of a form leaves out the boundary, which is new whenever it is sent', async () => {
    const form = (boundary: string, text = 'hello', quoted = false) =>
      of({
        contentType: `multipart/form-data; boundary=${quoted ? `"${boundary}"` : boundary}`,
        body: Buffer.from(`--${boundary}\r\ncontent-disposition: form-data; name="model"\r\n\r\n${text}\r\n--${boundary}--\r\n`),
      })
    const same = await form('AaB03x')
    expect(await form('----other-boundary-1234')).toBe(same)
    expect(await form('AaB03x', 'hello', true)).toBe(same)
    expect(await form('AaB03x', 'hallo')).not.toBe(same)
  })

  test('of a form keeps its parts apart', async () => {
    const contentType = 'multipart/form-data; boundary=xx'
    expect(await of({ contentType, body: Buffer.from('axxbc') })).not.toBe(await of({ contentType, body: Buffer.from('abxxc') }))
  })
})
