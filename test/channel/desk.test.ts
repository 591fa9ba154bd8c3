/** A proxy that answers oddly: the person is told what happened, and nothing of it is believed. */
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { DeskClient } from '../../src/channel/desk.ts'

let close: () => void = () => {}
afterEach(() => close())

async function ask(listener: RequestListener): Promise<unknown> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  close = () => server.close()
  await new Promise(resolve => server.once('listening', resolve))
  const desk = new DeskClient(`http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/`, fetch)
  return desk.account('sk-chrysalis-secret').catch(error => ({ code: error.code, message: error.message, status: error.status }))
}

const amounts = { deposited: '1', authorised: '1', settled: '0', spent: '0', reserved: '0', available: '1' }

describe('the desk of a proxy', () => {
  test('is found under the base URL that clients use, and may say more than is known', async () => {
    const paths: (string | undefined)[] = []
    const answer = await ask((request, response) => {
      paths.push(request.url, request.headers.authorization)
      response.end(JSON.stringify({ channel: 'EQ', ...amounts, status: 'open' }))
    })
    expect(answer).toEqual({ channel: 'EQ', ...amounts })
    expect(paths).toEqual(['/v1/account', 'Bearer sk-chrysalis-secret'])
  })

  test.each<[string, RequestListener, RegExp]>([
    [
      'refuses',
      (_, response) => void response.writeHead(401).end('{"error":{"message":"no such key","type":"x"}}'),
      /refused with 401: no such key$/,
    ],
    ['refuses without a word', (_, response) => void response.writeHead(502).end('<html>bad gateway'), /refused with 502$/],
    ['redirects', (_, response) => void response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end(), /cannot be asked/],
    ['answers HTML', (_, response) => void response.end('<html>'), /answered what no proxy of this version does/],
    ['leaves a member out', (_, response) => void response.end(JSON.stringify({ channel: 'EQ', ...amounts, spent: undefined })), /'spent'/],
    ['gives an amount as a number', (_, response) => void response.end(JSON.stringify({ channel: 'EQ', ...amounts, spent: 3 })), /'spent'/],
    ['hangs up', request => void request.socket.destroy(), /cannot be asked/],
    ['answers without end', (_, response) => void response.end(Buffer.alloc(17 * 1024 * 1024, 'x')), /without end/],
  ])('that %s is told of', async (_, listener, why) => {
    const said = await ask(listener)
    expect(said).toMatchObject({ code: 'proxy', message: expect.stringMatching(why) })
    expect(JSON.stringify(said)).not.toContain('secret')
  })
})
