/** `Idempotency-Key`: the form it must have, the name under which its use is remembered, and what tells one request from another. */
import { createHash, createHmac, type Hash } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { idempotencyKey } from '../openai/index.ts'
import { ApiError } from './errors.ts'

/** How much is hashed at once: about a millisecond. */
const slice = 1024 * 1024
/** Forms have a dozen. */
const mostParts = 1_000

/** The `Idempotency-Key` of a request, 1 to 255 visible ASCII characters; undefined where there is none. Throws `invalid_request`. */
export function parseIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || idempotencyKey.safeParse(header).success) return header
  throw new ApiError('invalid_request', 'Idempotency-Key must be 1 to 255 visible ASCII characters, and be sent once.')
}

/**
 * The name under which the use of an idempotency key is remembered: a digest that only the owner of `apiKey` can make or
 * guess, so that a stolen ledger shows nothing of what callers name their requests. Hex, 64 characters.
 */
export function onceName(owner: { apiKey: string; channel: string }, key: string): string {
  return createHmac('sha256', owner.apiKey).update(`chrysalis idempotency v1\0${owner.channel}\0${key}`).digest('hex')
}

/**
 * A digest of method, path and body. Of a form, the boundary is left out: clients make a new one whenever they send the same
 * form again.
 */
export async function fingerprint(request: { path: string; contentType: string; body: Buffer }): Promise<string> {
  const { path, contentType, body } = request
  const boundary = /^multipart\/.*;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType)
  const parts = boundary ? await between(body, Buffer.from(boundary[1] ?? boundary[2]!)) : undefined
  const hash = createHash('sha256').update(`POST\0${path}\0${parts ? 'form' : 'body'}\0`)
  await absorb(hash, parts ?? [body])
  return hash.digest('hex')
}

/**
 * What stands before, between and behind the places where `mark` stands; undefined where it stands in more places than a form
 * has parts: a body of nothing but boundaries would be millions.
 */
async function between(body: Buffer, mark: Buffer): Promise<Buffer[] | undefined> {
  const parts: Buffer[] = []
  let from = 0
  for (let start = 0; start < body.length; start += slice) {
    if (start > 0) await setImmediate()
    // The slice, and what of a mark that begins in it lies behind it.
    const window = body.subarray(0, start + slice + mark.length - 1)
    for (let at = window.indexOf(mark, Math.max(from, start)); at >= 0; at = window.indexOf(mark, from)) {
      if (parts.length === mostParts) return undefined
      parts.push(body.subarray(from, at))
      from = at + mark.length
    }
  }
  parts.push(body.subarray(from))
  return parts
}

/** Each part with its length before it, in slices, between which the loop does other things: WebCrypto would copy all of a large body at once. */
async function absorb(hash: Hash, parts: readonly Buffer[]): Promise<void> {
  let sinceTurn = 0
  for (const part of parts) {
    hash.update(`${part.length}\0`)
    for (let from = 0; from < part.length; from += slice) {
      const piece = part.subarray(from, from + slice)
      sinceTurn += piece.length
      if (sinceTurn > slice) {
        await setImmediate()
        sinceTurn = piece.length
      }
      hash.update(piece)
    }
  }
}
