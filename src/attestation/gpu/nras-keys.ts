/** The keys that NVIDIA's attestation service signs with: a set at hand, or one that is fetched and kept by `jose`. */
import { createPublicKey, type JsonWebKey } from 'node:crypto'
import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'
import { z } from 'zod'

/** Finds the key that a token names. */
export interface NrasKeys {
  /** Whose tokens these keys sign. */
  readonly issuer: string
  readonly find: JWTVerifyGetKey
}

const key = z
  .looseObject({
    kty: z.literal('EC', 'must be EC'),
    crv: z.literal('P-384', 'must be P-384, as ES384 asks'),
    kid: z.string().min(1, 'must name the key'),
    alg: z.literal('ES384', 'must be ES384').optional(),
    use: z.literal('sig', 'must be sig').optional(),
  })
  .refine(({ d }) => d === undefined, 'is a private key, which nobody but NVIDIA should have')
  .refine(({ kty, crv, x, y }) => isPoint({ kty, crv, x, y }), 'is no public key')
const keySet = z.object({ keys: z.array(key, 'must be a list').min(1, 'holds no key') })

/** Keys at hand, out of the JSON of a JWKS. Throws `RangeError` that names what is wrong. */
export function parseNrasKeys(text: string): NrasKeys {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new RangeError('is not JSON; save the answer of NVIDIA’s JWKS address', { cause })
  }
  const { data, error } = keySet.safeParse(json)
  if (!data) throw new RangeError(error.issues.map(({ path, message }) => `${path.join('.') || 'the key set'} ${message}`).join('; '))
  return localNrasKeys(data as JSONWebKeySet)
}

export const nrasIssuer = 'https://nras.attestation.nvidia.com'
const maxBytes = 64 * 1024

/** Keys at hand. Throws `jose`'s error for what is not a key set. */
export function localNrasKeys(jwks: JSONWebKeySet, issuer: string = nrasIssuer): NrasKeys {
  return { issuer, find: createLocalJWKSet(jwks) }
}

/** Keys at `url`, asked for when a token needs them, kept for an hour, and asked for again at most every 30 s where a token names one that is not among them. */
export function remoteNrasKeys(o: { url: string; issuer?: string; fetch: typeof fetch }): NrasKeys {
  const bounded = async (url: string, options: RequestInit): Promise<Response> => {
    const response = await o.fetch(url, options)
    const bytes = await readBounded(response)
    return new Response(bytes, { status: response.status, headers: response.headers })
  }
  const find = createRemoteJWKSet(new URL(o.url), {
    timeoutDuration: 5_000,
    cooldownDuration: 30_000,
    cacheMaxAge: 60 * 60 * 1000,
    [customFetch]: bounded,
  })
  return { issuer: o.issuer ?? nrasIssuer, find }
}

function isPoint(jwk: Record<string, unknown>): boolean {
  try {
    createPublicKey({ key: jwk as JsonWebKey, format: 'jwk' })
    return true
  } catch {
    return false
  }
}

async function readBounded(response: Response): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = []
  let size = 0
  for await (const part of response.body ?? []) {
    size += part.length
    if (size > maxBytes) throw new RangeError('a key set beyond any size')
    parts.push(part)
  }
  return new Uint8Array(Buffer.concat(parts))
}
