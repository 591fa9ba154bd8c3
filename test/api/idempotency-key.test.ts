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
    ['with the delete character', 'a\u007f'],
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
    const body = (end: string) => Buffer.from(`a--xx--${end}`)
    const cased = { contentType: 'Multipart/Form-Data; Boundary=xx', body: body('1') }
    const plain = { contentType: 'multipart/form-data; boundary=xx', body: body('1') }
    expect(await of(cased)).toBe(await of(plain))
    expect(await of({ ...plain, body: body('2') })).not.toBe(await of(plain))
  })

  test('of a form without a part is not that of the same bytes as they are', async () => {
    expect(await of({ contentType: 'multipart/form-data; boundary=xx' })).not.toBe(await of())
  })

  test('of a form keeps its parts apart', async () => {
    const contentType = 'multipart/form-data; boundary=xx'
    expect(await of({ contentType, body: Buffer.from('axxbc') })).not.toBe(await of({ contentType, body: Buffer.from('abxxc') }))
  })
  test('of a large form is taken slice by slice, and finds a boundary that lies across two', async () => {
    const form = (boundary: string, before: number) =>
      of({
        contentType: `multipart/form-data; boundary=${boundary}`,
        body: Buffer.from(`${'x'.repeat(before)}${boundary}${'y'.repeat(1024 * 1024)}${boundary}z`),
      })
    for (const before of [1024 * 1024 - 8, 1024 * 1024 - 1, 1024 * 1024])
      expect(await form('some-boundary', before)).toBe(await form('another-boundary-9876', before))
    expect(await form('some-boundary', 1024)).not.toBe(await form('some-boundary', 1025))
  })

  test.each([
    ['nothing but boundaries', Buffer.alloc(4 * 1024 * 1024, 'b'), 4],
    ['many parts that are each below a slice', Buffer.alloc(8 * 1024 * 1024, `${'x'.repeat(1024 * 1024 - 2)}b`), 8],
  ])('of a form of %s leaves turns to others', async (_, body, least) => {
    let turns = 0
    let over = false
    const count = () => {
      turns += 1
      if (!over) setImmediate(count)
    }
    setImmediate(count)
    await of({ contentType: 'multipart/form-data; boundary=b', body })
    over = true
    expect(turns).toBeGreaterThanOrEqual(least - 1)
  })

  test('of more boundaries than a form has counts every byte', async () => {
    const many = (boundary: string) =>
      of({ contentType: `multipart/form-data; boundary=${boundary}`, body: Buffer.from(boundary.repeat(1_001)) })
    expect(await many('b')).not.toBe(await many('cc'))
    expect(await many('b')).toBe(await many('b'))
  })
})
