/** `tls` of the proxy's config: the same routes, over the certificate that it names. */
import { createPublicKey } from 'node:crypto'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { get } from 'node:https'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, test } from 'vitest'
import { type Child, startChild } from '../../src/dev/supervisor.ts'
import { generateP256Key } from '../../src/tee/authority-keys.ts'
import { basicConstraints, certificate, pem } from '../../src/tee/x509.ts'
import { seededRandom } from '../tee/support/seeded-random.ts'

const folder = mkdtempSync(join(tmpdir(), 'chrysalis-tls-'))
cpSync(fileURLToPath(new URL('../../config', import.meta.url)), folder, { recursive: true })
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const key = generateP256Key(seededRandom('tls'))
const cert = certificate({
  serial: Buffer.of(1),
  issuer: [['CN', 'localhost']],
  subject: [['CN', 'localhost']],
  notBefore: Date.now() - 1_000,
  notAfter: Date.now() + 3_600_000,
  publicKey: createPublicKey(key),
  extensions: [basicConstraints(true)],
  issuerKey: key,
})

/** Starts the example proxy with `tls` and, by default, the files that it names. */
function start(files: { cert?: string; key?: string } = {}): Promise<Child<{ url: string }>> {
  const example = readFileSync(join(folder, 'proxy.yaml'), 'utf8')
  const file = join(folder, 'tls.yaml')
  writeFileSync(
    file,
    example
      .replace(/port: \d+/, 'port: 0')
      .replaceAll('../.chrysalis-proxy', './data')
      .replace('# tls:', 'tls:'),
  )
  writeFileSync(join(folder, 'cert.pem'), files.cert ?? pem(cert))
  writeFileSync(join(folder, 'key.pem'), files.key ?? (key.export({ format: 'pem', type: 'pkcs8' }) as string))
  return startChild({ name: 'proxy', args: ['proxy', '--config', file], logFile: join(folder, 'proxy.log'), readyWithinMs: 30_000 })
}

test('the proxy answers over TLS with its own certificate', async () => {
  const proxy = await start()
  try {
    expect(proxy.ready.url).toMatch(/^https:/)
    const status = await new Promise<number | undefined>((resolve, reject) => {
      const trust = { ca: pem(cert), checkServerIdentity: () => undefined }
      get(`${proxy.ready.url}/healthz`, trust, response => resolve(response.resume().statusCode)).on('error', reject)
    })
    expect(status).toBe(200)
  } finally {
    await proxy.stop(10_000)
  }
})

test('a certificate or key that is none, or not a pair, fails the start and names the member', async () => {
  await expect(start({ key: 'no key' })).rejects.toThrow(/tls\.key: .* cannot be used/)
  const other = generateP256Key(seededRandom('another key')).export({ format: 'pem', type: 'pkcs8' }) as string
  await expect(start({ key: other })).rejects.toThrow(/tls\.key is not the key of tls\.cert/)
  await expect(start({ cert: 'no certificate' })).rejects.toThrow(/tls\.cert: /)
})
