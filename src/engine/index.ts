export { EngineError } from './errors.ts'
export type { ModelInfo } from './model.ts'
export { type EngineOptions, type RunningEngine, startEngine } from './server.ts'
