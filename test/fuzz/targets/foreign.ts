import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { readAciReport } from '../../../src/attestation/foreign/aci.ts'
import { canonicalJson } from '../../../src/attestation/foreign/canonical-json.ts'
import { readDstackQuote } from '../../../src/attestation/foreign/dstack.ts'
import type { ForeignEvidence } from '../../../src/attestation/foreign/foreign-evidence.ts'
import { readNearReport } from '../../../src/attestation/foreign/near.ts'
import { readTinfoilDocument } from '../../../src/attestation/foreign/tinfoil.ts'
import { sha256 } from '../../../src/lib/bytes.ts'
import { goodLog } from '../../attestation/support/event-log.ts'
import { changeJson } from '../harness/json-change.ts'
import { type FuzzTarget, isAttestationRefusal } from '../harness/target.ts'
import { authority } from '../samples.ts'

const bytesOf = (value: unknown) => new TextEncoder().encode(JSON.stringify(value))
const nonce = Buffer.alloc(32, 7)
const quote = authority.issueQuote().toString('hex')
const event_log = goodLog()

const item = { evidence: Buffer.from('11e00102', 'hex').toString('base64'), certificate: 'LS0t', arch: 'HOPPER' }
const near = {
  signing_address: `0x${'ab'.repeat(20)}`,
  signing_algo: 'ecdsa',
  request_nonce: nonce.toString('hex'),
  intel_quote: quote,
  nvidia_payload: JSON.stringify({ nonce: '07'.repeat(32), evidence_list: [item], arch: 'HOPPER' }),
  tls_cert_fingerprint: 'cd'.repeat(32),
}
const generator =
  '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798483ada7726a3c4655da4fbfc0e1108a8fd17b448a68554199c47d08ffb10d4b8'
const withKey = { ...near, signing_address: '7e5f4552091a69125d5dfcb7b8c2659029395bdf', signing_public_key: generator }

const keyset = {
  not_after: 1_800_000_000,
  receipt_signing_keys: [],
  e2ee_public_keys: [{ key_id: 'a', algo: 'b', public_key: 'c' }],
  tls_public_keys: null,
}
const digest = `sha256:${sha256(Buffer.from(canonicalJson(keyset))).toString('hex')}`
const statement = canonicalJson({ keyset_digest: digest, nonce: nonce.toString('hex'), purpose: 'aci.report_data.v1' })
const aci = {
  api_version: 'aci/1',
  workload_keyset_digest: digest,
  attestation: {
    tee_type: 'tdx',
    workload_keyset: keyset,
    report_data: sha256(Buffer.from(statement)).toString('hex'),
    evidence: { quote, event_log },
  },
}

const site = 'https://tinfoil.sh'
const material = bytesOf({
  format: `${site}/crypto-material/v1`,
  items: [{ id: 'tls', format: `${site}/key/spki-fp-sha256/v1`, data: 'ab'.repeat(32) }],
})
const devices = bytesOf({ format: `${site}/device-evidence/v1`, items: [] })
const hashes = [sha256(material), sha256(devices)] as const
const over = sha256(new TextEncoder().encode(`${site}/report-data/v1`), nonce, ...hashes)
const tinfoil = {
  format: `${site}/predicate/attestation/v3`,
  challenge: {
    nonce: nonce.toString('hex'),
    report_data: Buffer.concat([over, Buffer.alloc(32)]).toString('hex'),
    report_data_algorithm: `${site}/report-data/v1`,
  },
  cpu_evidence: {
    format: `${site}/format/tdx-quote/v1`,
    report_base64: Buffer.from(quote, 'hex').toString('base64'),
    endorsed: { crypto_material_hash: hashes[0].toString('hex'), device_evidence_hash: hashes[1].toString('hex') },
  },
  crypto_material: Buffer.from(material).toString('base64'),
  device_evidence: Buffer.from(devices).toString('base64'),
}

/** Documents of other systems, as far as they are read before anything in them is verified. What must be in the quote is always 64 bytes. */
export const foreignTarget: FuzzTarget = {
  name: 'foreign',
  seeds: corpus => [
    ...[near, withKey, { gateway_attestation: near, model_attestations: [withKey] }, { ...near, all_attestations: [near] }, aci].map(
      bytesOf,
    ),
    bytesOf({ quote, event_log: '[]', report_data: '07'.repeat(32) }),
    bytesOf(tinfoil),
    bytesOf({ format: `${site}/predicate/tdx-guest/v2`, body: gzipSync(authority.issueQuote()).toString('base64') }),
    ...(corpus === undefined ? [] : realAnswers(join(corpus, 'eventlog'))),
  ],
  run(input) {
    const text = new TextDecoder().decode(input)
    const document: unknown = JSON.parse(text)
    const readers: ((document: unknown, nonce: Uint8Array | undefined) => ForeignEvidence | ForeignEvidence[])[] = [
      readNearReport,
      readAciReport,
      readDstackQuote,
      (_, over) => readTinfoilDocument(text, over),
    ]
    let refusal: unknown
    for (const read of readers)
      for (const over of [nonce, undefined])
        try {
          for (const { reportData, fresh } of [read(document, over)].flat()) {
            if (reportData.length !== 64) throw new Error('REPORTDATA of another size')
            if (fresh && over === undefined) throw new Error('fresh without a nonce of ours')
          }
        } catch (error) {
          if (!isAttestationRefusal(error)) throw error
          refusal ??= error
        }
    if (refusal) throw refusal
  },
  isRefusal: error => isAttestationRefusal(error) || error instanceof SyntaxError,
  sources: ['near', 'aci', 'dstack', 'tinfoil', 'nvidia-payload', 'canonical-json', 'ethereum', 'shape'].map(
    name => `src/attestation/foreign/${name}.ts`,
  ),
  words: ['null', '"aci/1"', '"ed25519"', '"ecdsa"', '0x', '1e999', '"__proto__":', '\\ud800', '"event_log":'],
  change: changeJson,
  maxBytes: 64 * 1024,
  slowMs: 20,
}

function realAnswers(folder: string): Uint8Array[] {
  return readdirSync(folder).map(name => readFileSync(join(folder, name)))
}
