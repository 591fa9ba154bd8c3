/** `chrysalis verify https://…` of a proxy in a TD: the connection itself must end at the TLS key that the quote vouches for. */
import { createHash, createPublicKey } from 'node:crypto'
import { once } from 'node:events'
import { createServer as createHttp, type RequestListener } from 'node:http'
import { createServer as createHttps } from 'node:https'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { generateP256Key } from '../../src/tee/authority-keys.ts'
import { basicConstraints, certificate, pem } from '../../src/tee/x509.ts'
import { connectedFetch } from '../../src/verify/connected-fetch.ts'
import { proxyEvidenceOf } from '../attestation/support/sample.ts'
import { seededRandom } from '../tee/support/seeded-random.ts'
import { collateral, root, verify } from './support/world.ts'

const key = generateP256Key(seededRandom('the proxy'))
const cert = certificate({
  serial: Buffer.of(1),
  ...{ issuer: [['CN', 'localhost']], subject: [['CN', 'localhost']] },
  ...{ notBefore: Date.now() - 1_000, notAfter: Date.now() + 3_600_000 },
  ...{ publicKey: createPublicKey(key), extensions: [basicConstraints(true)], issuerKey: key },
})
const spki = createHash('sha256')
  .update(createPublicKey(key).export({ format: 'der', type: 'spki' }))
  .digest('hex')

/** A proxy that shows evidence of its own with this TLS key, and no worker. */
async function serve(tls_spki: string | null, scheme: 'http' | 'https'): Promise<string> {
  const listener: RequestListener = (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://a')
    if (pathname === '/v1/models') return void response.end('{"data":[]}')
    if (pathname !== '/v1/attestation') return void response.writeHead(404).end()
    const nonce = Buffer.from(searchParams.get('nonce')!, 'hex')
    response.end(JSON.stringify(proxyEvidenceOf({ nonce, statement: { tls_spki } })))
  }
  const server =
    scheme === 'http' ? createHttp(listener) : createHttps({ key: key.export({ format: 'pem', type: 'pkcs8' }), cert: pem(cert) }, listener)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return `${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const trusting = connectedFetch({ ca: pem(cert), checkServerIdentity: () => undefined })
const world = { fetch: trusting, env: { CHRYSALIS_API_KEY: 'sk-chrysalis-mine' } }
const flags = { collateral, root }

test('the key of the connection is the one of the evidence: that is checked, and said', async () => {
  const url = await serve(spki, 'https')
  const { code, output } = await verify({ url, ...flags }, world)
  expect(output).toContain('✓ this connection ends at the TLS key of the proxy')
  expect(output).toContain('have it compare the TLS key too')
  expect(code).toBe(0)
})

test.each<[string, string | null, 'http' | 'https', RegExp]>([
  ['by somebody who ends TLS in its place', '00'.repeat(32), 'https', new RegExp(`this connection ends at the TLS key ${spki}`)],
  ['over plain HTTP', spki, 'http', /asked over plain HTTP/],
])('evidence that is passed on %s is not verified', async (_, named, scheme, words) => {
  const url = await serve(named, scheme)
  const { code, output } = await verify({ url, ...flags, json: true }, world)
  expect(code).toBe(4)
  const { subjects } = JSON.parse(output)
  expect(subjects[0]).toMatchObject({ verified: false, code: 'connection-mismatch', message: expect.stringMatching(words) })
})

test('a proxy whose evidence names no TLS key is verified, and that something else ends TLS is said', async () => {
  for (const scheme of ['http', 'https'] as const) {
    const { code, output } = await verify({ url: await serve(null, scheme), ...flags }, world)
    expect(code).toBe(0)
    expect(output).toContain('That your connection ends inside: it does not.')
  }
})

test('a certificate that nobody vouches for ends it before anything is asked', async () => {
  const { code, output } = await verify({ url: await serve(spki, 'https'), ...flags }, { ...world, fetch: connectedFetch() })
  expect(code).toBe(4)
  expect(output).toMatch(/cannot be asked: .*certificate/)
})
