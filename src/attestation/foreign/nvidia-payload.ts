/**
 * GPU evidence as NEAR's and Phala's reports carry it: the text of a JSON object, made to be sent to NVIDIA's attestation service.
 *
 *     {"nonce": 64 hex digits, "evidence_list": [{"evidence", "certificate", "arch"?}], "arch": "HOPPER"}
 *
 * `evidence` is the base64 of SPDM request and response, or with older servers of the hex of them; `certificate` that of a PEM
 * chain. The nonce is an echo: devices are verified over the asker's.
 */
import { z } from 'zod'
import { fromBase64 } from '../../lib/bytes.ts'
import { AttestationError } from '../errors.ts'
import { type GpuEvidence, maxItems } from '../gpu/items.ts'

const maxText = 1024 * 1024
const arch = z.string().max(32)
const schema = z.object({
  nonce: z.string().max(128),
  evidence_list: z
    .array(z.object({ evidence: z.string().max(48 * 1024), certificate: z.string().max(24 * 1024), arch: arch.optional() }))
    .max(maxItems),
  arch,
})

/** Reads the payload; null where it lists no device, as servers without GPUs send it. Throws {@link AttestationError} `gpu-evidence-malformed`. */
export function readNvidiaPayload(text: string): GpuEvidence | null {
  if (text.length > maxText) throw malformed(`${text.length} characters`)
  const parsed = schema.safeParse(parseJson(text))
  if (!parsed.success) throw malformed(`${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`)
  const { evidence_list, arch: common } = parsed.data
  if (evidence_list.length === 0) return null
  const items = evidence_list.map(({ evidence, certificate, arch: own }) => ({
    arch: own ?? common,
    report: unhexed(decode(evidence, 'a report')),
    certificatePem: decode(certificate, 'a certificate chain').toString('latin1'),
  }))
  return { items, rims: [], nras: null }
}

/** A report begins with the SPDM version, 0x11, which no hex digit is. */
function unhexed(report: Buffer): Buffer {
  const text = report.toString('latin1')
  return text.length % 2 === 0 && /^[0-9a-fA-F]+$/.test(text) ? Buffer.from(text, 'hex') : report
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed('it is not JSON')
  }
}

function decode(text: string, what: string): Buffer {
  try {
    return fromBase64(text)
  } catch {
    throw malformed(`${what} is not canonical base64`)
  }
}

function malformed(why: string): AttestationError {
  return new AttestationError('gpu-evidence-malformed', `GPU evidence that cannot be read: ${why}`)
}
