/** Every method by its name. */
import { accountMethods } from './accounts.ts'
import { blockMethods } from './blocks.ts'
import { developmentMethods } from './development.ts'
import type { Method } from './method.ts'
import { runMethods } from './run.ts'
import { transactionMethods } from './transactions.ts'
import { utilityMethods } from './utilities.ts'

export const methods: ReadonlyMap<string, Method> = new Map(
  Object.entries({
    ...accountMethods,
    ...blockMethods,
    ...transactionMethods,
    ...runMethods,
    ...utilityMethods,
    ...developmentMethods,
  }),
)
export type { Method } from './method.ts'
