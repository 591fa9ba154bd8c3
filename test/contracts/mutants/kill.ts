/** Which test shows that a mutant is not the contract? The tests are tried in order, and the first that fails has killed it. */
import type { CompiledContract } from '../../../scripts/compile-contract.ts'
import type { Mutant } from './make.ts'

/** One test of a contract. Throws where `code` does not behave as the contract. */
export interface Trial {
  readonly name: string
  readonly run: (compiled: CompiledContract) => Promise<void>
}

export type Fate =
  /** No such program: the compiler refuses it, or makes the very same code of it. */
  | { readonly kind: 'none'; readonly why: 'does not compile' | 'compiles to the same code' }
  | { readonly kind: 'killed'; readonly by: string; readonly because: string }
  | { readonly kind: 'survived' }

/** What becomes of `mutant`. `original` is what the source itself compiles to. */
export async function fateOf(
  mutant: Mutant,
  {
    compile,
    original,
    trials,
  }: { compile: (source: string) => Promise<CompiledContract>; original: CompiledContract; trials: readonly Trial[] },
): Promise<Fate> {
  let compiled: CompiledContract
  try {
    compiled = await compile(mutant.source)
  } catch {
    return { kind: 'none', why: 'does not compile' }
  }
  if (compiled.hash === original.hash) return { kind: 'none', why: 'compiles to the same code' }
  for (const { name, run } of trials) {
    try {
      await run(compiled)
    } catch (error) {
      return { kind: 'killed', by: name, because: error instanceof Error ? error.message.split('\n')[0]! : String(error) }
    }
  }
  return { kind: 'survived' }
}
