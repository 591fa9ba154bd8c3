import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { cellBytes, type PaddingMode, type Usage } from '../../src/envelope/index.ts'
import { cellSize, mostContent, paddedSize } from '../../src/envelope/padding.ts'
import { concat } from '../../src/lib/bytes.ts'
import { nothing, openRequest, partsOf, payerKey, readAnswer, sampleRequest, sealerFor, usageAt } from './sample.ts'

/** The sizes of the plaintexts in frames that are sealed, by type. */
function plaintexts(bytes: Buffer): [type: number, size: number][] {
  const sizes: [number, number][] = []
  for (let at = 0; at < bytes.length; ) {
    const length = bytes.readUIntBE(at + 1, 3)
    if (bytes[at]! < 16) sizes.push([bytes[at]!, length - 16])
    at += 4 + length
  }
  return sizes
}

const [data, final, error, head] = [0, 1, 2, 4]
const sized = (pad: PaddingMode, size: number) =>
  plaintexts(concat(...partsOf(sampleRequest({ body: Buffer.alloc(size), context: { pad } })).frames))
const sealer = (pad: PaddingMode) => {
  const made = sealerFor(openRequest(sampleRequest({ context: { pad } }).bytes))
  made.preamble()
  return made
}

describe('the sizes of cells', () => {
  test('are 256 and 1024 bytes, three of them the length of the content', () => {
    expect((['off', 'cells', 'steady'] as const).map(cellSize)).toEqual([undefined, 256, 1024])
    expect((['off', 'cells', 'steady'] as const).map(cellBytes)).toEqual([undefined, 253, 1021])
  })

  test('hold any content in the fewest whole cells', () => {
    fc.assert(
      fc.property(fc.nat({ max: 5_000_000 }), fc.constantFrom(256, 1024), (content, cell) => {
        const size = paddedSize(content, cell)
        expect(size % cell).toBe(0)
        expect(size >= content + 3 && size - cell < content + 3).toBe(true)
      }),
    )
    expect(paddedSize(10, undefined)).toBe(13)
  })

  test('leave room for what is the most: one byte more is too much', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1024, max: 5_000_000 }), fc.constantFrom(undefined, 256, 1024), (max, cell) => {
        expect(paddedSize(mostContent(max, cell), cell) <= max).toBe(true)
        expect(paddedSize(mostContent(max, cell) + 1, cell) > max).toBe(true)
      }),
    )
  })
})

describe('a request', () => {
  test('shows its size where nothing is padded', () => {
    for (const size of [1, 2, 252, 253, 254, 5000])
      expect(sized('off', size)).toEqual([
        [head, 38],
        [data, size + 3],
        [final, 3],
      ])
    expect(sized('off', 0)).toEqual([
      [head, 38],
      [final, 3],
    ])
  })

  test('fills whole cells of 256 bytes, in few frames', () => {
    expect(sized('cells', 0)).toEqual([
      [head, 256],
      [final, 256],
    ])
    for (const [size, cells] of [
      [1, 1],
      [252, 1],
      [253, 1],
      [254, 2],
      [509, 2],
      [510, 3],
      [5000, 20],
    ] as const)
      expect(sized('cells', size)).toEqual([
        [head, 256],
        [data, cells * 256],
        [final, 256],
      ])
    const long = sized('cells', 2_500_000)
    expect(long).toHaveLength(12)
    for (const [, size] of long) expect(size % 256).toBe(0)
  })

  test('fills whole cells of 1024 bytes where the answer is steady, in few frames', () => {
    expect(sized('steady', 0)).toEqual([
      [head, 1024],
      [final, 1024],
    ])
    for (const [size, cells] of [
      [1, 1],
      [1021, 1],
      [1022, 2],
      [50_000, 49],
    ] as const)
      expect(sized('steady', size)).toEqual([
        [head, 1024],
        [data, cells * 1024],
        [final, 1024],
      ])
  })

  test('is as long for every body that fits the same cells', () => {
    for (const pad of ['cells', 'steady'] as const) {
      const lengths = [1, 100, cellBytes(pad)!].map(
        size => sampleRequest({ body: Buffer.alloc(size), context: { pad }, payerKey }).bytes.length,
      )
      expect(new Set(lengths).size).toBe(1)
    }
  })
})

describe('an answer', () => {
  const problem = { message: 'm'.repeat(300), type: 't', param: null, code: null }

  test('shows its sizes where nothing is padded, and sends no empty DATA', () => {
    const open = sealer('off')
    expect(plaintexts(open.head(200, 'a/b'))).toEqual([[head, 38]])
    expect(open.data(Buffer.alloc(0))).toHaveLength(0)
    expect(plaintexts(open.data(Buffer.alloc(9)))).toEqual([[data, 12]])
  })

  test('fills whole cells of 256 bytes in every sealed frame', () => {
    const cells = sealer('cells')
    expect(plaintexts(cells.head(200, 'a/b'))).toEqual([[head, 256]])
    for (const [size, padded] of [
      [0, 256],
      [1, 256],
      [253, 256],
      [254, 512],
      [5000, 5120],
    ] as const)
      expect(plaintexts(cells.data(Buffer.alloc(size)))).toEqual([[data, padded]])
    expect(plaintexts(cells.final('stop', usageAt(900)))).toEqual([[final, 256]])
  })

  test('sends one cell of 1024 bytes at a time where it is steady', () => {
    const steady = sealer('steady')
    expect(plaintexts(steady.head(200, 'a/b'))).toEqual([[head, 1024]])
    for (const [size, frames] of [
      [0, 1],
      [1, 1],
      [1021, 1],
      [1022, 2],
      [5000, 5],
    ] as const)
      expect(plaintexts(steady.data(Buffer.alloc(size)))).toEqual(Array.from({ length: frames }, () => [data, 1024]))
    expect(plaintexts(steady.final('stop', usageAt(900)))).toEqual([[final, 1024]])
  })

  test('fills whole cells with an ERROR too', () => {
    expect(plaintexts(sealer('cells').error(500, problem, nothing))).toEqual([[error, 512]])
    expect(plaintexts(sealer('steady').error(500, problem, nothing))).toEqual([[error, 1024]])
  })

  test('says no more by the size of FINAL than by that of any cell', () => {
    const sizes = (usage: Usage, finish: 'stop' | 'content_filter') => {
      const cells = sealer('cells')
      cells.head(200, 'a/b')
      return cells.final(finish, usage).length
    }
    expect(sizes(nothing, 'stop')).toBe(sizes({ prompt: 999, cached: 999, completion: 999, reasoning: 999 }, 'content_filter'))
  })

  test('opens to the same words, with cells of padding alone between them', () => {
    for (const pad of ['cells', 'steady'] as const) {
      const sealed = sampleRequest({ context: { pad } })
      const made = sealerFor(openRequest(sealed.bytes))
      const parts = [made.preamble(), made.head(200, 'a/b')]
      for (const text of ['', 'a', '', '', 'b'.repeat(2000), '']) parts.push(made.data(Buffer.from(text)))
      parts.push(made.final('stop', nothing), made.receipt())
      expect(readAnswer(sealed, concat(...parts)).body.toString()).toBe(`a${'b'.repeat(2000)}`)
    }
  })
})
