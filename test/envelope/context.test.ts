import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeContext, newRid, parseContext, type RequestContext } from '../../src/envelope/index.ts'
import { utf8 } from '../../src/lib/bytes.ts'
import { codeOf, failureOf, payer, sampleContext } from './sample.ts'

const good = sampleContext({ payer })
const plain = JSON.stringify(good)
const parse = (value: unknown) => failureOf(() => parseContext(utf8(JSON.stringify(value))))
const text = (json: string) => codeOf(() => parseContext(utf8(json)))

const wrongTexts = ['', null, 0, true, [], {}]
const wrongAmounts = ['', '-1', '+1', '01', '1.0', '1e3', ' 1', '9223372036854775808', '99999999999999999999', 1, 1.5, null]
const wrong: { readonly [member in keyof RequestContext]: readonly unknown[] } = {
  rid: ['', 'A'.repeat(21), 'A'.repeat(23), `${'A'.repeat(21)}B`, `${'A'.repeat(22)}==`, `${'A'.repeat(21)}+`, 1, null],
  ts: [-1, 0.5, 2 ** 53, `${good.ts}`, null],
  path: wrongTexts,
  model: wrongTexts,
  stream: [0, 1, 'true', null],
  channel: wrongTexts,
  cap: wrongAmounts,
  price: [null, '', 0, [], {}],
  pad: ['', 'on', 'OFF', null, 0, false],
  weights: ['', 'cd'.repeat(32), `sha256:${'CD'.repeat(32)}`, `sha256:${'cd'.repeat(31)}`, `sha384:${'cd'.repeat(32)}`, 1, undefined],
  payer: ['', 'A'.repeat(42), 'A'.repeat(44), `${'A'.repeat(42)}B`, 1, false],
}

describe('the context of a request', () => {
  test('reads what it writes', () => {
    expect(parseContext(encodeContext(good))).toEqual(good)
    expect(encodeContext(good).toString()).toBe(plain)
    const bare = sampleContext({ weights: null, payer: null, stream: false, pad: 'steady', cap: '9223372036854775807', ts: 0 })
    expect(parseContext(encodeContext(bare))).toEqual(bare)
  })

  test('reads what it writes, for any texts and numbers', () => {
    const amount = fc.bigInt({ min: 0n, max: (1n << 63n) - 1n }).map(String)
    const name = fc.string({ unit: 'grapheme', minLength: 1 })
    const contexts = fc.record({
      rid: fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytes => Buffer.from(bytes).toString('base64url')),
      ts: fc.maxSafeNat(),
      path: name,
      model: name,
      stream: fc.boolean(),
      channel: name,
      cap: amount,
      price: fc.record({ prompt: amount, cached: amount, completion: amount, reasoning: amount }, { noNullPrototype: true }),
      pad: fc.constantFrom('off' as const, 'cells' as const, 'steady' as const),
      weights: fc.constantFrom(null, `sha256:${'0f'.repeat(32)}`),
      payer: fc.constantFrom(null, payer),
    })
    fc.assert(
      fc.property(contexts, context => {
        expect(parseContext(encodeContext(context))).toEqual(context)
      }),
    )
  })

  test('is written in one order, whatever the order it was given in', () => {
    const turned = Object.fromEntries(Object.entries(good).reverse()) as unknown as RequestContext
    const price = Object.fromEntries(Object.entries(good.price).reverse()) as unknown as RequestContext['price']
    expect(encodeContext({ ...turned, price }).toString()).toBe(plain)
  })

  test.each(Object.keys(wrong) as (keyof RequestContext)[])('needs %s, and in its form', member => {
    const { [member]: _, ...rest } = good
    expect(parse(rest)).toEqual({ code: 'malformed', member })
    expect(codeOf(() => encodeContext(rest as RequestContext))).toBe('malformed')
    for (const value of wrong[member]) {
      const context = { ...good, [member]: value }
      expect([value, parse(context)?.code]).toEqual([value, 'malformed'])
      if (member !== 'price') expect([value, parse(context)?.member]).toEqual([value, member])
      expect(codeOf(() => encodeContext(context))).toBe('malformed')
    }
  })

  test.each(['prompt', 'cached', 'completion', 'reasoning'] as const)('needs the price of %s, an amount', member => {
    const { [member]: _, ...rest } = good.price
    expect(parse({ ...good, price: rest })).toEqual({ code: 'malformed', member })
    for (const value of wrongAmounts)
      expect(parse({ ...good, price: { ...good.price, [member]: value } })).toEqual({ code: 'malformed', member })
  })

  test.each(['images', 'characters', 'seconds'] as const)('may have a price of %s, an amount', member => {
    const context = { ...good, price: { ...good.price, [member]: '7' } }
    expect(parseContext(encodeContext(context))).toEqual(context)
    for (const value of wrongAmounts)
      expect(parse({ ...good, price: { ...good.price, [member]: value } })).toEqual({ code: 'malformed', member })
  })

  test('has no member more, of its own or of price', () => {
    expect(parse(good)).toBeUndefined()
    expect(parse({ ...good, more: null })?.code).toBe('malformed')
    expect(parse({ ...good, price: { ...good.price, image: '1' } })?.code).toBe('malformed')
    expect(text(plain.replace('{', '{"__proto__":null,'))).toBe('malformed')
  })

  test('is a JSON object', () => {
    for (const json of ['', ' ', 'null', '1', '"x"', '[]', `[${plain}]`, '{}', '{', plain.slice(0, -1), `${plain}}`])
      expect(text(json)).toBe('malformed')
    expect(text(`${'['.repeat(30_000)}${']'.repeat(30_000)}`)).toBe('malformed')
  })
})

describe('a context is refused in any other spelling than the plain one', () => {
  test('with white space, a byte order mark, or a byte after it', () => {
    expect(text(plain)).toBeUndefined()
    for (const space of [' ', '\n', '\t', '\r']) {
      for (const json of [space + plain, plain + space, plain.replace(',', `,${space}`), plain.replace(':', `:${space}`)])
        expect(text(json)).toBe('malformed')
    }
    expect(text(`\ufeff${plain}`)).toBe('malformed')
    expect(text(`${plain}\0`)).toBe('malformed')
  })

  test('with a member twice, the same or another', () => {
    for (const twice of ['"cap":"1000","cap":"1000"', '"cap":"1","cap":"1000"', '"cap":"1000","c\\u0061p":"1000"'])
      expect(text(plain.replace('"cap":"1000"', twice))).toBe('malformed')
  })

  test('with another form of a number', () => {
    for (const number of ['1800000000000.0', '18e11', '1.8e12', '1800000000000e0', '01800000000000', '+1800000000000'])
      expect(text(plain.replace('1800000000000', number))).toBe('malformed')
    expect(text(plain.replace('1800000000000', '-0'))).toBe('malformed')
    expect(text(plain.replace('1800000000000', '0'))).toBeUndefined()
  })

  test('with another form of a string', () => {
    for (const string of ['"\\u0074iny"', '"tin\\u0079"']) expect(text(plain.replace('"tiny"', string))).toBe('malformed')
    expect(text(plain.replace('/v1/', '\\/v1\\/'))).toBe('malformed')
    expect(text(plain.replace('"tiny"', '"t\\u00eeny"'))).toBe('malformed')
    expect(text(plain.replace('"tiny"', '"tîny"'))).toBeUndefined()
  })

  test('with bytes that are not UTF-8', () => {
    const bytes = utf8(plain)
    const at = plain.indexOf('tiny')
    for (const byte of [0x80, 0xc0, 0xff]) {
      const bad = Buffer.from(bytes)
      bad[at] = byte
      expect(codeOf(() => parseContext(bad))).toBe('malformed')
    }
  })
})

test('a fresh rid is 16 random bytes, each time others', () => {
  expect(Buffer.from(newRid(), 'base64url')).toHaveLength(16)
  expect(new Set(Array.from({ length: 100 }, () => newRid())).size).toBe(100)
  expect(newRid(size => Buffer.alloc(size))).toBe('A'.repeat(22))
})
