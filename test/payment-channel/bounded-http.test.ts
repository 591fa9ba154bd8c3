/** Endpoints that answer what no endpoint should: a `TonClient` over the bounded adapter gives up in time. */
import { once } from 'node:events'
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { TonClient } from '@ton/ton'
import { afterEach, describe, expect, it } from 'vitest'
import { boundedHttp, mostAnswerBytes } from '../../src/payment-channel/index.ts'
import { testAddress } from '../support/ton.ts'

let server: Server | undefined
afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function clientOf(listener: RequestListener, timeout = 5_000): Promise<TonClient> {
  server = createServer(listener).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return new TonClient({ endpoint: `http://127.0.0.1:${port}/`, timeout, apiKey: 'a secret', httpAdapter: boundedHttp })
}
const account = {
  '@type': 'raw.fullAccountState',
  balance: '5',
  state: 'uninitialized',
  code: '',
  data: '',
  last_transaction_id: { '@type': 'internal.transactionId', lt: '0', hash: '' },
  block_id: { '@type': 'ton.blockIdExt', workchain: -1, shard: '0', seqno: 1, root_hash: '', file_hash: '' },
  sync_utime: 7,
}
const ask = (client: TonClient) => client.getContractState(testAddress('anybody'))

describe('an endpoint', () => {
  it('that answers as it should is understood, and got the API key', async () => {
    let key: string | string[] | undefined
    const client = await clientOf((request, response) => {
      key = request.headers['x-api-key']
      response.end(JSON.stringify({ ok: true, result: account }))
    })
    expect(await ask(client)).toMatchObject({ balance: 5n, timestampt: 7 })
    expect(key).toBe('a secret')
  })

  it.each<[string, RequestListener, RegExp]>([
    ['sends without end', (_, response) => pour(response), new RegExp(`more than ${mostAnswerBytes} bytes`)],
    ['sends another way', (_, response) => response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(), /fetch failed|redirect/],
    ['refuses', (_, response) => response.writeHead(429).end('{"ok":false,"error":"Ratelimit exceed"}'), /answered 429/],
    ['sends no JSON', (_, response) => response.end('<html>'), /Received error|Malformed|ok/],
    ['sends another form', (_, response) => response.end('{"ok":true,"result":{"balance":[]}}'), /Malformed response/],
    ['hangs up', (_, response) => response.destroy(), /fetch failed/],
  ])('that %s is given up', async (_, listener, words) => {
    await expect(ask(await clientOf(listener))).rejects.toThrow(words)
  })

  it('that is silent is given up after the client’s own time', async () => {
    await expect(ask(await clientOf(() => {}, 200))).rejects.toThrow(/timeout/)
  })
})

function pour(response: Parameters<RequestListener>[1]): void {
  const piece = Buffer.alloc(1 << 20, 'x')
  const more = () => {
    while (!response.destroyed && response.write(piece));
  }
  response.on('drain', more)
  more()
}
