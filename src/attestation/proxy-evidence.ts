/**
 * What a proxy that runs in a TD shows of itself (envelope spec, "Evidence of a proxy"): the keys that a caller depends on, and how they are
 * bound to its quote. The first bytes of what is hashed are others than a worker's, so that neither is taken for the other.
 *
 *     REPORTDATA = SHA-256("chrysalis proxy report-data v1" || nonce || SHA-256(statement)) || 32 zero bytes
 */
import { z } from 'zod'
import { concat, fromBase64, sha256, utf8 } from '../lib/bytes.ts'
import { AttestationError } from './errors.ts'

const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits')

const statementSchema = z.object({
  role: z.literal('proxy'),
  /** Milliseconds since the epoch. */
  not_after: z.int().positive(),
  /** Where its channels live, and what its claims are signed for. */
  chain: z.int(),
  /** Raw address, and raw Ed25519 in hex: who is paid, and with which key charges are claimed. */
  payee: z.string().regex(/^(?:0|-1):[0-9a-f]{64}$/),
  payee_key: z.string().regex(/^[0-9a-f]{64}$/),
  /** SHA-256 of the SubjectPublicKeyInfo of its certificate, hex; null where something else ends TLS. */
  tls_spki: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .nullable(),
  software: z.object({ image_digest: digest, version: z.string().min(1).max(64) }),
})

/** The keys of a proxy, and the software that holds them. */
export type ProxyStatement = z.output<typeof statementSchema>

/** A proxy's answer to "prove who you are". */
export interface ProxyEvidenceDocument {
  readonly version: 1
  /** An echo of the asker's nonce, never the source of one. */
  readonly nonce: string
  readonly proxy: string
  readonly tee: { readonly type: 'tdx'; readonly quote: string }
  readonly event_log?: string
}

/** A document, taken apart. Nothing in it is verified. */
export interface ParsedProxyEvidence {
  readonly statementBytes: Buffer
  readonly statement: ProxyStatement
  readonly quote: Buffer
  readonly eventLog: unknown
}

const documentSchema = z.object({
  version: z.literal(1),
  nonce: z.string().regex(/^[0-9a-f]{64}$/),
  proxy: z.string().max(8 * 1024),
  tee: z.object({ type: z.literal('tdx'), quote: z.string().max(32 * 1024) }),
  event_log: z.unknown().optional(),
})

const maxDocument = 2 * 1024 * 1024

/** The 64 bytes that a quote over `nonce` (32 bytes) and this statement must hold. */
export function proxyReportData(nonce: Uint8Array, statement: Uint8Array): Buffer {
  if (nonce.length !== 32) throw new RangeError('a nonce has 32 bytes')
  return concat(sha256(utf8('chrysalis proxy report-data v1'), nonce, sha256(statement)), Buffer.alloc(32))
}

/** A statement in its plain form, ready to be hashed. Throws `evidence-malformed` for one that no reader would take. */
export function encodeProxyStatement(statement: ProxyStatement): Buffer {
  const bytes = utf8(JSON.stringify(statement))
  parseStatement(bytes)
  return bytes
}

/** Whether a document claims to be a proxy's own. */
export function isProxyEvidence(document: Uint8Array): boolean {
  try {
    const value: unknown = JSON.parse(Buffer.from(document).toString('utf8'))
    return typeof value === 'object' && value !== null && 'proxy' in value && !('keyset' in value)
  } catch {
    return false
  }
}

/** Takes a document apart. Throws {@link AttestationError} `evidence-malformed`. */
export function parseProxyEvidence(document: Uint8Array): ParsedProxyEvidence {
  if (document.length > maxDocument) throw malformed(`a document of ${document.length} bytes`)
  const { proxy, tee, event_log } = parseShape(documentSchema, parseJson(Buffer.from(document).toString('utf8')))
  const statementBytes = decode(proxy)
  return { statementBytes, statement: parseStatement(statementBytes), quote: decode(tee.quote), eventLog: event_log ?? undefined }
}

function parseStatement(bytes: Uint8Array): ProxyStatement {
  const value = parseJson(Buffer.from(bytes).toString('utf8'))
  if (!utf8(JSON.stringify(value)).equals(bytes)) throw malformed('the statement is not in its plain form')
  return parseShape(statementSchema, value)
}

function decode(text: string): Buffer {
  try {
    return fromBase64(text)
  } catch (cause) {
    throw new AttestationError('evidence-malformed', 'evidence that cannot be read: not canonical base64', { cause })
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw malformed('it is not JSON')
  }
}

function parseShape<Schema extends z.ZodType>(schema: Schema, value: unknown): z.output<Schema> {
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw malformed(`${issue?.path.join('.')}: ${issue?.message}`)
}

function malformed(why: string): AttestationError {
  return new AttestationError('evidence-malformed', `evidence that cannot be read: ${why}`)
}
