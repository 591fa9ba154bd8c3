/** A large body is read over many turns of the event loop, however fast it comes. */
import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { BodyReader } from '../../src/api/body-reader.ts'
import { ManualClock } from '../support/manual-clock.ts'

const piece = Buffer.alloc(64 * 1024, 'x')
const limits = { bytes: 64 * 1024 * 1024, togetherBytes: 128 * 1024 * 1024, totalMs: 10_000, silentMs: 5_000 }

/** A request whose bytes are all there already. */
function arrived(pieces: number): IncomingMessage {
  const incoming = new IncomingMessage(new Socket())
  for (let i = 0; i < pieces; i++) incoming.push(piece)
  incoming.push(null)
  return incoming
}

test('bodies that are there already are read half a MiB or so in a turn, all together', async () => {
  const reader = new BodyReader({ limits, clock: new ManualClock(0) })
  const incoming = Array.from({ length: 4 }, () => arrived(64))
  let read = 0
  const all = Promise.all(incoming.map(message => reader.read(message, new ServerResponse(message)))).then(bodies => {
    read = bodies.reduce((sum, body) => sum + body.bytes.length, 0)
  })
  const held = () => incoming.reduce((sum, message) => sum + message.readableLength, 0)
  const most: number[] = []
  for (let left = held(); read === 0; left = held()) {
    await setImmediate()
    most.push(left - held())
  }
  await all
  expect(read).toBe(4 * 64 * piece.length)
  // The first turn also reads what no body has to ask for.
  expect(Math.max(...most.slice(1))).toBeLessThanOrEqual(1024 * 1024)
  expect(most.filter(bytes => bytes > 0).length).toBeGreaterThan(16)
})
