export { DEV_GLOBAL_ID, devChainConfig } from './config.ts'
export { DevChainError } from './errors.ts'
export type { FaultRule } from './faults.ts'
export { type DevChainOptions, defaultBlockIntervalMs, type RunningDevChain, startDevChain } from './server.ts'
