/**
 * 64 MiB through proxy and worker to an engine, as JSON and gzipped. How long a loop may be held up is measured by
 * `npm run bench -- bodies`; here it only must be nowhere near what handling such a body at once would take (300 ms and more).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  deployWatched,
  type LargeRequest,
  largeRequest,
  send,
  smallBody,
  smallRequests,
  type WatchedDeployment,
} from '../support/large-bodies.ts'

const size = 64 * 1024 * 1024
const longestMs = 100

let watched: WatchedDeployment
let large: LargeRequest
beforeAll(async () => {
  ;[watched, large] = await Promise.all([deployWatched(), largeRequest(size)])
})
afterAll(() => watched?.stop())

describe('a body of 64 MiB', () => {
  test.each(['identity', 'gzip'])(
    'reaches the engine as it was sent, and holds up neither loop (%s)',
    async encoding => {
      const { deployment } = watched
      await send(deployment, smallBody)
      await watched.reports()
      const sending = send(deployment, encoding === 'gzip' ? large.gzipped : large.plain, encoding)
      const times = await smallRequests(deployment, sending)
      expect((await sending).told).toBe(large.expected)
      const { proxy, worker } = await watched.reports()
      expect(Math.max(proxy.ownMs, worker.ownMs)).toBeLessThan(longestMs)
      expect(times.length).toBeGreaterThan(5)
    },
    60_000,
  )

  test('is refused with one byte more, plain or gzipped', async () => {
    const over = await largeRequest(size + 1)
    await expect(send(watched.deployment, over.gzipped, 'gzip')).rejects.toThrow(/^413: /)
    await expect(send(watched.deployment, over.plain)).rejects.toThrow(/^413: /)
    expect((await watched.deployment.idle()).reserved).toBe(0n)
  }, 60_000)
})
