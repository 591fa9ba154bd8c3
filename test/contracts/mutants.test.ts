/** Does `npm run mutants` fail when it must? Tried on fates that are made up; the run itself takes minutes. */
import { describe, expect, it } from 'vitest'
import { contracts } from './mutants/contracts.ts'
import { findingsOf, isGood, type Tried } from './mutants/findings.ts'
import { type Fate, fateOf } from './mutants/kill.ts'
import { mutantsOf } from './mutants/make.ts'

const killed: Fate = { kind: 'killed', by: 'a life', because: 'it died' }
const survived: Fate = { kind: 'survived' }
const tried = (fates: Record<string, Fate>): Tried[] => Object.entries(fates).map(([name, fate]) => ({ name, fate }))

describe('a run of mutants', () => {
  it('passes when each is killed, or survives for a reason', () => {
    const findings = findingsOf(tried({ one: killed, two: survived, three: { kind: 'none', why: 'does not compile' } }), {
      two: 'the same',
    })
    expect(isGood(findings)).toBe(true)
    expect(findings.count).toMatchObject({ made: 2, killed: 1, equivalent: 1, survived: 0, 'does not compile': 1 })
    expect(findings.killers).toEqual([['a life', 1]])
  })

  it('fails when one survives without a reason', () => {
    const findings = findingsOf(tried({ one: killed, two: survived }), {})
    expect(isGood(findings)).toBe(false)
    expect(findings.unexplained).toEqual(['two'])
  })

  it('fails when one is killed that a reason says nothing can kill', () => {
    const findings = findingsOf(tried({ one: killed }), { one: 'the same' })
    expect(isGood(findings)).toBe(false)
    expect(findings.killedAlthoughListed).toEqual(['one'])
  })

  it('fails when a reason is for no mutant, or for one that is no other program', () => {
    const findings = findingsOf(tried({ one: { kind: 'none', why: 'compiles to the same code' } }), { one: 'the same', two: 'the same' })
    expect(isGood(findings)).toBe(false)
    expect(findings.listedButNeverTried).toEqual(['one', 'two'])
  })
})

describe('the fate of a mutant', () => {
  const original = { code: 'code', hash: 'original' }
  const mutant = { name: 'one', operator: 'constant', line: 1, source: 'its source' }
  const dying = { name: 'dies', run: () => Promise.reject(new Error('for this\nand more')) }
  const living = { name: 'lives', run: () => Promise.resolve() }
  const fate = (hash: string, trials = [living, dying]) =>
    fateOf(mutant, { compile: async () => ({ ...original, hash }), original, trials })

  it('is the first test that fails', async () => {
    expect(await fate('other')).toEqual({ kind: 'killed', by: 'dies', because: 'for this' })
  })

  it('is to survive where none fails', async () => {
    expect(await fate('other', [living])).toEqual({ kind: 'survived' })
  })

  it('is none where it is no program of its own', async () => {
    expect(await fate('original')).toEqual({ kind: 'none', why: 'compiles to the same code' })
    const compile = () => Promise.reject(new Error('syntax'))
    expect(await fateOf(mutant, { compile, original, trials: [dying] })).toEqual({ kind: 'none', why: 'does not compile' })
  })
})

describe.each(contracts)('the mutants of $title', ({ source, equivalents }) => {
  const mutants = mutantsOf(source)

  it('are each another text, changed in one line', () => {
    expect(new Set(mutants.map(mutant => mutant.source)).size).toBe(mutants.length)
    const lines = source.split('\n')
    for (const { source: text, line, name } of mutants) {
      const changed = text.split('\n').flatMap((each, index) => (each === lines[index] ? [] : [index + 1]))
      expect(changed, name).toEqual([line])
    }
  })

  it('drop and turn every check that it makes', () => {
    const checks = source.match(/^\s*(?:\} else \{ )?assert \(/gm)!.length
    expect(mutants.filter(({ name }) => /assert \(.*throw \w+; → nothing/.test(name)).length).toBe(checks)
    expect(mutants.filter(({ operator }) => operator === 'check turned').length).toBe(checks)
  })

  it('are what the reasons speak of', () => {
    const names = new Set(mutants.map(({ name }) => name))
    expect(Object.keys(equivalents).filter(name => !names.has(name))).toEqual([])
  })
})
