import type { Clock } from '../lib/clock.ts'

export class ReplayMemory {
  constructor(_options: { clock: Clock; windowMs?: number; capacity: number }) {}
  take(_rid: string, _ts: number): void {
    throw new Error('not yet')
  }
  giveBack(_rid: string, _ts: number): void {
    throw new Error('not yet')
  }
}
