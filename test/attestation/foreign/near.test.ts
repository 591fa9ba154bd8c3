/** Reports of NEAR's and Phala's proxies: what is accepted, and every way to be refused, each made by one change. */
import { describe, expect, test } from 'vitest'
import { readNearReport } from '../../../src/attestation/foreign/near.ts'
import { sha256 } from '../../../src/lib/bytes.ts'
import { outcome } from '../support/outcome.ts'
import { goodNonce, stranger } from '../support/sample.ts'
import { judge, log, quoteOver } from './support.ts'

// The generator of secp256k1 is the public key of the number 1; its address is known to every wallet.
const generator =
  '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8'
const address = '7e5f4552091a69125d5dfcb7b8c2659029395bdf'
const ed25519 = 'ab'.repeat(32)
const spki = 'cd'.repeat(32)
const bytes = (hex: string) => Buffer.from(hex, 'hex')
const padded = Buffer.concat([bytes(address), Buffer.alloc(12)])

interface Options {
  nonce?: Buffer
  named?: Buffer
}
const report = ({ nonce = goodNonce, named = padded }: Options = {}) => ({
  model_name: 'a-model',
  signing_address: `0x${address}`,
  signing_algo: 'ecdsa',
  signing_public_key: generator,
  request_nonce: nonce.toString('hex'),
  intel_quote: quoteOver(Buffer.concat([named, nonce])),
  event_log: log as unknown,
  info: { app_id: 'x' },
})
const good = report()
const read = (document: unknown, nonce: Uint8Array | undefined = goodNonce) => readNearReport(document, nonce)
const verdicts = (document: unknown, nonce: Uint8Array | undefined = goodNonce) => read(document, nonce).map(judge)

describe('a report', () => {
  test('over our nonce is verified, with the key that signs answers', () => {
    expect(verdicts(good)).toEqual(['verified'])
    expect(read(good)).toMatchObject([
      {
        format: 'near',
        fresh: true,
        gpu: null,
        keys: [
          { role: 'signing', algorithm: 'Ethereum address', value: address },
          { role: 'signing', algorithm: 'secp256k1', value: generator },
        ],
      },
    ])
  })

  test('may leave out the key, the log and the algorithm, and write hex as Ethereum’s tools do', () => {
    const { signing_public_key: _, event_log: __, signing_algo: ___, ...rest } = good
    const [shown] = read({ ...rest, signing_address: address.toUpperCase(), intel_quote: `0x${good.intel_quote}` })
    expect(judge(shown!)).toBe('verified')
    expect(shown).toMatchObject({ eventLog: undefined, keys: [{ value: address }] })
    expect(verdicts({ ...good, signing_public_key: `04${generator}` })).toEqual(['verified'])
    expect(verdicts({ ...good, event_log: JSON.stringify(log) })).toEqual(['verified'])
  })

  test('by Ed25519 has the key itself in the quote', () => {
    const document = {
      ...report({ named: bytes(ed25519) }),
      signing_algo: 'ed25519',
      signing_address: ed25519,
      signing_public_key: ed25519,
    }
    expect(verdicts(document)).toEqual(['verified'])
    expect(read(document)[0]!.keys).toEqual([{ role: 'signing', algorithm: 'Ed25519', value: ed25519 }])
  })

  test('with a TLS fingerprint binds both keys', () => {
    const document = { ...report({ named: sha256(bytes(address), bytes(spki)) }), tls_cert_fingerprint: spki }
    expect(verdicts(document)).toEqual(['verified'])
    expect(read(document)[0]!.keys.at(-1)).toEqual({ role: 'tls', algorithm: 'SHA-256 of the SPKI', value: spki })
  })

  test('without a nonce of ours is over the one that it names, and not fresh', () => {
    expect(readNearReport(good, undefined).map(judge)).toEqual(['verified'])
    expect(readNearReport(good, undefined)[0]!.fresh).toBe(false)
    const { request_nonce: _, ...rest } = good
    expect(outcome(() => readNearReport(rest, undefined))).toBe('evidence-malformed')
    expect(verdicts(rest)).toEqual(['verified'])
  })

  const withTls = { ...report({ named: sha256(bytes(address), bytes(spki)) }), tls_cert_fingerprint: spki }
  const { tls_cert_fingerprint: _, ...stripped } = withTls
  test.each<[string, string, object]>([
    ['another nonce', 'report-data-mismatch', report({ nonce: Buffer.alloc(32, 7) })],
    [
      'another nonce, and ours as its own',
      'report-data-mismatch',
      { ...report({ nonce: Buffer.alloc(32, 7) }), request_nonce: good.request_nonce },
    ],
    ['another address', 'report-data-mismatch', { ...good, signing_address: '11'.repeat(20), signing_public_key: null }],
    ['another TLS key', 'report-data-mismatch', { ...withTls, tls_cert_fingerprint: '00'.repeat(32) }],
    ['a TLS key that the quote is not over', 'report-data-mismatch', { ...good, tls_cert_fingerprint: spki }],
    ['its TLS key taken away', 'report-data-mismatch', stripped],
    ['a log of another guest', 'event-log-mismatch', { ...good, event_log: log.slice(0, -1) }],
    ['a log that is none', 'event-log-malformed', { ...good, event_log: 'x' }],
    ['a quote of somebody else', 'chain-untrusted', { ...good, intel_quote: stranger.issueQuote().toString('hex') }],
    ['a quote cut short', 'quote-malformed', { ...good, intel_quote: good.intel_quote.slice(0, -2) }],
  ])('with %s is not verified', (_, code, document) => {
    expect(verdicts(document)).toEqual([code])
  })

  test.each<[string, object]>([
    ['ECDSA', { signing_public_key: '11'.repeat(64) }],
    ['Ed25519', { signing_algo: 'ed25519', signing_address: ed25519, signing_public_key: '11'.repeat(32) }],
  ])('with a key that is not that of its address is refused: %s', (_, change) => {
    expect(outcome(() => read({ ...good, ...change }))).toBe('report-data-mismatch')
  })

  test('does not take an address for an Ed25519 key, though the quote looks the same', () => {
    const disguised = { ...good, signing_algo: 'ed25519', signing_address: padded.toString('hex'), signing_public_key: null }
    expect(outcome(() => read(disguised))).toBe('evidence-malformed')
  })

  test.each<[string, unknown]>([
    ['nothing', null],
    ['a list', []],
    ['a text', 'report'],
    ['empty', {}],
    ['without an address', { ...good, signing_address: undefined }],
    ['with an address of 32 bytes', { ...good, signing_address: ed25519 }],
    ['with an Ed25519 key of 20 bytes', { ...good, signing_algo: 'ed25519' }],
    ['with an unknown algorithm', { ...good, signing_algo: 'rsa' }],
    ['with a key of 33 bytes', { ...good, signing_public_key: `02${'11'.repeat(32)}` }],
    ['with a key of 65 bytes and another prefix', { ...good, signing_public_key: `06${generator}` }],
    ['without a quote', { ...good, intel_quote: undefined }],
    ['with a quote that is no hex', { ...good, intel_quote: 'AAAA==' }],
    ['with a huge quote', { ...good, intel_quote: '00'.repeat(20_000) }],
    ['with a short nonce', { ...good, request_nonce: 'ab' }],
    ['with a short fingerprint', { ...good, tls_cert_fingerprint: 'ab' }],
    ['with GPU evidence that is no text', { ...good, nvidia_payload: {} }],
    ['of more enclaves than any service has', { ...good, all_attestations: Array.from({ length: 17 }, () => good) }],
    ['of enclaves, one of which shows nothing', { ...good, all_attestations: [good, {}] }],
  ])('that is %s is refused', (_, document) => {
    expect(outcome(() => read(document))).toBe('evidence-malformed')
  })
})

describe('a report of several enclaves', () => {
  const other = report({ named: Buffer.concat([Buffer.alloc(20, 0x11), Buffer.alloc(12)]) })
  const second = { ...other, signing_address: '11'.repeat(20), signing_public_key: null }

  test('shows each, and what is repeated at its top once', () => {
    const [first] = read({ ...good, all_attestations: [good] })
    expect(read({ ...good, all_attestations: [good] })).toHaveLength(1)
    expect(first!.part).toBe('enclave 1')
    expect(read({ ...good, all_attestations: [good, second] }).map(({ part }) => part)).toEqual(['enclave 1', 'enclave 2'])
    expect(verdicts({ ...good, all_attestations: [good, second] })).toEqual(['verified', 'verified'])
  })

  test('does not let what stands at its top go unseen', () => {
    const shown = read({ ...good, signing_address: '22'.repeat(20), signing_public_key: null, all_attestations: [good] })
    expect(shown.map(judge)).toEqual(['report-data-mismatch', 'verified'])
  })

  test('is that of a gateway and its models too', () => {
    const shown = read({ gateway_attestation: good, model_attestations: [second] })
    expect(shown.map(({ part }) => part)).toEqual(['gateway', 'model 1'])
    expect(shown.map(judge)).toEqual(['verified', 'verified'])
    const stale = report({ nonce: Buffer.alloc(32, 7) })
    expect(verdicts({ gateway_attestation: good, model_attestations: [stale] })).toEqual(['verified', 'report-data-mismatch'])
  })

  test('has the log of an ACI gateway where such a one keeps it', () => {
    const { event_log: _, ...rest } = good
    const document = { ...rest, api_version: 'aci/1', attestation: { evidence: { event_log: JSON.stringify(log) } } }
    expect(read(document)[0]!.eventLog).toBe(JSON.stringify(log))
    expect(verdicts(document)).toEqual(['verified'])
  })
})

describe('its GPU evidence', () => {
  const item = { evidence: Buffer.of(0x11, 0xe0, 1, 2).toString('base64'), certificate: Buffer.from('-----BEGIN').toString('base64') }
  const payload = (change: object = {}) =>
    JSON.stringify({ nonce: goodNonce.toString('hex'), evidence_list: [item], arch: 'HOPPER', ...change })
  const gpuOf = (text: string) => read({ ...good, nvidia_payload: text })[0]!.gpu

  test('is to be over our nonce, and is not in REPORTDATA', () => {
    const gpu = gpuOf(payload())!
    expect(gpu).toMatchObject({ nonce: goodNonce, inReportData: false })
    expect(gpu.evidence).toEqual({
      items: [{ arch: 'HOPPER', report: Buffer.of(0x11, 0xe0, 1, 2), certificatePem: '-----BEGIN' }],
      rims: [],
      nras: null,
    })
    expect(gpuOf(payload({ nonce: '00'.repeat(32) }))!.nonce).toEqual(goodNonce)
  })

  test('may be the base64 of hex, as older servers send it, and each device may have its own name', () => {
    const hexed = { ...item, evidence: Buffer.from('11e00102').toString('base64'), arch: 'BLACKWELL' }
    expect(gpuOf(payload({ evidence_list: [hexed, item] }))!.evidence.items.map(({ arch, report: { length } }) => [arch, length])).toEqual([
      ['BLACKWELL', 4],
      ['HOPPER', 4],
    ])
  })

  test('of no device is none', () => {
    expect(gpuOf(payload({ evidence_list: [] }))).toBeNull()
  })

  test.each<[string, string]>([
    ['no JSON', '{'],
    ['a list', '[]'],
    ['without a nonce', payload({ nonce: undefined })],
    ['without a list', payload({ evidence_list: undefined })],
    ['of 17 devices', payload({ evidence_list: Array.from({ length: 17 }, () => item) })],
    ['with a report that is not base64', payload({ evidence_list: [{ ...item, evidence: '%' }] })],
    ['with a chain that is not base64', payload({ evidence_list: [{ ...item, certificate: 'A' }] })],
    ['with a huge report', payload({ evidence_list: [{ ...item, evidence: 'A'.repeat(50_000) }] })],
    ['with a device that is null', payload({ evidence_list: [null] })],
  ])('that is %s is refused', (_, text) => {
    expect(outcome(() => gpuOf(text))).toBe('gpu-evidence-malformed')
  })
})
