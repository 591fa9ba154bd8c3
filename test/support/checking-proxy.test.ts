/** The proxy that checks answers is not seen by whoever asks through it. */
import { once } from 'node:events'
import { createServer, type RequestListener, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { startCheckingProxy } from './answers/checking-proxy.ts'

const head = { 'x-request-id': `req_${'0'.repeat(24)}`, 'content-type': 'application/json' }

async function before(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close().closeAllConnections())
  const proxy = await startCheckingProxy(() => `http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  onTestFinished(() => proxy.close())
  return proxy.url
}

test('a refusal that comes before the body’s end arrives', async () => {
  const error = { message: 'The body is too large.', type: 'invalid_request_error', param: null, code: 'request_too_large' }
  const url = await before((incoming, response) => {
    incoming.resume()
    response.writeHead(413, head).end(JSON.stringify({ error }))
  })
  const asked = request(`${url}/v1/embeddings`, { method: 'POST' }).on('error', () => {})
  asked.write(Buffer.alloc(8 * 1024 * 1024))
  const [answer] = (await once(asked, 'response')) as [NodeJS.ReadableStream & { statusCode: number }]
  let text = ''
  for await (const part of answer) text += String(part)
  expect([answer.statusCode, JSON.parse(text)]).toEqual([413, { error }])
  asked.destroy()
})

test('an answer that is cut is cut, and one that never begins never begins', async () => {
  const url = await before((incoming, response) => {
    if (incoming.url === '/v1/models') response.destroy()
    else response.writeHead(200, { ...head, 'content-length': 100 }).write('{"status":', () => response.destroy())
  })
  await expect(fetch(`${url}/v1/models`)).rejects.toThrow()
  await expect(fetch(`${url}/healthz`).then(response => response.text())).rejects.toThrow()
})
