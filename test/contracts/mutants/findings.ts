/** What a run of mutants showed, and whether it may pass: every one is killed, or there is a reason why nothing can kill it. */
import type { Fate } from './kill.ts'

/** The fate of one mutant, by its name. */
export interface Tried {
  readonly name: string
  readonly fate: Fate
}

export interface Findings {
  readonly count: {
    readonly made: number
    readonly killed: number
    readonly equivalent: number
    readonly survived: number
    readonly 'does not compile': number
    readonly 'compiles to the same code': number
  }
  /** How many mutants each test killed, the most first. */
  readonly killers: readonly (readonly [string, number])[]
  /** Why the run must fail: the names of the mutants that survived without a reason, and of the reasons that are none. */
  readonly unexplained: readonly string[]
  readonly killedAlthoughListed: readonly string[]
  readonly listedButNeverTried: readonly string[]
}

/** Counts `tried`, the whole of a contract's mutants, against the reasons of those that are the contract. */
export function findingsOf(tried: readonly Tried[], reasons: Readonly<Record<string, string>>): Findings {
  const named = (holds: (each: Tried) => boolean) => tried.filter(holds).map(({ name }) => name)
  const killed = tried.flatMap(({ fate }) => (fate.kind === 'killed' ? [fate.by] : []))
  const noProgram = (why: string) => named(({ fate }) => fate.kind === 'none' && fate.why === why).length
  const survived = named(({ fate }) => fate.kind === 'survived')
  const unexplained = survived.filter(name => !Object.hasOwn(reasons, name))
  const real = new Set(named(({ fate }) => fate.kind !== 'none'))
  return {
    count: {
      made: real.size,
      killed: killed.length,
      equivalent: survived.length - unexplained.length,
      survived: unexplained.length,
      'does not compile': noProgram('does not compile'),
      'compiles to the same code': noProgram('compiles to the same code'),
    },
    killers: [...Map.groupBy(killed, by => by)].map(([by, mutants]) => [by, mutants.length] as const).sort(([, a], [, b]) => b - a),
    unexplained,
    killedAlthoughListed: named(({ name, fate }) => fate.kind === 'killed' && Object.hasOwn(reasons, name)),
    listedButNeverTried: Object.keys(reasons).filter(name => !real.has(name)),
  }
}

/** Whether a run with these findings is a good one. */
export function isGood({ unexplained, killedAlthoughListed, listedButNeverTried }: Findings): boolean {
  return unexplained.length + killedAlthoughListed.length + listedButNeverTried.length === 0
}
