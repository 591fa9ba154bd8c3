/**
 * Reports of NEAR AI's and Phala's inference proxies: `GET /v1/attestation/report?nonce=N`, where N is 64 hex digits of the asker's.
 *
 *     {signing_address, signing_algo, signing_public_key?, request_nonce, intel_quote, event_log?, nvidia_payload?, tls_cert_fingerprint?}
 *
 *     REPORTDATA = signing address, padded with zeros to 32 bytes             || nonce
 *     REPORTDATA = SHA-256(signing address || SHA-256 of the TLS key's SPKI)  || nonce     with `tls_cert_fingerprint`
 *
 * A service of several enclaves puts theirs into `all_attestations`, or into `gateway_attestation` and `model_attestations`. The
 * GPU's nonce is the same as the quote's, and nothing of its evidence is in REPORTDATA. Not read: OHTTP keys and the log of
 * deployments, which other software vouches for.
 */
import { z } from 'zod'
import { concat, equalBytes, sha256, toHex } from '../../lib/bytes.ts'
import { AttestationError } from '../errors.ts'
import { addressOf } from './ethereum.ts'
import type { ForeignEvidence, ForeignKey } from './foreign-evidence.ts'
import { readNvidiaPayload } from './nvidia-payload.ts'
import { bytesOfHex, looseHex, malformed, quoteHex, shaped } from './shape.ts'

const reportSchema = z.object({
  signing_algo: z.enum(['ecdsa', 'ed25519']).default('ecdsa'),
  signing_address: z.string().max(66),
  signing_public_key: z.string().max(132).nullish(),
  request_nonce: looseHex(32).nullish(),
  intel_quote: quoteHex,
  event_log: z.unknown().optional(),
  /** Where ACI gateways have the log, in reports of this form. */
  attestation: z.object({ evidence: z.object({ event_log: z.unknown().optional() }).nullish() }).nullish(),
  nvidia_payload: z
    .string()
    .max(1024 * 1024)
    .nullish(),
  tls_cert_fingerprint: looseHex(32).nullish(),
})
type Report = z.output<typeof reportSchema>

const maxParts = 16
const containerSchema = z.object({
  intel_quote: z.unknown().optional(),
  all_attestations: z.array(z.unknown()).max(maxParts).nullish(),
  gateway_attestation: z.unknown().optional(),
  model_attestations: z.array(z.unknown()).max(maxParts).nullish(),
})

/**
 * Every enclave's evidence in a report, over `nonce` (32 bytes of ours), or over the one that it names where we gave none. `document`
 * is parsed JSON. Throws {@link AttestationError}: `evidence-malformed`, `gpu-evidence-malformed`, `report-data-mismatch` for a key that is
 * not that of its address.
 */
export function readNearReport(document: unknown, nonce: Uint8Array | undefined): ForeignEvidence[] {
  const whole = shaped(containerSchema, document, 'the report')
  const parts: [name: string, part: unknown][] = []
  if (whole.gateway_attestation) parts.push(['gateway', whole.gateway_attestation])
  for (const [index, part] of (whole.model_attestations ?? []).entries()) parts.push([`model ${index + 1}`, part])
  for (const [index, part] of (whole.all_attestations ?? []).entries()) parts.push([`enclave ${index + 1}`, part])
  const shown = parts.map(([name, part]) => readPart(name, shaped(reportSchema, part, `the report of ${name}`), nonce))
  // What stands at the top is repeated among all; it is left out only where it is the very same.
  if (whole.intel_quote === undefined && shown.length > 0) return shown
  const top = readPart('enclave', shaped(reportSchema, document, 'the report'), nonce)
  const repeated = shown.some(part => equalBytes(part.quote, top.quote) && equalBytes(part.reportData, top.reportData))
  return repeated ? shown : [top, ...shown]
}

function readPart(part: string, report: Report, nonce: Uint8Array | undefined): ForeignEvidence {
  if (!nonce && !report.request_nonce) throw malformed(`the report of ${part} names no nonce, and we gave none`)
  const over = nonce ?? bytesOfHex(report.request_nonce!)
  const { address, keys } = signingKey(report)
  const spki = report.tls_cert_fingerprint ? bytesOfHex(report.tls_cert_fingerprint) : undefined
  const named = spki ? sha256(address, spki) : concat(address, Buffer.alloc(32 - address.length))
  const gpu = report.nvidia_payload ? readNvidiaPayload(report.nvidia_payload) : null
  return {
    format: 'near',
    part,
    quote: bytesOfHex(report.intel_quote),
    reportData: concat(named, over),
    fresh: nonce !== undefined,
    keys: spki ? [...keys, { role: 'tls', algorithm: 'SHA-256 of the SPKI', value: toHex(spki) }] : keys,
    notAfter: undefined,
    eventLog: report.event_log ?? report.attestation?.evidence?.event_log ?? undefined,
    gpu: gpu && { evidence: gpu, nonce: over, inReportData: false },
  }
}

/** The key that signs answers, by the bytes that stand for it in REPORTDATA. */
function signingKey({ signing_algo, signing_address, signing_public_key }: Report): { address: Buffer; keys: ForeignKey[] } {
  const size = signing_algo === 'ecdsa' ? 20 : 32
  const address = bytesOfHex(shaped(looseHex(size), signing_address, 'the signing address'))
  // Padded, an address is 32 bytes as well: a key of this look could be somebody's address under another name.
  if (size === 32 && address.subarray(20).every(byte => byte === 0)) throw malformed('the signing address is no Ed25519 key')
  const keys: ForeignKey[] = [{ role: 'signing', algorithm: size === 20 ? 'Ethereum address' : 'Ed25519', value: toHex(address) }]
  if (!signing_public_key) return { address, keys }
  const schema = size === 32 ? looseHex(32) : z.union([looseHex(64), looseHex(65).regex(/^(?:0x)?04/)])
  const key = bytesOfHex(shaped(schema, signing_public_key, 'the signing key'))
  if (!equalBytes(size === 32 ? key : addressOf(key), address))
    throw new AttestationError('report-data-mismatch', 'the signing key is not that of the signing address, which the quote is over')
  return { address, keys: size === 32 ? keys : [...keys, { role: 'signing', algorithm: 'secp256k1', value: toHex(key) }] }
}
