/**
 * Asking whoever answers at a URL, with a fresh nonce for each document: a worker shows its own evidence, a proxy passes on that
 * of every worker it serves from. What comes back is bounded, and nothing of it is believed before it is judged.
 */
import { z } from 'zod'
import { AttestationError } from '../attestation/index.ts'
import { toHex } from '../lib/bytes.ts'
import { messageOf } from '../lib/coded-error.ts'
import { type OtherEnd, otherEndOf } from './connected-fetch.ts'

/** A document, and the nonce that it was asked for with. */
export interface Asked {
  /** Of whom it is, as the one who was asked says. */
  readonly subject: string
  readonly nonce: Buffer
  readonly document: Buffer
  /** By which connection it came; undefined where nobody knows. */
  readonly connection?: OtherEnd | undefined
}

export interface Asker {
  readonly fetch: typeof fetch
  readonly random: (size: number) => Buffer
  /** A key of the proxy, which tells only its callers who serves them. */
  readonly apiKey: string | undefined
  /** A key of another system's service. */
  readonly foreignKey?: string | undefined
}

const timeoutMs = 30_000
const maxDocument = 4 * 1024 * 1024
/** More workers than this are not asked. */
const mostWorkers = 64

const modelList = z.object({ data: z.array(z.object({ id: z.string().max(256) })).max(1_000) })

/** Every document that the service at `url` shows. Throws {@link AttestationError} `evidence-unavailable` where it shows none. */
export async function askFor(url: URL, asker: Asker): Promise<Asked[]> {
  const worker = await askWorker(url, asker)
  return worker ? [worker] : askProxy(url, asker)
}

async function askWorker(url: URL, asker: Asker): Promise<Asked | undefined> {
  const nonce = asker.random(32)
  const { status, body } = await get(new URL(`/.well-known/chrysalis?nonce=${toHex(nonce)}`, url), asker, {})
  return status === 200 ? { subject: url.origin, nonce, document: body } : undefined
}

/** The proxy's own evidence, where it has any, and each worker's, as the scheduler would pick them for each model. */
async function askProxy(url: URL, asker: Asker): Promise<Asked[]> {
  const own = await askAttestation(url, '', asker)
  const found: Asked[] =
    own.status === 200
      ? [{ subject: `${url.origin} (the proxy itself)`, nonce: own.nonce, document: own.body, connection: own.connection }]
      : []
  const { status, body } = await get(new URL('/v1/models', url), asker, authorization(asker))
  if (status === 401) {
    if (found.length > 0) return found
    throw unavailable(`${url.origin} shows its workers to its callers only: put an API key into CHRYSALIS_API_KEY`)
  }
  const models = modelList.safeParse(jsonOf(body))
  if (status !== 200 || !models.success) throw unavailable(`${url.origin} is neither a worker nor a proxy of Chrysalis`)
  const seen = new Set<string>()
  for (const { id } of models.data.data) {
    for (let skip = 0; seen.size < mostWorkers; skip++) {
      const shown = await askAttestation(url, `&model=${encodeURIComponent(id)}&skip=${skip}`, asker)
      if (shown.status !== 200) break
      const name = workerIn(shown.body)
      if (seen.has(name)) continue
      seen.add(name)
      found.push({ subject: `${name} behind ${url.origin}`, nonce: shown.nonce, document: shown.body })
    }
  }
  if (found.length === 0) throw unavailable(`${url.origin} has no worker to show now`)
  return found
}

async function askAttestation(url: URL, query: string, asker: Asker): Promise<Got & { nonce: Buffer }> {
  const nonce = asker.random(32)
  return { nonce, ...(await get(new URL(`/v1/attestation?nonce=${toHex(nonce)}${query}`, url), asker, authorization(asker))) }
}

function authorization({ apiKey }: Asker): Record<string, string> {
  return apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }
}

/** The worker that a document names, for a list. Who it really is, the quote says. */
function workerIn(document: Buffer): string {
  const keyset = z.object({ keyset: z.string() }).safeParse(jsonOf(document))
  const named = z
    .object({ worker: z.string().max(64) })
    .safeParse(keyset.success ? jsonOf(Buffer.from(keyset.data.keyset, 'base64')) : undefined)
  return named.success ? named.data.worker : 'a worker'
}

/** An answer. */
interface Got {
  readonly status: number
  readonly body: Buffer
  readonly connection: OtherEnd | undefined
}

/** Asks `url`, which may not lead elsewhere, for at most 4 MiB. Throws {@link AttestationError} `evidence-unavailable`. */
export async function get(url: URL, { fetch }: Asker, headers: Record<string, string>): Promise<Got> {
  try {
    // A redirect could lead a key to somebody else, and would answer for somebody else.
    const response = await fetch(url, { headers, redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
    const chunks: Uint8Array[] = []
    let size = 0
    for await (const chunk of response.body ?? []) {
      size += chunk.length
      if (size > maxDocument) throw new RangeError('an answer without end')
      chunks.push(chunk)
    }
    return { status: response.status, body: Buffer.concat(chunks), connection: otherEndOf(response) }
  } catch (cause) {
    const reason = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause
    throw unavailable(`${url.origin} cannot be asked: ${messageOf(reason)}`, cause)
  }
}

function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'))
  } catch {
    return undefined
  }
}

function unavailable(message: string, cause?: unknown): AttestationError {
  return new AttestationError('evidence-unavailable', message, { cause })
}
