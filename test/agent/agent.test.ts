import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, expect, onTestFinished, test } from 'vitest'
import { parseEvidence, reportData } from '../../src/attestation/index.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { fetchKeyset, SealingClient } from '../support/sealing-client.ts'
import { chat, offer, setUp, start } from './fixture.ts'

const evidenceAt = (url: string, query: string) => fetch(`${url}/.well-known/chrysalis${query}`)

describe('evidence', () => {
  test('is a fresh quote over the caller’s nonce and the keyset', async () => {
    const { agent } = await setUp()
    const nonce = randomBytes(32)
    const response = await evidenceAt(agent.url, `?nonce=${nonce.toString('hex')}`)
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('no-store')
    const document = (await response.json()) as { keyset: string; tee: { type: string; quote: string } }
    expect(document).toMatchObject({ version: 1, nonce: nonce.toString('hex'), gpu_evidence: null, tee: { type: 'tdx' } })
    expect(Buffer.from(document.tee.quote, 'base64')).toEqual(Buffer.from(reportData(nonce, Buffer.from(document.keyset, 'base64'), null)))
    const keyset = JSON.parse(Buffer.from(document.keyset, 'base64').toString()) as Record<string, unknown>
    expect(keyset).toMatchObject({
      worker: 'worker-1',
      models: [{ id: 'scripted', weights_digest: null, context_length: 4096, offer }],
      software: { image_digest: expect.stringMatching(/^sha256:[0-9a-f]{64}$/), version: expect.any(String) },
    })
    expect(parseEvidence(JSON.stringify(document)).keyset.worker).toBe('worker-1')
    expect((keyset.hpke as { kem: number }[]).map(key => key.kem)).toEqual([0x647a, 0x647a, 0x20, 0x20])
  })

  test.each([
    ['no nonce', ''],
    ['a short nonce', `?nonce=${'a'.repeat(62)}`],
    ['an upper-case nonce', `?nonce=${'A'.repeat(64)}`],
    ['two nonces', `?nonce=${'a'.repeat(64)}&nonce=${'b'.repeat(64)}`],
  ])('is refused over %s', async (_what, query) => {
    const { agent } = await setUp()
    const response = await evidenceAt(agent.url, query)
    expect(response.status).toBe(400)
    expect(response.headers.get('content-type')).toBe('application/problem+json')
  })

  test('is made one at a time, and not at any rate', async () => {
    let running = 0
    let most = 0
    const quoter = {
      type: 'tdx' as const,
      simulated: true,
      async quote(bytes: Uint8Array) {
        most = Math.max(most, ++running)
        await delay(1)
        running -= 1
        return Buffer.from(bytes)
      },
    }
    const { agent } = await setUp({}, { quoter, limits: { evidencePerSecond: 5 } })
    const answers = await Promise.all(Array.from({ length: 20 }, () => evidenceAt(agent.url, `?nonce=${'0'.repeat(64)}`)))
    const statuses = answers.map(answer => answer.status)
    expect(most).toBe(1)
    expect(statuses.filter(status => status === 200).length).toBeGreaterThanOrEqual(8)
    expect(statuses).toContain(429)
  })

  test('that cannot be made is 503, and the agent goes on', async () => {
    const { agent, engine } = await setUp()
    expect(engine.requests).toEqual([])
    const broken = await start(engine.url, {
      quoter: { type: 'tdx', simulated: true, quote: async () => Promise.reject(new Error('no TD here')) },
    })
    expect((await evidenceAt(broken.url, `?nonce=${'0'.repeat(64)}`)).status).toBe(503)
    expect((await fetch(`${broken.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${agent.url}/readyz`)).status).toBe(200)
  })
})

test('an engine’s address may end in /v1, as OpenAI clients write it', async () => {
  const { engine } = await setUp()
  for (const suffix of ['/', '/v1', '/v1/']) {
    const agent = await start(engine.url + suffix)
    expect((await (await SealingClient.of(agent.url)).ask(chat())).finish).toBe('stop')
  }
})

describe('keys', () => {
  test('rotate without breaking what was sealed to the ones before', async () => {
    const { agent, client } = await setUp()
    const old = client.keyset
    agent.rotateKeys()
    await client.refresh()
    expect(client.keyset.json.hpke[0]).toEqual(old.json.hpke[1])
    expect(client.keyset.json.receipt).not.toEqual(old.json.receipt)
    for (const keyset of [old, client.keyset])
      expect(await client.ask(chat(), { keyset })).toMatchObject({ finish: 'stop', defect: undefined, receipt: { keyset: keyset.digest } })
  })

  test('change with the models, and only with them', async () => {
    const { agent, client, engine } = await setUp()
    await delay(120)
    expect((await fetchKeyset(agent.url)).digest).toBe(client.keyset.digest)
    engine.models = [...engine.models, { id: 'another', max_model_len: 128 }]
    await expect.poll(() => agent.models.map(model => model.id)).toEqual(['another', 'scripted'])
    expect(agent.models[0]).toMatchObject({ context_length: 128, weights_digest: null })
    expect((await client.ask(chat())).receipt?.keyset).toBe(client.keyset.digest)
    const later = chat({ model: 'another', max_tokens: 5 })
    expect((await client.ask(later, { context: { model: 'another' } })).error).toMatchObject({
      status: 404,
      error: { code: 'model_not_found' },
    })
    await client.refresh()
    expect((await client.ask(later, { context: { model: 'another' } })).finish).toBe('stop')
  })

  test('go with the process: nothing sealed to another agent opens', async () => {
    const { client, engine } = await setUp()
    const other = await start(engine.url)
    const call = client.seal(chat())
    const stranger = await SealingClient.of(other.url)
    const answer = stranger.replay(call)
    await answer.ended
    expect(answer.problem?.type).toBe('urn:chrysalis:unknown-key')
  })
})

describe('an engine that is down', () => {
  test('at the start leaves the agent up and not ready, until it comes', async () => {
    const placeholder = await ScriptedEngine.start()
    const { port, url } = placeholder
    await placeholder.close()
    const agent = await start(url)
    expect(agent.models).toEqual([])
    expect((await fetch(`${agent.url}/healthz`)).status).toBe(200)
    expect((await fetch(`${agent.url}/readyz`)).status).toBe(503)
    expect((await evidenceAt(agent.url, `?nonce=${'0'.repeat(64)}`)).status).toBe(503)
    expect(
      (
        await fetch(`${agent.url}/v1/sealed`, {
          method: 'POST',
          headers: { 'content-type': 'application/chrysalis-envelope' },
          body: 'CEP1',
        })
      ).status,
    ).toBe(503)
    const engine = await ScriptedEngine.start({ port })
    onTestFinished(() => engine.close())
    await expect.poll(async () => (await fetch(`${agent.url}/readyz`)).status, { timeout: 4_000 }).toBe(200)
    expect((await (await SealingClient.of(agent.url)).ask(chat())).finish).toBe('stop')
  })

  test('later makes it not ready, and keeps its keys', async () => {
    const { agent, client, engine } = await setUp()
    await engine.close()
    await expect.poll(async () => (await fetch(`${agent.url}/readyz`)).status).toBe(503)
    expect((await fetchKeyset(agent.url)).digest).toBe(client.keyset.digest)
    expect((await client.ask(chat())).error).toMatchObject({ status: 502, error: { code: 'engine_failed' } })
  })
})

describe('the agent', () => {
  test('counts, and tells nothing else', async () => {
    const { agent, client } = await setUp()
    await client.ask(chat({ messages: [{ role: 'user', content: 'CANARY-PROMPT' }] }))
    await client.ask(chat({ model: 'CANARY-MODEL' }), { context: { model: 'CANARY-MODEL' } })
    const text = await (await fetch(`${agent.url}/metrics`)).text()
    expect(text).toContain('chrysalis_worker_requests_total{model="scripted",finish="stop",cause="none"} 1')
    expect(text).toContain('chrysalis_worker_tokens_total{model="scripted",class="prompt"} 12')
    expect(text).toContain('chrysalis_worker_ready 1')
    expect(text).not.toMatch(/CANARY|Hello|scripted engine/)
  })

  test('knows no other address', async () => {
    const { agent } = await setUp()
    for (const path of ['/', '/v1/models', '/v1/chat/completions', '/.well-known/'])
      expect((await fetch(agent.url + path)).status).toBe(404)
    expect((await fetch(`${agent.url}/v1/sealed`)).status).toBe(404)
  })

  test('lets running answers finish when it stops, and takes no more', async () => {
    const { agent, client } = await setUp({ mode: 'paced', paceMs: 30 })
    const call = client.send(chat({ stream: true }))
    await call.until(({ said }) => said.length > 0)
    const stopped = agent.stop(5_000)
    await Promise.all([stopped, call.ended])
    expect(call).toMatchObject({ finish: 'stop', defect: undefined })
    await expect(client.ask(chat())).resolves.toMatchObject({ defect: 'no-answer' })
  })

  test('ends answers that do not finish in time by an error, charged for what came', async () => {
    const { agent, client } = await setUp({ mode: 'hang-in-answer' })
    const call = client.send(chat({ stream: true }))
    await call.until(({ said }) => said === 'Hello from the')
    await Promise.all([agent.stop(20), call.ended])
    expect(call).toMatchObject({
      finish: 'error',
      defect: undefined,
      error: { status: 503, error: { code: 'shutting_down' } },
      receipt: { usage: { prompt: 12, completion: 3 } },
    })
  })
})
