/**
 * The evidence document and the keyset (envelope spec, "Evidence document"): what a worker shows, and how its keys are bound
 * to its quote.
 *
 *     REPORTDATA = SHA-256("chrysalis report-data v1" || nonce || SHA-256(keyset) || SHA-256(GPU evidence)) || 32 zero bytes
 */
import { z } from 'zod'
import { concat, fromBase64, sha256, toHex, utf8 } from '../lib/bytes.ts'
import { AttestationError } from './errors.ts'

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits')
const amount = z.string().regex(/^(0|[1-9][0-9]{0,18})$/, 'must be decimal digits')
const kid = z.string().regex(/^[0-9a-f]{16}$/)
const base64 = z.string().max(4096)

const keysetSchema = z.object({
  worker: z.string().regex(/^[A-Za-z0-9._-]{1,64}$/),
  not_after: z.int().positive(),
  hpke: z
    .array(z.object({ kid, kem: z.int(), public_key: base64 }))
    .min(1)
    .max(8),
  receipt: z.object({ kid, public_key: base64 }),
  tls_spki: z.string().max(4096).optional(),
  models: z
    .array(
      z.object({
        id: z.string().min(1).max(256),
        weights_digest: digest.nullable(),
        context_length: z.int().positive().max(100_000_000),
        /** Paths that are served for this model. */
        endpoints: z.array(z.string().regex(/^\/[a-z0-9/_-]{1,63}$/)).max(32),
        offer: z.object({
          prompt: amount,
          cached: amount,
          completion: amount,
          reasoning: amount,
          images: amount.optional(),
          characters: amount.optional(),
          seconds: amount.optional(),
        }),
      }),
    )
    .max(256),
  software: z.object({ image_digest: digest, version: z.string().min(1).max(64) }),
})

/** The public keys of a worker, what it serves, and the software that holds the keys. */
export type Keyset = z.output<typeof keysetSchema>
export type KeysetModel = Keyset['models'][number]

/** A worker's answer to "prove who you are". */
export interface EvidenceDocument {
  readonly version: 1
  /** An echo of the asker's nonce, never the source of one. */
  readonly nonce: string
  readonly keyset: string
  readonly gpu_evidence: string | null
  readonly tee: { readonly type: 'tdx'; readonly quote: string }
  /** What the guest measured, in dstack's form: the text of its event log. */
  readonly event_log?: string
  readonly collateral?: unknown
}

/** An evidence document, taken apart. Nothing in it is verified. */
export interface ParsedEvidence {
  readonly keysetBytes: Buffer
  readonly keyset: Keyset
  readonly gpuEvidence: Buffer | null
  readonly quote: Buffer
  /** As it came, and not read yet: the quote has to be verified first. Undefined where none is shown. */
  readonly eventLog: unknown
}

const documentSchema = z.object({
  version: z.literal(1),
  nonce: z.string().regex(/^[0-9a-f]{64}$/),
  keyset: z.string().max(64 * 1024),
  gpu_evidence: z
    .string()
    .max(1024 * 1024)
    .nullable(),
  tee: z.object({ type: z.literal('tdx'), quote: z.string().max(32 * 1024) }),
  event_log: z.unknown().optional(),
})

const maxDocument = 2 * 1024 * 1024
const rawKeySizes: Readonly<Record<number, number>> = { 25722: 1216, 32: 32 }

/** The 64 bytes that a quote over `nonce` (32 bytes), these keyset bytes and this GPU evidence must hold. */
export function reportData(nonce: Uint8Array, keyset: Uint8Array, gpuEvidence: Uint8Array | null): Buffer {
  if (nonce.length !== 32) throw new RangeError('a nonce has 32 bytes')
  const bound = sha256(utf8('chrysalis report-data v1'), nonce, sha256(keyset), sha256(gpuEvidence ?? new Uint8Array(0)))
  return concat(bound, Buffer.alloc(32))
}

/** A keyset in its plain form, ready to be hashed. Throws `evidence-malformed` for one that no reader would take. */
export function encodeKeyset(keyset: Keyset): Buffer {
  const bytes = utf8(JSON.stringify(keyset))
  parseKeyset(bytes)
  return bytes
}

/** Reads a keyset: plain JSON form, members checked, each `kid` computed again. Other members are passed over. Throws `evidence-malformed`. */
export function parseKeyset(bytes: Uint8Array): Keyset {
  const text = Buffer.from(bytes).toString('utf8')
  const value = parseJson(text, 'the keyset')
  // The bytes and not the text: bytes that are not UTF-8 read as a text too, but as another one with every reader.
  if (!utf8(JSON.stringify(value)).equals(bytes)) throw malformed('the keyset is not in its plain form')
  const keyset = parseShape(keysetSchema, value, 'the keyset')
  for (const { kid: named, kem, public_key } of keyset.hpke) checkKey(named, public_key, rawKeySizes[kem])
  checkKey(keyset.receipt.kid, keyset.receipt.public_key, 32)
  if (new Set(keyset.models.map(model => model.id)).size !== keyset.models.length) throw malformed('the keyset names a model twice')
  return keyset
}

/** `kid` is the first 8 bytes of SHA-256 of the raw key; the reader computes it again. A KEM that is not known has no size to check. */
function checkKey(named: string, publicKey: string, size: number | undefined): void {
  const raw = decode(publicKey, 'a public key')
  if (size !== undefined && raw.length !== size) throw malformed(`a public key of ${raw.length} bytes`)
  if (toHex(sha256(raw).subarray(0, 8)) !== named) throw malformed('a kid is not that of its key')
}

/** Takes a document apart. Throws `evidence-malformed`. */
export function parseEvidence(document: string | Uint8Array): ParsedEvidence {
  const text = typeof document === 'string' ? document : Buffer.from(document).toString('utf8')
  if (text.length > maxDocument) throw malformed(`a document of ${text.length} characters`)
  const { keyset, gpu_evidence, tee, event_log } = parseShape(documentSchema, parseJson(text, 'the document'), 'the document')
  const keysetBytes = decode(keyset, 'the keyset')
  return {
    keysetBytes,
    keyset: parseKeyset(keysetBytes),
    gpuEvidence: gpu_evidence === null ? null : decode(gpu_evidence, 'the GPU evidence'),
    quote: decode(tee.quote, 'the quote'),
    eventLog: event_log ?? undefined,
  }
}

function decode(text: string, what: string): Buffer {
  try {
    return fromBase64(text)
  } catch (cause) {
    throw new AttestationError('evidence-malformed', `${what} is not canonical base64`, { cause })
  }
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed(`${what} is not JSON`)
  }
}

function parseShape<Schema extends z.ZodType>(schema: Schema, value: unknown, what: string): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw malformed(`${what}: ${issue?.path.join('.')}: ${issue?.message}`)
}

function malformed(why: string): AttestationError {
  return new AttestationError('evidence-malformed', `evidence that cannot be read: ${why}`)
}
