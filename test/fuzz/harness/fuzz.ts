/**
 * Fuzzing one target for a while. Inputs are made from those that are kept; an input is kept when it reaches code that none had
 * reached. Looking at coverage is dear, so many inputs run between two looks, and only where a look finds something new are they
 * halved until the input that found it is alone.
 */
import { type Chance, chanceFrom } from './chance.ts'
import type { Block, Coverage } from './coverage.ts'
import { mutate } from './mutate.ts'
import type { FuzzTarget } from './target.ts'

/** Something that must not be. A hang is found by who watches from outside. */
export interface Finding {
  readonly kind: 'crash' | 'slow' | 'hang'
  readonly input: Uint8Array
  readonly what: string
}

export interface FuzzReport {
  readonly target: string
  readonly runs: number
  readonly seeds: number
  readonly kept: number
  readonly ms: number
  readonly slowest: { readonly ms: number; readonly input: Uint8Array }
  readonly findings: readonly Finding[]
  /** Of the target's sources; none where coverage was not looked at. */
  readonly blocks: readonly Block[]
}

export interface FuzzOptions {
  readonly seed: number
  readonly corpus: string | undefined
  /** Ends when either is reached. */
  readonly until: { readonly runs?: number; readonly ms?: number }
  readonly coverage?: Coverage
  /** Told of each input before it runs, for who watches from outside. */
  readonly before?: (input: Uint8Array) => void
  /** An input that takes longer, ever again, is a finding. */
  readonly slowMs?: number
}

const batchSize = 256
const most = 16 * 1024
/** Enough to see what is wrong. */
const maxFindings = 10

/** Fuzzes `target`. Ends early at ten findings. */
export async function fuzz(target: FuzzTarget, options: FuzzOptions): Promise<FuzzReport> {
  const { coverage, until, slowMs = target.slowMs ?? 10, before } = options
  const started = performance.now()
  const chance = chanceFrom(options.seed, target.name)
  const words = (target.words ?? []).map(word => (typeof word === 'string' ? new TextEncoder().encode(word) : word))
  const seeds: readonly Uint8Array[] = target.seeds(options.corpus).map(seed => new Uint8Array(seed))
  if (seeds.length === 0) throw new RangeError(`the target ${target.name} has no seeds`)
  const kept = [...seeds]
  const findings: Finding[] = []
  let runs = 0
  let slowest = { ms: 0, input: seeds[0]! }

  const run = async (input: Uint8Array): Promise<void> => {
    before?.(input)
    runs += 1
    const { ms, error } = await timed(target, input)
    if (error !== undefined) findings.push({ kind: 'crash', input, what: error })
    if (ms <= slowest.ms) return
    // A machine that is busy elsewhere makes everything slow at times: the best of four is what the input costs.
    let best = ms
    for (let again = 0; again < 3; again++) best = Math.min(best, (await timed(target, input)).ms)
    if (best <= slowest.ms) return
    slowest = { ms: best, input }
    if (best > slowMs) findings.push({ kind: 'slow', input, what: `${best.toFixed(1)} ms` })
  }

  for (const seed of [...seeds, ...seeds]) await timed(target, seed) // what is compiled only now is not the input's fault
  coverage?.watch(target.sources)
  for (const seed of seeds) await run(seed)
  coverage?.sawNew(true)
  while (runs < (until.runs ?? Number.POSITIVE_INFINITY) && performance.now() - started < (until.ms ?? Number.POSITIVE_INFINITY)) {
    if (findings.length >= maxFindings) break
    const batch = Array.from({ length: batchSize }, () => make(target, kept, chance, words))
    for (const input of batch) await run(input)
    if (coverage?.sawNew(false)) kept.push(...(await novel(target, batch, coverage, before)))
  }
  return {
    target: target.name,
    runs,
    seeds: seeds.length,
    kept: kept.length,
    ms: performance.now() - started,
    slowest,
    findings,
    blocks: coverage?.blocks() ?? [],
  }
}

function make(target: FuzzTarget, kept: readonly Uint8Array[], chance: Chance, words: readonly Uint8Array[]): Uint8Array {
  const maxBytes = target.maxBytes ?? most
  // What was found last is nearest to what nobody has seen.
  const from = () => (chance.below(2) === 0 ? chance.pick(kept) : kept[kept.length - 1 - chance.below(Math.min(kept.length, 32))]!)
  const [input, other] = [from(), from()]
  const known = target.change && chance.below(2) === 0 ? target.change(input, chance, other).subarray(0, maxBytes) : undefined
  return known && chance.below(4) > 0 ? new Uint8Array(known) : mutate(known ?? input, chance, other, words, maxBytes)
}

/** The inputs of a batch that reach something new, each beyond what those before it did. */
async function novel(
  target: FuzzTarget,
  batch: readonly Uint8Array[],
  coverage: Coverage,
  before: FuzzOptions['before'],
): Promise<readonly Uint8Array[]> {
  coverage.sawNew(false) // forgets what ran before
  for (const input of batch) {
    before?.(input)
    await timed(target, input)
  }
  if (batch.length === 1) return coverage.sawNew(true) ? batch : []
  if (!coverage.sawNew(false)) return []
  const half = batch.length >> 1
  const first = await novel(target, batch.slice(0, half), coverage, before)
  return [...first, ...(await novel(target, batch.slice(half), coverage, before))]
}

async function timed(target: FuzzTarget, input: Uint8Array): Promise<{ ms: number; error?: string }> {
  const started = performance.now()
  try {
    const running = target.run(input)
    if (running) await running
  } catch (error) {
    const ms = performance.now() - started
    return target.isRefusal(error) ? { ms } : { ms, error: error instanceof Error ? (error.stack ?? error.message) : String(error) }
  }
  return { ms: performance.now() - started }
}
