/** What a method is: the parameters it takes and what it does with them. */
import { Address, type Cell } from '@ton/core'
import type { z } from 'zod'
import type { DevChain } from '../chain.ts'
import { DevChainError } from '../errors.ts'
import type { Faults, Met } from '../faults.ts'
import type { AccountState } from '../machine.ts'
import { readCell, readParameters } from '../parameters.ts'
import type { ChainView } from '../view.ts'

/** Who asks, and what this endpoint sees. */
export interface Context {
  readonly chain: DevChain
  /** The chain as this endpoint shows it: behind, where a fault says so. */
  readonly view: ChainView
  readonly faults: Faults
  /** The faults that this request meets. */
  readonly met: Met
}

export interface Method {
  /** The names of its parameters. */
  readonly takes: readonly string[]
  /** Whether it can only be POSTed. */
  readonly postOnly: boolean
  /** Throws `DevChainError`. */
  call(context: Context, values: Readonly<Record<string, unknown>>, verb: 'get' | 'post'): Promise<unknown>
}

/** A method that reads `parameters` strictly: an unknown one is refused. */
export function method<Schema extends z.ZodObject>(
  parameters: Schema,
  run: (context: Context, values: z.output<Schema>) => unknown,
  { postOnly = false } = {},
): Method {
  return {
    takes: Object.keys(parameters.shape),
    postOnly,
    call: async (context, values, verb) => {
      if (postOnly && verb === 'get') throw new DevChainError('bad-verb', 'method GET is not supported')
      return run(context, readParameters(parameters, values, verb))
    },
  }
}

/** An account as this endpoint shows it: otherwise than it is, where a fault says so. */
export function accountOf({ view, met }: Context, address: Address, seqno?: number): AccountState {
  let shown = (seqno === undefined ? view : view.at(seqno)).account(address)
  for (const lie of met.all('lie')) {
    if (!Address.parse(lie.address).equals(address)) continue
    shown = {
      ...shown,
      ...(lie.balance === undefined ? {} : { balance: BigInt(lie.balance) }),
      ...(lie.state === undefined ? {} : { state: lie.state }),
      ...(lie.code === undefined ? {} : { code: cellOf(lie.code, 'code') }),
      ...(lie.data === undefined ? {} : { data: cellOf(lie.data, 'data') }),
    }
    if (shown.state !== 'active') shown = { ...shown, code: undefined, data: undefined }
  }
  return shown
}

function cellOf(base64: string, name: string): Cell | undefined {
  return base64 === '' ? undefined : readCell(Buffer.from(base64, 'base64'), name)
}
