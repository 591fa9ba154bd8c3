/** The strict JSON reader for what is signed: it takes what JSON.parse takes and no more, each name once, and keeps the exact source. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Json, JsonError, readSigned, readStrict } from '../../../src/attestation/tdx/json.ts'

describe('a JSON text', () => {
  test.each([
    'null',
    'true',
    'false',
    '0',
    '-0',
    '10.25',
    '-1e+9',
    '""',
    '"\\u00e9\\n\\"\\\\"',
    '[]',
    ' [ 1 , [ 2 ] , { } ] ',
    '{"a":{"b":[null]},"c":"d"}',
    '"é€😀"',
  ])('%s is read as JSON.parse reads it', text => {
    expect(readStrict(text)).toEqual(JSON.parse(text))
  })

  test.each([
    ['nothing', ''],
    ['white space', ' \n'],
    ['two values', '1 2'],
    ['a value and a comma', '1,'],
    ['a mark of byte order', '\ufeff1'],
    ['a space that JSON does not know', '\u00a01'],
    ['a word', 'undefined'],
    ['a longer word', 'nullx'],
    ['a number with a zero before it', '01'],
    ['a number with a plus', '+1'],
    ['a number that ends in a point', '1.'],
    ['a number that begins with a point', '.5'],
    ['a number with an exponent of nothing', '1e'],
    ['a number in hex', '0x10'],
    ['a number of over forty digits', '1'.repeat(41)],
    ['not a number', 'NaN'],
    ['a string in single quotes', "'a'"],
    ['a string that does not end', '"a'],
    ['a string that ends in a backslash', '"a\\'],
    ['a string with an unknown escape', '"\\x41"'],
    ['a string with half an escape', '"\\u12"'],
    ['a string with a control character', '"a\nb"'],
    ['a list that does not end', '[1,2'],
    ['a list with a comma at its end', '[1,]'],
    ['a list with a hole', '[1,,2]'],
    ['a list with a semicolon', '[1;2]'],
    ['an object that does not end', '{"a":1'],
    ['an object with a comma at its end', '{"a":1,}'],
    ['an object with a bare name', '{a:1}'],
    ['an object without a colon', '{"a" 1}'],
    ['an object with a number for a name', '{1:1}'],
    ['an object with an equals sign', '{"a"=1}'],
    ['brackets that do not fit', '[1}'],
    ['a comment', '/* */1'],
    ['a name twice', '{"a":1,"a":1}'],
    ['a name twice, spelled otherwise', '{"a":1,"\\u0061":2}'],
    ['a name twice, deep inside', '[{"x":{"b":1,"c":2,"b":3}}]'],
  ])('is not %s', (_, text) => {
    expect(() => readStrict(text)).toThrow(JsonError)
  })

  test('has a depth of at most 32', () => {
    expect(readStrict(`${'['.repeat(32)}1${']'.repeat(32)}`)).toBeInstanceOf(Array)
    for (const depth of [33, 1000, 200_000]) {
      expect(() => readStrict(`${'['.repeat(depth)}1${']'.repeat(depth)}`)).toThrow('too deep')
      expect(() => readStrict('{"a":'.repeat(depth))).toThrow('too deep')
      expect(() => readSigned('{"a":'.repeat(depth))).toThrow('too deep')
    }
  })

  test('may have every white space that JSON has, between its parts', () => {
    expect(readStrict('\t{\r\n"a" : [ 1 ,\t2 ]\n}\n')).toEqual({ a: [1, 2] })
  })

  test('cannot reach the prototype of anything', () => {
    const value = readStrict('{"__proto__":{"polluted":1},"constructor":2}') as Record<string, Json>
    expect(Object.getPrototypeOf(value)).toBeNull()
    expect(Object.keys(value)).toEqual(['__proto__', 'constructor'])
    expect(Reflect.get({}, 'polluted')).toBeUndefined()
  })
})

describe('a signed document', () => {
  test('keeps the exact source of each outermost member, without the space around it', () => {
    const { values, sources } = readSigned(' { "info" : {"a": 1 ,  "b":[ 2]} , "signature":"00" } ')
    expect(Object.fromEntries(sources)).toEqual({ info: '{"a": 1 ,  "b":[ 2]}', signature: '"00"' })
    expect(values.get('info')).toEqual({ a: 1, b: [2] })
  })

  test.each([
    ['a list', '[]'],
    ['a string', '"a"'],
    ['nothing', ''],
    ['an object and more', '{} {}'],
    ['an object in other brackets', '("a":1}'],
  ])('is not %s', (_, text) => {
    expect(() => readSigned(text)).toThrow(JsonError)
  })

  test('gives sources that read to the same values, for every object there is', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string({ unit: 'grapheme' }), fc.jsonValue({ maxDepth: 5 })), fc.nat(3), (object, indent) => {
        const text = JSON.stringify(object, null, indent)
        const { values, sources } = readSigned(text)
        for (const [name, value] of values) expect(JSON.parse(sources.get(name)!)).toEqual(JSON.parse(JSON.stringify(value)))
        expect(values.size).toBe(Object.keys(object).length)
      }),
      { numRuns: 300 },
    )
  })
})

describe('any text', () => {
  test('is taken only where JSON.parse takes it, with the same value, and refused by one error', () => {
    const shaped = fc.array(
      fc.constantFrom('{', '}', '[', ']', ',', ':', '"', '\\', '1', '-', '.', 'e', 'null', '"a"', '"b":', ' ', '\n', 'u00'),
      {
        maxLength: 14,
      },
    )
    fc.assert(
      fc.property(
        fc.oneof(
          fc.string({ unit: 'binary' }),
          shaped.map(parts => parts.join('')),
          fc.json(),
        ),
        text => {
          let value: Json
          try {
            value = readStrict(text)
          } catch (error) {
            expect(error).toBeInstanceOf(JsonError)
            return
          }
          expect(JSON.stringify(value)).toBe(JSON.stringify(JSON.parse(text)))
        },
      ),
      { numRuns: 3000 },
    )
  })

  test('of hostile make is refused at once', () => {
    const began = performance.now()
    for (const text of [
      '"'.repeat(250_000),
      '\\'.repeat(250_000),
      `"${'\\'.repeat(250_000)}`,
      ' '.repeat(250_000),
      '-'.repeat(250_000),
      '[1,'.repeat(80_000),
    ])
      expect(() => readStrict(text)).toThrow(JsonError)
    expect(() => readStrict(`[${'0,'.repeat(100_000)}`)).toThrow(JsonError)
    expect(performance.now() - began).toBeLessThan(1000)
  })
})
