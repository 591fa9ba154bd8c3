export { DEV_GLOBAL_ID, devChainConfig } from './config.ts'
export { DevChainError } from './errors.ts'
export { type DevChainOptions, type RunningDevChain, startDevChain } from './server.ts'
