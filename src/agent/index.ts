export { type Agent, type AgentLimits, type AgentOptions, startAgent } from './agent.ts'
export { isLoopback, requireLoopback } from './engine-address.ts'
export { AgentError, type AgentErrorCode } from './errors.ts'
