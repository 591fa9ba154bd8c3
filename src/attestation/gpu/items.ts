/**
 * GPU evidence as it travels: a JSON text in its plain form, hashed as it stands into the quote's REPORTDATA.
 *
 *     {"version":1,"items":[{"arch","evidence","certificate"}],"rims":[…],"nras":[["JWT",…],{…}] or null}
 *
 * `evidence` is the base64 of SPDM request and response, `certificate` that of a PEM chain, both as NVIDIA's tools print them;
 * `rims` are reference manifests in base64; `nras` is what NVIDIA's attestation service answered. Nobody needs to be believed
 * for any of it: all of it is signed by NVIDIA or its devices. Sizes, counts and depth are checked before anything is read.
 */
import { z } from 'zod'
import { fromBase64, toBase64, utf8 } from '../../lib/bytes.ts'
import { AttestationError } from '../errors.ts'

export interface GpuItem {
  /** What the worker calls the device; the certificates decide. */
  readonly arch: string
  readonly report: Uint8Array
  readonly certificatePem: string
}

/** What NVIDIA's service answers: the overall token, and one for each device by its name. */
export interface DetachedEat {
  readonly overall: string
  readonly devices: ReadonlyMap<string, string>
}

/** GPU evidence, taken apart. Nothing in it is verified. */
export interface GpuEvidence {
  readonly items: readonly GpuItem[]
  readonly rims: readonly Uint8Array[]
  readonly nras: DetachedEat | null
}

export const maxItems = 16
const maxRims = 8
const maxBytes = 512 * 1024
const maxDepth = 6
const token = z.string().max(16 * 1024)
const detachedEatSchema = z.tuple([z.tuple([z.literal('JWT'), token]), z.record(z.string().max(32), token)])

const schema = z.strictObject({
  version: z.literal(1),
  items: z
    .array(z.strictObject({ arch: z.string().max(32), evidence: z.string().max(24 * 1024), certificate: z.string().max(24 * 1024) }))
    .max(maxItems),
  rims: z.array(z.string().max(192 * 1024)).max(maxRims),
  nras: detachedEatSchema.nullable(),
})

/** The exact bytes of GPU evidence in its plain form. Throws {@link AttestationError} `gpu-evidence-malformed` for what no reader would take. */
export function encodeGpuEvidence(evidence: GpuEvidence): Buffer {
  const items = evidence.items.map(({ arch, report, certificatePem }) => ({
    arch,
    evidence: toBase64(report),
    certificate: toBase64(utf8(certificatePem)),
  }))
  const nras = evidence.nras && [['JWT', evidence.nras.overall], Object.fromEntries(evidence.nras.devices)]
  const bytes = utf8(JSON.stringify({ version: 1, items, rims: evidence.rims.map(toBase64), nras }))
  parseGpuEvidence(bytes)
  return bytes
}

/** Takes GPU evidence apart. Throws {@link AttestationError} `gpu-evidence-malformed`. */
export function parseGpuEvidence(bytes: Uint8Array): GpuEvidence {
  if (bytes.length > maxBytes) throw malformed(`${bytes.length} bytes`)
  checkDepth(bytes)
  const value = parseJson(bytes)
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw malformed(`${parsed.error.issues[0]?.path.join('.')}: ${parsed.error.issues[0]?.message}`)
  const { items, rims, nras } = parsed.data
  if (items.length === 0 && nras === null) throw malformed('it shows no device')
  return {
    items: items.map(({ arch, evidence, certificate }) => ({
      arch,
      report: decode(evidence, 'a report'),
      certificatePem: decode(certificate, 'a certificate chain').toString('latin1'),
    })),
    rims: rims.map(rim => decode(rim, 'a reference manifest')),
    nras: nras && readDetachedEat(nras),
  }
}

/** Reads a detached EAT in NVIDIA's form, already parsed as JSON. Throws {@link AttestationError} `gpu-evidence-malformed`. */
export function readDetachedEat(value: unknown): DetachedEat {
  const parsed = detachedEatSchema.safeParse(value)
  if (!parsed.success) throw malformed('a token that is no detached EAT')
  const [[, overall], devices] = parsed.data
  const named = new Map(Object.entries(devices))
  if (named.size === 0 || named.size > maxItems) throw malformed(`${named.size} tokens of devices`)
  return { overall, devices: named }
}

/** No string in evidence holds a bracket, so that counting them bounds the depth before any reader recurses. */
function checkDepth(bytes: Uint8Array): void {
  let depth = 0
  for (const byte of bytes) {
    if (byte === 0x5b || byte === 0x7b) depth += 1
    else if (byte === 0x5d || byte === 0x7d) depth -= 1
    if (depth > maxDepth) throw malformed('too deep')
  }
}

/** JSON in its plain form: no member twice, no space, no other spelling. Two readers cannot read two things in it. */
function parseJson(bytes: Uint8Array): unknown {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
  let value: unknown
  try {
    value = JSON.parse(text.toString('utf8'))
  } catch {
    throw malformed('it is not JSON')
  }
  if (!utf8(JSON.stringify(value)).equals(text)) throw malformed('it is not in its plain form')
  return value
}

function decode(text: string, what: string): Buffer {
  try {
    return fromBase64(text)
  } catch (cause) {
    throw new AttestationError('gpu-evidence-malformed', `GPU evidence that cannot be read: ${what} is not canonical base64`, { cause })
  }
}

function malformed(why: string): AttestationError {
  return new AttestationError('gpu-evidence-malformed', `GPU evidence that cannot be read: ${why}`)
}
