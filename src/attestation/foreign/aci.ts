/**
 * Attestation reports by "Attested Confidential Inference" (api version `aci/1`), as Phala's private AI gateway and others serve
 * them: `GET /v1/aci/attestation?nonce=N`, where N is 64 lowercase hex digits of the asker's.
 *
 *     {api_version, workload_keyset_digest, attestation: {tee_type, workload_keyset, report_data, evidence: {quote, event_log?, …}}}
 *
 *     digest     = "sha256:" hex(SHA-256(keyset, in the canonical form of RFC 8785))
 *     REPORTDATA = SHA-256({"keyset_digest":digest,"nonce":"N" or null,"purpose":"aci.report_data.v1"}) || 32 zero bytes
 *
 * The asker makes the statement itself. Source and upstreams that a report names are bound to nothing, and are not read; what
 * runs is in the event log's `compose-hash`.
 */
import { z } from 'zod'
import { concat, sha256, toHex, utf8 } from '../../lib/bytes.ts'
import { AttestationError } from '../errors.ts'
import { canonicalJson } from './canonical-json.ts'
import type { ForeignEvidence, ForeignKey } from './foreign-evidence.ts'
import { bytesOfHex, malformed, quoteHex, shaped } from './shape.ts'

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits')
const hex32 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 32 bytes in lowercase hex')
const text = z.string().max(8192)
const namedKey = z.object({ key_id: text, algo: text, public_key: text })
const maxKeys = 64
const keysetSchema = z.object({
  not_after: z.int().positive().max(8_640_000_000_000),
  receipt_signing_keys: z.array(namedKey).max(maxKeys),
  e2ee_public_keys: z.array(namedKey).max(maxKeys),
  tls_public_keys: z
    .array(z.object({ spki_sha256: hex32, domain: z.string().max(253).nullish() }))
    .max(maxKeys)
    .nullish(),
})
const reportSchema = z.object({
  api_version: z.literal('aci/1'),
  workload_keyset_digest: digest,
  attestation: z.object({
    tee_type: z.literal('tdx'),
    workload_keyset: z.unknown(),
    report_data: hex32,
    evidence: z.object({
      quote: quoteHex,
      event_log: z.unknown().optional(),
    }),
  }),
})

/**
 * The evidence in a report, over `nonce` (32 bytes of ours), or over none. `document` is parsed JSON. Throws {@link AttestationError}:
 * `evidence-malformed`, and `report-data-mismatch` where the report names another digest than its keyset's, or another statement.
 */
export function readAciReport(document: unknown, nonce: Uint8Array | undefined): ForeignEvidence {
  const { workload_keyset_digest, attestation } = shaped(reportSchema, document, 'the report')
  const keyset = shaped(keysetSchema, attestation.workload_keyset, 'the keyset')
  const named = `sha256:${toHex(sha256(utf8(canonical(attestation.workload_keyset))))}`
  if (named !== workload_keyset_digest)
    throw new AttestationError('report-data-mismatch', 'the report names another digest than that of its keyset')
  const statement = sha256(utf8(canonicalJson({ keyset_digest: named, nonce: nonce ? toHex(nonce) : null, purpose: 'aci.report_data.v1' })))
  if (toHex(statement) !== attestation.report_data)
    throw new AttestationError('report-data-mismatch', 'the report is not over our nonce and its keyset')
  return {
    format: 'aci',
    part: 'enclave',
    quote: bytesOfHex(attestation.evidence.quote),
    reportData: concat(statement, Buffer.alloc(32)),
    fresh: nonce !== undefined,
    keys: keysOf(keyset),
    notAfter: keyset.not_after * 1000,
    eventLog: attestation.evidence.event_log ?? undefined,
    gpu: null,
  }
}

function keysOf(keyset: z.output<typeof keysetSchema>): ForeignKey[] {
  const named = (role: ForeignKey['role']) => (key: z.output<typeof namedKey>) => ({ role, algorithm: key.algo, value: key.public_key })
  return [
    ...keyset.receipt_signing_keys.map(named('receipts')),
    ...keyset.e2ee_public_keys.map(named('encryption')),
    ...(keyset.tls_public_keys ?? []).map(({ spki_sha256, domain }) => ({
      role: 'tls' as const,
      algorithm: domain ? `SHA-256 of the SPKI, for ${domain}` : 'SHA-256 of the SPKI',
      value: spki_sha256,
    })),
  ]
}

function canonical(value: unknown): string {
  try {
    return canonicalJson(value)
  } catch (cause) {
    throw malformed('the keyset has no canonical form', cause)
  }
}
