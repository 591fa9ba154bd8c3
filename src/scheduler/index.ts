export { Breaker } from './breaker.ts'
export { type Demand, filter, type ModelOffer, type PriceVector, pick, type Refusal, score, type WorkerView } from './candidates.ts'
export { type Assignment, type LeaseSource, type NoWorker, Registry } from './registry.ts'
