/** `Idempotency-Key`: the form it must have, the name under which its use is remembered, and what tells one request from another. */
import { createHash, createHmac } from 'node:crypto'
import { setImmediate } from 'node:timers/promises'
import { ApiError } from './errors.ts'

/** How much is hashed at once: about a millisecond. */
const slice = 1024 * 1024

/** The `Idempotency-Key` of a request, 1 to 255 visible ASCII characters; undefined where there is none. Throws `invalid_request`. */
export function parseIdempotencyKey(header: string | undefined): string | undefined {
  if (header === undefined || /^[\x21-\x7e]{1,255}$/.test(header)) return header
  throw new ApiError('invalid_request', 'Idempotency-Key must be 1 to 255 visible ASCII characters, and be sent once.')
}

/**
 * The name under which the use of an idempotency key is remembered: a digest that only the owner of `apiKey` can make or
 * guess, so that a stolen ledger shows nothing of what callers name their requests. Hex, 64 characters.
 */
export function onceName(owner: { apiKey: string; channel: string }, idempotencyKey: string): string {
  return createHmac('sha256', owner.apiKey).update(`chrysalis idempotency v1\0${owner.channel}\0${idempotencyKey}`).digest('hex')
}

/**
 * A digest of method, path and body. Of a form, the boundary is left out: clients make a new one whenever they send the same
 * form again.
 */
export async function fingerprint(request: { path: string; contentType: string; body: Buffer }): Promise<string> {
  const { path, contentType, body } = request
  const boundary = /^multipart\/.*;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))/i.exec(contentType)
  const hash = createHash('sha256').update(`POST\0${path}\0${boundary ? 'form' : 'body'}\0`)
  if (boundary) {
    for (const part of between(body, Buffer.from(boundary[1] ?? boundary[2]!))) hash.update(`${part.length}\0`).update(await digest(part))
    return hash.digest('hex')
  }
  return hash.update(await digest(body)).digest('hex')
}

/** What stands before, between and behind the places where `mark` stands. */
function* between(body: Buffer, mark: Buffer): Generator<Buffer> {
  let from = 0
  for (let at = body.indexOf(mark); at >= 0; at = body.indexOf(mark, from)) {
    yield body.subarray(from, at)
    from = at + mark.length
  }
  yield body.subarray(from)
}

/** In slices, between which the loop does other things: WebCrypto would copy all of a large body at once. */
async function digest(bytes: Buffer): Promise<Buffer> {
  const hash = createHash('sha256')
  for (let from = 0; from < bytes.length; from += slice) {
    if (from > 0) await setImmediate()
    hash.update(bytes.subarray(from, from + slice))
  }
  return hash.digest()
}
