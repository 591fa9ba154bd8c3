/** Tinfoil's documents, versions 2 and 3: made here by every change. */
import { gzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { readTinfoilDocument } from '../../../src/attestation/foreign/tinfoil.ts'
import { sha256, toBase64, toHex, utf8 } from '../../../src/lib/bytes.ts'
import { outcome } from '../support/outcome.ts'
import { authority, goodNonce, stranger } from '../support/sample.ts'
import { judge } from './support.ts'

const tls = 'ab'.repeat(32)
const hpke = 'cd'.repeat(32)
const site = 'https://tinfoil.sh'
const quoteOver = (reportData: Uint8Array, by = authority) => by.issueQuote({ body: { reportData } })
const read = (document: unknown, nonce: Buffer | undefined = goodNonce) =>
  readTinfoilDocument(typeof document === 'string' ? document : JSON.stringify(document), nonce)
const verdict = (document: unknown, nonce: Buffer | undefined = goodNonce) => {
  try {
    return judge(read(document, nonce))
  } catch (error) {
    return (error as { code: string }).code
  }
}

const material = (
  items: object[] = [
    { id: 'tls', format: `${site}/key/spki-fp-sha256/v1`, data: tls },
    { id: 'hpke', format: `${site}/key/x25519-hpke/v1`, data: hpke },
  ],
) => utf8(JSON.stringify({ format: `${site}/crypto-material/v1`, items }))
const devices = utf8(JSON.stringify({ format: `${site}/device-evidence/v1`, items: [] }))

function bound(nonce: Uint8Array, crypto: Uint8Array, gpu: Uint8Array): Buffer {
  return Buffer.concat([sha256(utf8(`${site}/report-data/v1`), nonce, sha256(crypto), sha256(gpu)), Buffer.alloc(32)])
}

function v3(o: { nonce?: Buffer; crypto?: Buffer; quote?: Buffer; report?: Buffer } = {}) {
  const { nonce = goodNonce, crypto = material() } = o
  const report = o.report ?? bound(nonce, crypto, devices)
  return {
    format: `${site}/predicate/attestation/v3`,
    challenge: { nonce: toHex(nonce), report_data: toHex(report), report_data_algorithm: `${site}/report-data/v1` },
    cpu_evidence: {
      format: `${site}/format/tdx-quote/v1`,
      report_base64: toBase64(o.quote ?? quoteOver(report)),
      endorsed: { crypto_material_hash: toHex(sha256(crypto)), device_evidence_hash: toHex(sha256(devices)) },
    },
    crypto_material: toBase64(crypto),
    device_evidence: toBase64(devices),
    collateral: [],
  }
}

describe('a document of version 3', () => {
  test('is verified over our nonce, with its keys', () => {
    expect(verdict(v3())).toBe('verified')
    expect(read(v3())).toMatchObject({
      format: 'tinfoil-v3',
      fresh: true,
      keys: [
        { role: 'tls', value: tls },
        { role: 'encryption', value: hpke },
      ],
    })
  })

  test('has the report data of the known answer', () => {
    const nonce = Buffer.from(Array.from({ length: 32 }, (_, index) => index))
    const hashes = Buffer.concat([
      nonce,
      Buffer.from('ef0a1e0e45966d6d1821288d60dda910c484f2ebb11a03f196e69c3132688aa2', 'hex'),
      sha256(devices),
    ])
    expect(toHex(sha256(utf8(`${site}/report-data/v1`), hashes))).toBe('b8a3dcdb99cd81bb3788c1dc76c89eba57de8f2064106fa654244d0c35244971')
  })

  test('without a nonce of ours is over its own, and not fresh', () => {
    expect(judge(readTinfoilDocument(JSON.stringify(v3()), undefined))).toBe('verified')
    expect(readTinfoilDocument(JSON.stringify(v3()), undefined).fresh).toBe(false)
  })

  test('passes keys of formats over that it does not know', () => {
    const crypto = material([{ id: 'other', format: 'https://example.com/key', data: '00' }])
    expect(read(v3({ crypto })).keys).toEqual([])
    expect(verdict(v3({ crypto }))).toBe('verified')
  })

  const good = v3()
  const other = toBase64(material([{ id: 'tls', format: `${site}/key/spki-fp-sha256/v1`, data: hpke }]))
  test.each<[string, string, unknown]>([
    ['another nonce', 'report-data-mismatch', v3({ nonce: Buffer.alloc(32, 7) })],
    ['another nonce under our name', 'report-data-mismatch', { ...v3({ nonce: Buffer.alloc(32, 7) }), challenge: { ...good.challenge } }],
    ['other keys than the quote is over', 'report-data-mismatch', { ...good, crypto_material: other }],
    ['other devices', 'report-data-mismatch', { ...good, device_evidence: toBase64(utf8('{}')) }],
    ['a quote over other report data', 'report-data-mismatch', v3({ quote: quoteOver(Buffer.alloc(64, 1)) })],
    ['a quote of somebody else', 'chain-untrusted', v3({ quote: quoteOver(bound(goodNonce, material(), devices), stranger) })],
    [
      'an AMD report',
      'evidence-malformed',
      { ...good, cpu_evidence: { ...good.cpu_evidence, format: `${site}/format/sev-snp-report/v1` } },
    ],
    ['another version', 'evidence-malformed', { ...good, format: `${site}/predicate/attestation/v4` }],
    [
      'another algorithm',
      'evidence-malformed',
      { ...good, challenge: { ...good.challenge, report_data_algorithm: `${site}/report-data/v2` } },
    ],
    ['a member that nobody knows', 'evidence-malformed', { ...good, domain: 'a' }],
    ['a nonce in capitals', 'evidence-malformed', { ...good, challenge: { ...good.challenge, nonce: good.challenge.nonce.toUpperCase() } }],
    ['base64 that is not canonical', 'evidence-malformed', { ...good, crypto_material: `${good.crypto_material}\n` }],
    [
      'a key twice',
      'evidence-malformed',
      v3({
        crypto: material([
          { id: 'a', format: 'b', data: '00' },
          { id: 'a', format: 'c', data: '00' },
        ]),
      }),
    ],
    [
      'a key of another size',
      'evidence-malformed',
      v3({ crypto: material([{ id: 'tls', format: `${site}/key/spki-fp-sha256/v1`, data: 'abcd' }]) }),
    ],
    ['material of another form', 'evidence-malformed', v3({ crypto: utf8('{"format":"x","items":[]}') })],
    [
      'material with a member twice',
      'evidence-malformed',
      v3({ crypto: utf8(`{"format":"${site}/crypto-material/v1","items":[],"items":[]}`) }),
    ],
    ['a member twice', 'evidence-malformed', JSON.stringify(good).replace('{', '{"format":"x",')],
    ['no JSON', 'evidence-malformed', '<html>'],
  ])('with %s is not verified: %s', (_, code, document) => {
    expect(verdict(document)).toBe(code)
  })
})

describe('a document of version 2', () => {
  const keys = Buffer.concat([Buffer.from(tls, 'hex'), Buffer.from(hpke, 'hex')])
  const v2 = (quote: Uint8Array) => ({ format: `${site}/predicate/tdx-guest/v2`, body: toBase64(gzipSync(quote)) })

  test('names its keys in the quote, and is never fresh', () => {
    const shown = read(v2(quoteOver(keys)))
    expect(judge(shown)).toBe('verified')
    expect(shown).toMatchObject({
      format: 'tinfoil-v2',
      fresh: false,
      keys: [
        { role: 'tls', value: tls },
        { role: 'encryption', value: hpke },
      ],
    })
  })

  test.each<[string, string, unknown]>([
    ['a quote of somebody else', 'chain-untrusted', v2(quoteOver(keys, stranger))],
    ['no keys in its quote', 'evidence-malformed', v2(quoteOver(Buffer.alloc(64)))],
    ['half of its keys', 'evidence-malformed', v2(quoteOver(Buffer.concat([keys.subarray(0, 32), Buffer.alloc(32)])))],
    ['an AMD report', 'evidence-malformed', { ...v2(quoteOver(keys)), format: `${site}/predicate/sev-snp-guest/v2` }],
    ['a body that is no gzip', 'evidence-malformed', { ...v2(quoteOver(keys)), body: toBase64(utf8('quote')) }],
    ['a body that grows without end', 'evidence-malformed', v2(Buffer.alloc(10_000_000))],
    ['a body that is no quote', 'quote-unsupported', v2(utf8('quote'))],
  ])('with %s is not verified: %s', (_, code, document) => {
    expect(verdict(document)).toBe(code)
  })

  test('and anything else is refused', () => {
    for (const document of [{}, [], null, { format: 1, body: '' }]) expect(outcome(() => read(document))).toBe('evidence-malformed')
  })
})
