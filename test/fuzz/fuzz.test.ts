/** Every target for a moment, and the harness itself: it finds what is planted, and nothing where there is nothing. */
import { describe, expect, test } from 'vitest'
import { pem } from '../../src/tee/index.ts'
import { chanceFrom } from './harness/chance.ts'
import { changeDer } from './harness/der-change.ts'
import { fuzz } from './harness/fuzz.ts'
import { changeJson } from './harness/json-change.ts'
import { mutate } from './harness/mutate.ts'
import { changePem } from './harness/pem-change.ts'
import type { FuzzTarget } from './harness/target.ts'
import { authority } from './samples.ts'
import { targets } from './targets/index.ts'

describe('what reads foreign bytes', () => {
  test.each(targets)('$name refuses or reads whatever it is fed, without delay', async target => {
    const { findings, runs } = await fuzz(target, { seed: 1, corpus: undefined, until: { runs: 512, ms: 800 }, slowMs: 50 })
    expect(findings).toEqual([])
    expect(runs).toBeGreaterThanOrEqual(256)
  })

  test('has a name of its own, and sources that are there', () => {
    expect(new Set(targets.map(target => target.name)).size).toBe(targets.length)
    for (const target of targets) expect(target.sources.length).toBeGreaterThan(0)
  })
})

const utf8 = (text: string) => new TextEncoder().encode(text)
class Refused extends Error {}
const planted = (run: FuzzTarget['run'], words: string[] = []): FuzzTarget => ({
  name: 'planted',
  seeds: () => [utf8('a seed of some length, to be changed')],
  run,
  isRefusal: error => error instanceof Refused,
  sources: [],
  words,
})

describe('the harness', () => {
  test('finds an error that is no refusal, with the input that makes it', async () => {
    const target = planted(
      input => {
        if (new TextDecoder().decode(input).includes('mine')) throw new TypeError('stepped on it')
        throw new Refused()
      },
      ['mine'],
    )
    const { findings } = await fuzz(target, { seed: 1, corpus: undefined, until: { runs: 4096 } })
    expect(findings[0]).toMatchObject({ kind: 'crash', what: expect.stringContaining('stepped on it') })
    expect(new TextDecoder().decode(findings[0]!.input)).toContain('mine')
  })

  test('finds an error of a promise too', async () => {
    const target = planted(async () => {
      await Promise.resolve()
      throw new TypeError('later')
    })
    const { findings } = await fuzz(target, { seed: 1, corpus: undefined, until: { runs: 256 } })
    expect(findings[0]).toMatchObject({ kind: 'crash', what: expect.stringContaining('later') })
  })

  test('finds an input that is slow each time', async () => {
    const target = planted(input => {
      for (const until = performance.now() + (input.length > 60 ? 4 : 0); performance.now() < until; );
    })
    const { findings } = await fuzz(target, { seed: 1, corpus: undefined, until: { runs: 1024 }, slowMs: 2 })
    expect(findings[0]?.kind).toBe('slow')
  })

  test('finds nothing where every error is a refusal, and does the same again for the same seed', async () => {
    const inputs: string[][] = [[], [], []]
    const turn = (index: number, seed: number) =>
      fuzz(
        planted(input => {
          inputs[index]!.push(Buffer.from(input).toString('hex'))
          throw new Refused()
        }),
        { seed, corpus: undefined, until: { runs: 600 } },
      )
    expect((await turn(0, 1)).findings).toEqual([])
    await turn(1, 1)
    await turn(2, 2)
    const distinct = inputs.map(list => [...new Set(list)])
    expect(distinct[1]).toEqual(distinct[0])
    expect(distinct[2]).not.toEqual(distinct[0])
  })

  test('will not fuzz without a seed', async () => {
    const empty = { ...planted(() => {}), seeds: () => [] }
    await expect(fuzz(empty, { seed: 1, corpus: undefined, until: { runs: 1 } })).rejects.toThrow('no seeds')
  })
})

test('no change touches what it changes, be it a Buffer', () => {
  const chance = chanceFrom(1, 'copies')
  const inputs = [authority.certificates.pck, Buffer.from(pem(authority.certificates.pck)), Buffer.from('{"a":[1,"b",{"c":null}]}')]
  for (const input of inputs) {
    const before = Buffer.from(input).toString('hex')
    for (let turn = 0; turn < 500; turn++) {
      mutate(input, chance, input, [Uint8Array.of(1, 2)], 16_384)
      for (const change of [changeDer, changePem, changeJson]) change(input, chance, input)
    }
    expect(Buffer.from(input).toString('hex')).toBe(before)
  }
})

describe('a change that knows the format', () => {
  const chance = chanceFrom(1, 'changes')

  test('keeps DER whole: every length fits', () => {
    const { pck, pckCa } = authority.certificates
    let different = 0
    for (let turn = 0; turn < 500; turn++) {
      const changed = changeDer(pck, chance, pckCa)
      if (changed.length > 4 && changed[0] === 0x30) expect(sizeOf(changed)).toBeLessThanOrEqual(changed.length)
      if (!Buffer.from(changed).equals(pck)) different += 1
    }
    expect(different).toBeGreaterThan(350)
  })

  test('keeps JSON to be parsed', () => {
    const input = utf8(authority.collateral(Date.UTC(2026, 5, 1, 12)).tcbInfo)
    for (let turn = 0; turn < 200; turn++)
      expect(() => JSON.parse(new TextDecoder().decode(changeJson(input, chance, input)))).not.toThrow()
  })
})

function sizeOf(bytes: Uint8Array): number {
  const first = bytes[1]!
  if (first < 0x80) return 2 + first
  return 2 + (first & 0x7f) + Buffer.from(bytes).readUIntBE(2, first & 0x7f)
}
