/** `chrysalis verify` on documents of other systems: in files, at URLs, in certificates. */
import { createHash, generateKeyPairSync } from 'node:crypto'
import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { developmentPolicy } from '../../src/attestation/index.ts'
import { concat, sha256, toBase64, toHex, utf8 } from '../../src/lib/bytes.ts'
import { certificate, developmentMeasurements, pem } from '../../src/tee/index.ts'
import { authority, goodNonce, now, stranger } from '../attestation/support/sample.ts'
import { at, collateral, file, root, verify } from './support/world.ts'

const flags = { collateral, root, json: true }
const filed = { ...flags, at }
const nonce = goodNonce.toString('hex')
const policyOf = (change: object = {}) => ({ ...developmentPolicy(developmentMeasurements), ...change })
const policy = file('foreign-policy.json', JSON.stringify(policyOf()))
const stale = file('foreign-stale.json', JSON.stringify(policyOf({ freshness: { without_nonce: ['dstack-tls', 'cocoon', 'tinfoil-v2'] } })))
const address = 'ab'.repeat(20)
const quoteOver = (reportData: Uint8Array, by = authority) => by.issueQuote({ body: { ...developmentMeasurements, reportData } })

const near = (over: Buffer = goodNonce, by = authority) => ({
  signing_algo: 'ecdsa',
  signing_address: `0x${address}`,
  request_nonce: toHex(over),
  intel_quote: quoteOver(concat(Buffer.from(address, 'hex'), Buffer.alloc(12), over), by).toString('hex'),
})
const tinfoil = (over: Buffer) => {
  const material = utf8(JSON.stringify({ format: 'https://tinfoil.sh/crypto-material/v1', items: [] }))
  const devices = utf8('{"format":"https://tinfoil.sh/device-evidence/v1","items":[]}')
  const report = concat(sha256(utf8('https://tinfoil.sh/report-data/v1'), over, sha256(material), sha256(devices)), Buffer.alloc(32))
  return {
    format: 'https://tinfoil.sh/predicate/attestation/v3',
    challenge: { nonce: toHex(over), report_data: toHex(report), report_data_algorithm: 'https://tinfoil.sh/report-data/v1' },
    cpu_evidence: {
      format: 'https://tinfoil.sh/format/tdx-quote/v1',
      report_base64: toBase64(quoteOver(report)),
      endorsed: { crypto_material_hash: toHex(sha256(material)), device_evidence_hash: toHex(sha256(devices)) },
    },
    crypto_material: toBase64(material),
    device_evidence: toBase64(devices),
  }
}
const aci = (over: Buffer) => {
  const keyset = '{"e2ee_public_keys":[],"not_after":4102444800,"receipt_signing_keys":[]}'
  const digest = `sha256:${toHex(sha256(utf8(keyset)))}`
  const statement = sha256(utf8(JSON.stringify({ keyset_digest: digest, nonce: toHex(over), purpose: 'aci.report_data.v1' })))
  return {
    api_version: 'aci/1',
    workload_keyset_digest: digest,
    attestation: {
      tee_type: 'tdx',
      workload_keyset: JSON.parse(keyset) as object,
      report_data: toHex(statement),
      evidence: { quote: quoteOver(concat(statement, Buffer.alloc(32))).toString('hex') },
    },
  }
}
const dstack = { quote: quoteOver(concat(goodNonce, Buffer.alloc(32))).toString('hex') }

const save = (name: string, document: unknown) => file(name, typeof document === 'string' ? document : JSON.stringify(document))
const json = async (asked: Parameters<typeof verify>[0], world: Parameters<typeof verify>[1] = {}) => {
  const { code, output } = await verify(asked, world)
  return { code, verdict: JSON.parse(output) as Record<string, unknown> & { subjects: Record<string, unknown>[]; checks: unknown[] } }
}

describe('a file', () => {
  test.each<[string, unknown, string]>([
    ['of NEAR and Phala', near(), 'near'],
    ['of ACI', aci(goodNonce), 'aci'],
    ['of Tinfoil', tinfoil(goodNonce), 'tinfoil-v3'],
    ['of a dstack guest', dstack, 'dstack'],
  ])('%s is known by its form, verified over our nonce, and accepted', async (name, document, format) => {
    const evidence = save(`${name}.json`, document)
    const { code, verdict } = await json({ ...filed, evidence, nonce, policy })
    expect(code).toBe(0)
    expect(verdict).toMatchObject({ verified: true, status: 'UpToDate', policy: { accepted: true }, format, fresh: true })
    expect(verdict.checks).toContainEqual({ name: 'evidence is fresh', ok: true })
  })

  test('is told of as a person reads it, with what it does not prove', async () => {
    const { output } = await verify({ ...filed, evidence: save('told.json', near()), nonce, json: false })
    expect(output).toMatch(/^VERIFIED {2}.*told\.json \(near\)$/m)
    expect(output).toContain('✓ quote is over our nonce and the keys that are shown')
    expect(output).toMatch(new RegExp(`^ {2}signing +${address} \\(Ethereum address\\)$`, 'm'))
    expect(output).toContain('That your connection ends with these keys')
    const keyless = await verify({ ...filed, evidence: save('keyless.json', dstack), nonce, json: false })
    expect(keyless.output).toContain('it says what runs, and binds no key')
  })

  test('without our nonce is not fresh, which a policy refuses', async () => {
    const { code, verdict } = await json({ ...filed, evidence: save('stale.json', near()), policy })
    expect([code, verdict.fresh]).toEqual([3, false])
    expect(verdict.policy).toMatchObject({ reasons: ['the evidence is not over a nonce of ours (near)'] })
  })

  test.each<[string, unknown, string]>([
    ['over another nonce', near(Buffer.alloc(32, 1)), 'report-data-mismatch'],
    ['of somebody else', near(goodNonce, stranger), 'chain-untrusted'],
    ['of Tinfoil over another nonce', tinfoil(Buffer.alloc(32, 1)), 'report-data-mismatch'],
    ['of ACI over another nonce', aci(Buffer.alloc(32, 1)), 'report-data-mismatch'],
    ['of NEAR without a quote', { ...near(), intel_quote: '' }, 'evidence-malformed'],
  ])('%s is not verified', async (name, document, code) => {
    expect(await json({ ...filed, evidence: save(`not ${name}.json`, document), nonce })).toMatchObject({
      code: 4,
      verdict: { verified: false, code },
    })
  })

  test('of several enclaves is judged enclave by enclave, and ends with the worst', async () => {
    const document = { gateway_attestation: near(), model_attestations: [near(), near(goodNonce, stranger)] }
    const { code, verdict } = await json({ ...filed, evidence: save('several.json', document), nonce })
    expect([code, verdict.code]).toEqual([4, 'chain-untrusted'])
    expect(verdict.subjects.map(({ subject, verified }) => [String(subject).replace(/.*\(/, '('), verified])).toEqual([
      ['(near, gateway)', true],
      ['(near, model 1)', true],
      ['(near, model 2)', false],
    ])
  })

  test('is of the system that --kind names, whatever it looks like', async () => {
    const evidence = save('named.json', near())
    expect(await json({ ...filed, evidence, nonce, kind: 'aci' })).toMatchObject({ code: 4, verdict: { code: 'evidence-malformed' } })
    expect(await json({ ...filed, evidence, nonce, kind: 'near' })).toMatchObject({ code: 0 })
  })
})

describe('a URL', () => {
  let server: Server | undefined
  afterEach(() => void server?.close())
  const listening = async (made: Server) => {
    server = made.listen(0, '127.0.0.1')
    await new Promise(resolve => server!.once('listening', resolve))
    return (server.address() as AddressInfo).port
  }
  const serve = async (listener: RequestListener) => `http://127.0.0.1:${await listening(createServer(listener))}`
  let draws = 100
  const world = { fetch, random: (size: number) => Buffer.alloc(size, ++draws) }
  const asked = (url: string | undefined) => Buffer.from(new URL(url!, 'http://a').searchParams.get('nonce') ?? '', 'hex')
  const at404: RequestListener = (_, response) => void response.writeHead(404).end('{}')

  test.each<[string, string, (over: Buffer) => unknown]>([
    ['NEAR and Phala', '/v1/attestation/report', near],
    ['ACI', '/v1/aci/attestation', aci],
    ['Tinfoil', '/.well-known/tinfoil-attestation', tinfoil],
  ])('of %s is found, asked with a nonce of its own, and judged', async (_, path, document) => {
    const url = await serve((request, response) =>
      new URL(request.url!, 'http://a').pathname === path
        ? response.end(JSON.stringify(document(asked(request.url))))
        : at404(request, response),
    )
    const { code, verdict } = await json({ url, ...flags, policy }, world)
    expect(code).toBe(0)
    expect(verdict.subjects).toMatchObject([{ verified: true, fresh: true, policy: { accepted: true } }])
  })

  test('is asked with the key for other systems, never with one of ours', async () => {
    const seen: (string | undefined)[] = []
    const url = await serve((request, response) => {
      const { pathname } = new URL(request.url!, 'http://a')
      if (pathname !== '/v1/attestation/report') return at404(request, response)
      seen.push(request.headers.authorization)
      response.end(JSON.stringify(near(asked(request.url))))
    })
    const env = { CHRYSALIS_API_KEY: 'ours', CHRYSALIS_FOREIGN_API_KEY: 'theirs' }
    await json({ url, ...flags }, { ...world, env })
    expect(seen).toEqual(['Bearer theirs'])
  })

  test.each<[string, RequestListener, string]>([
    ['an old document', (_, response) => void response.end(JSON.stringify(near())), 'report-data-mismatch'],
    ['nonsense', (_, response) => void response.end('<html>'), 'evidence-malformed'],
    ['nothing', at404, 'evidence-unavailable'],
    ['another place', (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:9/' }).end(), 'evidence-unavailable'],
    ['an answer without end', (_, response) => void response.end(Buffer.alloc(5 * 1024 * 1024, ' ')), 'evidence-unavailable'],
  ])('that shows %s is not verified', async (_, listener, code) => {
    expect(await json({ url: await serve(listener), ...flags, kind: 'near' }, world)).toMatchObject({ code: 4, verdict: { code } })
  })

  /** A server whose certificate holds the quote of its key. */
  async function serveCertificate(oid: string, bound: (spki: Buffer, raw: Buffer) => Buffer): Promise<string> {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const spki = publicKey.export({ format: 'der', type: 'spki' })
    const quote = quoteOver(bound(spki, spki.subarray(-32)))
    const value = oid.endsWith('62397.1.1') ? octets(quote) : quote
    const name = [['CN', 'localhost']] as const
    // Signed by a key of another kind, which a client that trusted certificates would refuse.
    const der = certificate({
      ...{ serial: Buffer.of(1), issuer: name, subject: name, notBefore: now - 1000, notAfter: now + 86_400_000, publicKey },
      extensions: [{ oid, critical: false, value }],
      issuerKey: authority.keys.pckCa,
    })
    const key = privateKey.export({ format: 'pem', type: 'pkcs8' })
    return `https://127.0.0.1:${await listening(createTlsServer({ key, cert: pem(der) }) as unknown as Server)}`
  }
  const octets = (bytes: Uint8Array) => Buffer.concat([Buffer.from([4, 0x82, bytes.length >> 8, bytes.length & 0xff]), bytes])
  const cocoon = (_: Buffer, raw: Buffer) => createHash('sha512').update(raw).digest()
  const ratls = (spki: Buffer) => createHash('sha512').update('ratls-cert:').update(spki).digest()

  test.each<[string, string, (spki: Buffer, raw: Buffer) => Buffer]>([
    ['cocoon', '1.3.6.1.4.1.12345.1', cocoon],
    ['dstack-tls', '1.3.6.1.4.1.62397.1.1', ratls],
  ])('whose certificate is of %s is judged by it, and is never fresh', async (kind, oid, bound) => {
    const url = await serveCertificate(oid, bound)
    const refused = await json({ url, ...flags, kind, policy }, world)
    expect(refused).toMatchObject({
      code: 3,
      verdict: { verified: true, policy: { reasons: [`the evidence is not over a nonce of ours (${kind})`] } },
    })
    expect(await json({ url, ...flags, kind, policy: stale }, world)).toMatchObject({ code: 0 })
  })

  test('whose certificate holds the quote of another key is not verified', async () => {
    const url = await serveCertificate('1.3.6.1.4.1.12345.1', () => Buffer.alloc(64, 1))
    expect(await json({ url, ...flags, kind: 'cocoon' }, world)).toMatchObject({ code: 4, verdict: { code: 'report-data-mismatch' } })
  })

  test('cannot be of a dstack guest’s socket, and a certificate wants https', async () => {
    for (const kind of ['dstack', 'cocoon'])
      expect(await json({ url: 'http://127.0.0.1:9', ...flags, kind }, world)).toMatchObject({
        code: 4,
        verdict: { code: 'evidence-unavailable' },
      })
  })
})
