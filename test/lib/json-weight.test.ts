import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { isLightJson, type JsonBounds } from '../../src/lib/json-weight.ts'

const isLight = (text: string, bounds?: JsonBounds) => isLightJson(Buffer.from(text), bounds)

/** What a value counts, reckoned from the parsed value. */
function weightOf(value: unknown): { weight: number; depth: number } {
  if (typeof value !== 'object' || value === null) return { weight: 0, depth: 0 }
  const inner = Object.values(value)
  const members = Array.isArray(value) ? 0 : inner.length
  const parts = inner.map(weightOf)
  return {
    weight: 8 + 8 * members + Math.max(inner.length - 1, 0) + parts.reduce((sum, part) => sum + part.weight, 0),
    depth: 1 + Math.max(0, ...parts.map(part => part.depth)),
  }
}

describe('the weight of a JSON text', () => {
  test('is that of its value, whatever stands in its strings', () => {
    fc.assert(
      fc.property(fc.jsonValue(), value => {
        const text = JSON.stringify(value)
        const { weight, depth } = weightOf(value)
        expect(isLight(text, { weight, depth })).toBe(true)
        if (weight > 0) expect(isLight(text, { weight: weight - 1, depth })).toBe(false)
        if (depth > 0) expect(isLight(text, { weight, depth: depth - 1 })).toBe(false)
      }),
    )
  })

  test('does not count what is quoted', () => {
    expect(isLight(JSON.stringify(['[[[[{{:,"\\', '\\"[']), { weight: 9, depth: 1 })).toBe(true)
  })

  test('is light for a long text and for a million numbers, and heavy for a million objects', () => {
    expect(isLight(JSON.stringify({ text: 'x,[{:'.repeat(1_000_000) }))).toBe(true)
    expect(isLight(`[${'1,'.repeat(1_000_000)}1]`)).toBe(true)
    expect(isLight(`[${'{},'.repeat(1_000_000)}1]`)).toBe(false)
    expect(isLight(`[${'1,'.repeat(8_400_000)}1]`)).toBe(false)
    expect(isLight('['.repeat(2_000))).toBe(false)
  })

  test('is told of what is no JSON too', () => {
    for (const text of ['', '"', '"\\', ']]]]', '{{"', '"a\\"']) expect(isLight(text)).toBe(true)
  })
})
