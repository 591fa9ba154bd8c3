export { type Agent, type AgentLimits, type AgentOptions, startAgent } from './agent.ts'
export { endpoints } from './endpoints/index.ts'
export { isLoopback, requireLoopback } from './engine-address.ts'
export { AgentError, type AgentErrorCode } from './errors.ts'
