import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseExactJson } from '../../src/lib/exact-json.ts'

const again = (text: string) => JSON.stringify(parseExactJson(text))

test.each([
  '{"maximum":18446744073709551615}',
  '[-9223372036854775809,9007199254740993]',
  '1e400',
  '-1E+9999',
  `{"x":${'9'.repeat(500)}}`,
  '{"__proto__":{"x":18446744073709551615},"":1}',
  '"18446744073709551615 and 1e400"',
])('keeps the digits of %s', text => {
  expect(again(text)).toBe(text)
})

test.each([
  ['9007199254740991', 9_007_199_254_740_991],
  ['9007199254740992', 2 ** 53],
  ['1e300', 1e300],
  ['1e+005', 100_000],
  ['0.12345678901234567890', 0.123_456_789_012_345_68],
  ['1e-400', 0],
])('a number that a double holds is one: %s', (text, number) => {
  expect(parseExactJson(text)).toBe(number)
})

test('is JSON.parse for everything else', () => {
  fc.assert(
    fc.property(fc.json(), text => {
      const plain = JSON.stringify(JSON.parse(text))
      expect(again(text)).toBe(plain)
      // Beside a number that it is there for.
      expect(again(`[${text},1e400]`)).toBe(`[${plain},1e400]`)
    }),
  )
  expect(() => parseExactJson('{"x":18446744073709551615')).toThrow(SyntaxError)
})
