/** The contracts whose mutants are tried, each with what tries them. */
import { type CompiledContract, type ContractName, compileContract, readContract } from '../../../scripts/compile-contract.ts'
import type { Machine } from '../machine.ts'
import { registryEquivalents, registryTrials } from '../registry/mutants.ts'
import { channelTrials } from './channel.ts'
import { equivalents } from './equivalents.ts'
import type { Trial } from './kill.ts'

export interface MutatedContract {
  readonly title: string
  readonly source: string
  readonly compile: (source?: string) => Promise<CompiledContract>
  readonly trials: (machine: Machine, randomRuns: number) => Trial[]
  readonly equivalents: Readonly<Record<string, string>>
}

const contract = (name: ContractName, rest: Pick<MutatedContract, 'title' | 'trials' | 'equivalents'>): MutatedContract => ({
  source: readContract(name),
  compile: source => compileContract(name, source),
  ...rest,
})

export const contracts: readonly MutatedContract[] = [
  contract('channel.tolk', { title: 'Channel', trials: channelTrials, equivalents }),
  contract('registry.tolk', { title: 'Registry', trials: registryTrials, equivalents: registryEquivalents }),
]
