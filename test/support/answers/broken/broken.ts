/**
 * Tests that look at nothing but a status, over answers that are broken in one place each: all of them have to fail by what
 * stands over the whole suite, except for the first.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { deploy } from '../../deployment.ts'
import { ScriptedEngine } from '../../scripted-engine.ts'
import { SealingClient } from '../../sealing-client.ts'
import { checkResponse } from '../check-answer.ts'
import { CheckedResponse } from '../checked-response.ts'
import { startCheckingProxy } from '../checking-proxy.ts'

const usage = { prompt_tokens: 1, completion_tokens: 1, total_tokens: 2, cost: '1' }
const common = { id: 'chatcmpl-1', created: 1, model: 'm' }
const message = { role: 'assistant', content: 'a', refusal: null }
const chat = { ...common, object: 'chat.completion', choices: [{ index: 0, message, logprobs: null, finish_reason: 'stop' }], usage }
const { usage: _, ...unpriced } = chat
const chunk = { ...common, object: 'chat.completion.chunk', choices: [{ index: 0, delta: { content: 'a' }, finish_reason: 'stop' }] }
const whole = (value: object) => ({ contentType: 'application/json', body: JSON.stringify(value) })
const stream = (body: string) => ({ contentType: 'text/event-stream', body })
const head = { 'x-request-id': `req_${'0'.repeat(24)}` }
const path = '/v1/chat/completions'

/** Something that answers always the same, and its URL. */
async function serve(answer: { contentType: string; body: string }, how: { ServerResponse?: typeof CheckedResponse } = {}) {
  const server = createServer(how, (request, response) => {
    request.resume()
    response.writeHead(200, { ...head, 'content-type': answer.contentType }).end(answer.body)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close().closeAllConnections())
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

async function before(url: string): Promise<string> {
  const proxy = await startCheckingProxy(() => url)
  onTestFinished(() => proxy.close())
  return proxy.url
}

async function asked(url: string): Promise<void> {
  const response = await fetch(url + path, { method: 'POST' })
  expect(response.status).toBe(200)
  await response.text()
}

test('good: fetch', async () => asked(await before(await serve(whole(chat)))))

test('broken: fetch, an answer without usage', async () => asked(await before(await serve(whole(unpriced)))))

test('broken: fetch, a stream without [DONE]', async () => asked(await before(await serve(stream(`data: ${JSON.stringify(chunk)}\n\n`)))))

test('broken: a client in a process of its own', async () => {
  const url = await before(await serve(whole(unpriced)))
  const child = spawn(process.execPath, ['-e', `fetch('${url}${path}', { method: 'POST' }).then(answer => answer.text())`])
  expect(await once(child, 'exit')).toEqual([0, null])
})

test('broken: a server in this process', async () => asked(await serve(whole(unpriced), { ServerResponse: CheckedResponse })))

test('broken: a request without a socket', async () => {
  await checkResponse('POST', path, new Response(JSON.stringify(unpriced), { headers: { ...head, 'content-type': 'application/json' } }))
})

const isLeaking = { ...chunk, created: undefined }

test('broken: a chunk that passes through the whole product', async () => {
  const engine = await ScriptedEngine.start()
  onTestFinished(() => engine.close())
  const deployment = await deploy({ engines: [engine.url] })
  onTestFinished(() => deployment.stop())
  engine.custom = async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${JSON.stringify(isLeaking)}\n\ndata: [DONE]\n\n`)
  }
  const body = { model: 'scripted', stream: true, messages: [{ role: 'user', content: 'hello' }] }
  expect(await (await deployment.chat(body)).text()).toContain('[DONE]')
})

test('broken: a chunk in an envelope', async () => {
  const engine = await ScriptedEngine.start()
  onTestFinished(() => engine.close())
  const deployment = await deploy({ engines: [engine.url] })
  onTestFinished(() => deployment.stop())
  engine.custom = async (_, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).end(`data: ${JSON.stringify(isLeaking)}\n\ndata: [DONE]\n\n`)
  }
  const client = await SealingClient.of(deployment.workers.get('worker-1')!.ready.url)
  client.price = { prompt: '20000000', cached: '10000000', completion: '60000000', reasoning: '60000000' }
  const call = await client.ask({ model: 'scripted', stream: true, messages: [{ role: 'user', content: 'hello' }] })
  expect(call.finish).toBe('stop')
})
