/** Streams through the whole product: nothing is held back, nothing is changed, and a slow reader slows the engine instead of filling a memory. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Deployment, deploy } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { sampleRequests } from '../support/requests.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'

let engine: ScriptedEngine
let deployment: Deployment
const mebibyte = 1024 * 1024

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  deployment = await deploy({ engines: [engine.url], worker: { limits: { reader_stall_ms: 60_000 } } })
})

afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

/** Reads until `text` has come. */
async function readUntil(reader: ReadableStreamDefaultReader<Uint8Array>, text: string): Promise<string> {
  let read = ''
  while (!read.includes(text)) {
    const { value, done } = await reader.read()
    if (done) throw new Error(`the stream ended before ${text}`)
    read += Buffer.from(value).toString('utf8')
  }
  return read
}

describe.each(sampleRequests.filter(({ stream }) => stream))('a stream of $path', request => {
  test('brings each token before the engine makes the next', async () => {
    engine.mode = 'stepped'
    const asked = engine.requests.length
    const answering = deployment.post(request.path, request.body())
    const seen = await engine.asked(asked + 1)
    const tokens = ['Hello', ' from', ' the']
    engine.step()
    const reader = (await answering).body!.getReader()
    for (const [index, token] of tokens.entries()) {
      if (index > 0) engine.step()
      await readUntil(reader, token)
      expect(seen.made).toBe(index + 1)
    }
    engine.step(engine.tokens.length - tokens.length)
    for (let ended = false; !ended; ) ended = (await reader.read()).done
    await seen.closed
    engine.mode = 'good'
    await deployment.idle()
  })
})

describe('a reader that stops reading', () => {
  test('stops the engine, and fills neither memory', async () => {
    engine.mode = 'endless'
    engine.tokens = ['x'.repeat(8_192)]
    const asked = engine.requests.length
    const body = { model: 'scripted', stream: true, messages: [{ role: 'user', content: 'hello' }] }
    const reader = (await deployment.chat(body)).body!.getReader()
    await reader.read()
    const seen = await engine.asked(asked + 1)
    // The engine has stopped when it has written nothing for a while: as long as it takes to look twenty times.
    let quiet = 0
    let last = -1
    await eventually(async () => {
      quiet = seen.written === last ? quiet + 1 : 0
      last = seen.written
      return quiet > 20 ? true : undefined
    })
    // What fits into six sockets, of which the kernel gives each up to 4 MiB to send from and 6 to receive into; the engine would go on for ever.
    expect(seen.written).toBeLessThan(64 * mebibyte)
    await reader.cancel()
    await seen.closed
    engine.mode = 'good'
    expect((await deployment.idle()).reserved).toBe(0n)
  })
})
