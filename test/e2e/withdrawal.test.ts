/** A worker whose policy is withdrawn while it streams: what runs comes to its end, and nothing new reaches it. */
import { expect, test } from 'vitest'
import { withdrawPolicy } from '../support/withdrawal.ts'

test('from the moment a policy is withdrawn no new request reaches the worker, running streams end whole, and it serves again once it is back', async () => {
  const withdrawal = await withdrawPolicy()
  expect(withdrawal.running).toBeGreaterThan(0)
  // Between the signal and the end of the lease another stream may have begun: it ends whole too.
  expect(withdrawal.ended).toBeGreaterThanOrEqual(withdrawal.running)
  expect(withdrawal.after).toEqual({ asked: 80, refused: 80, arrived: 0 })
})
