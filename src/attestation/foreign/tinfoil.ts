/**
 * What Tinfoil's enclaves answer: `GET /.well-known/tinfoil-attestation`, with `?nonce=N` (64 lowercase hex digits of the asker's) in version 3.
 *
 *     v2: {format, body}              body: base64 of the gzip of a quote
 *         REPORTDATA = SHA-256 of the TLS key's SPKI || X25519 key of HPKE
 *     v3: {format, challenge, cpu_evidence, crypto_material, device_evidence, collateral?}
 *         REPORTDATA = SHA-256("https://tinfoil.sh/report-data/v1" || nonce || SHA-256(crypto material) || SHA-256(device evidence)) || 32 zero bytes
 *
 * Both sections travel as base64 of the exact bytes that are hashed. Of the devices' evidence only the hash is used: it is bound, and not
 * read. Collateral that comes along is not used; AMD's reports are no quotes, and are refused by name.
 */
import { gunzipSync } from 'node:zlib'
import { z } from 'zod'
import { concat, fromBase64, sha256, toHex, utf8 } from '../../lib/bytes.ts'
import { AttestationError } from '../errors.ts'
import { readStrict } from '../tdx/json.ts'
import { parseQuote } from '../tdx/quote.ts'
import type { ForeignEvidence, ForeignKey } from './foreign-evidence.ts'
import { malformed, shaped } from './shape.ts'

const origin = 'https://tinfoil.sh'
const label = `${origin}/report-data/v1`
const tdxV2 = `${origin}/predicate/tdx-guest/v2`
const maxQuote = 32 * 1024
const maxSection = 512 * 1024
const maxItems = 32

const hex = (bytes: number) => z.string().regex(new RegExp(`^[0-9a-f]{${bytes * 2}}$`), `must be ${bytes} bytes in lowercase hex`)
const v2Schema = z.object({ format: z.string().max(128), body: z.string().max(maxQuote * 2) })
const v3Schema = z.strictObject({
  format: z.literal(`${origin}/predicate/attestation/v3`),
  challenge: z.strictObject({ nonce: hex(32), report_data: hex(64), report_data_algorithm: z.literal(label) }),
  cpu_evidence: z.strictObject({
    format: z.string().max(128),
    report_base64: z.string().max(maxQuote * 2),
    endorsed: z.strictObject({ crypto_material_hash: hex(32), device_evidence_hash: hex(32) }),
  }),
  crypto_material: z.string().max(maxSection),
  device_evidence: z.string().max(maxSection),
  collateral: z.array(z.unknown()).max(maxItems).optional(),
})
const materialSchema = z.strictObject({
  format: z.literal(`${origin}/crypto-material/v1`),
  items: z
    .array(
      z.strictObject({ id: z.string().min(1).max(128), format: z.string().min(1).max(128), data: z.string().regex(/^(?:[0-9a-f]{2})+$/) }),
    )
    .max(maxItems),
})
/** Key formats that are known, and what such a key is for. Every one of them has 32 bytes. */
const keyFormats: Readonly<Record<string, Pick<ForeignKey, 'role' | 'algorithm'>>> = {
  [`${origin}/key/spki-fp-sha256/v1`]: { role: 'tls', algorithm: 'SHA-256 of the SPKI' },
  [`${origin}/key/x25519-hpke/v1`]: { role: 'encryption', algorithm: 'X25519 (HPKE)' },
}

/**
 * The evidence in a document of either version, over `nonce` (32 bytes of ours) where it is of version 3 and we gave one. `document` is its
 * text. Throws {@link AttestationError}: `evidence-malformed`, `quote-malformed`, and `report-data-mismatch` where the document contradicts itself.
 */
export function readTinfoilDocument(document: string, nonce: Uint8Array | undefined): ForeignEvidence {
  const value = strict(document, 'the document')
  const isV3 = typeof value === 'object' && value !== null && 'cpu_evidence' in value
  return isV3 ? readV3(value, nonce) : readV2(value)
}

/** REPORTDATA itself is the keys: what is compared is that it names any. */
function readV2(value: unknown): ForeignEvidence {
  const { format, body } = shaped(v2Schema, value, 'the document')
  if (format !== tdxV2) throw malformed(`its format is ${format.slice(0, 80)}, which is no TDX quote`)
  const quote = unzip(decode(body, 'the body'))
  const { reportData } = parseQuote(quote, { allowZeroPadding: true }).report
  const [tls, hpke] = [reportData.subarray(0, 32), reportData.subarray(32)]
  if ([tls, hpke].some(key => key.every(byte => byte === 0))) throw malformed('the quote names no keys')
  return {
    ...{ format: 'tinfoil-v2', part: 'enclave', quote, reportData, fresh: false },
    keys: [
      { role: 'tls', algorithm: 'SHA-256 of the SPKI', value: toHex(tls) },
      { role: 'encryption', algorithm: 'X25519 (HPKE)', value: toHex(hpke) },
    ],
    ...{ notAfter: undefined, eventLog: undefined, gpu: null },
  }
}

function readV3(value: unknown, nonce: Uint8Array | undefined): ForeignEvidence {
  const { challenge, cpu_evidence, crypto_material, device_evidence } = shaped(v3Schema, value, 'the document')
  if (cpu_evidence.format !== `${origin}/format/tdx-quote/v1`)
    throw malformed(`its CPU evidence is ${cpu_evidence.format.slice(0, 80)}, which is no TDX quote`)
  const material = decode(crypto_material, 'the crypto material')
  const devices = decode(device_evidence, 'the device evidence')
  const [materialHash, devicesHash] = [sha256(material), sha256(devices)]
  const { endorsed } = cpu_evidence
  if (endorsed.crypto_material_hash !== toHex(materialHash) || endorsed.device_evidence_hash !== toHex(devicesHash))
    throw mismatch('the document names other hashes than those of its sections')
  const over = nonce ?? Buffer.from(challenge.nonce, 'hex')
  if (toHex(over) !== challenge.nonce) throw mismatch('the document is not over our nonce')
  const reportData = concat(sha256(utf8(label), over, materialHash, devicesHash), Buffer.alloc(32))
  if (toHex(reportData) !== challenge.report_data) throw mismatch('the document names other report data than those of its sections')
  return {
    ...{ format: 'tinfoil-v3', part: 'enclave', quote: decode(cpu_evidence.report_base64, 'the quote'), reportData },
    fresh: nonce !== undefined,
    keys: keysOf(material),
    ...{ notAfter: undefined, eventLog: undefined, gpu: null },
  }
}

function keysOf(material: Uint8Array): ForeignKey[] {
  const { items } = shaped(materialSchema, strict(Buffer.from(material).toString('utf8'), 'the crypto material'), 'the crypto material')
  if (new Set(items.map(({ id }) => id)).size !== items.length) throw malformed('the crypto material names a key twice')
  return items.flatMap(({ format, data }) => {
    const known = keyFormats[format]
    if (!known) return []
    if (data.length !== 64) throw malformed('a key of the crypto material has not 32 bytes')
    return [{ ...known, value: data }]
  })
}

function strict(text: string, what: string): unknown {
  try {
    return readStrict(text)
  } catch (cause) {
    throw malformed(`${what} is not strict JSON`, cause)
  }
}

function decode(text: string, what: string): Buffer {
  try {
    return fromBase64(text)
  } catch (cause) {
    throw malformed(`${what} is not canonical base64`, cause)
  }
}

function unzip(bytes: Uint8Array): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: maxQuote })
  } catch (cause) {
    throw malformed('the body is not the gzip of a quote', cause)
  }
}

function mismatch(why: string): AttestationError {
  return new AttestationError('report-data-mismatch', why)
}
