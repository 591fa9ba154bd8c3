/** The keys that NVIDIA's attestation service signs with: a set at hand, or one that is fetched and kept by `jose`. */
import { createLocalJWKSet, createRemoteJWKSet, customFetch, type JSONWebKeySet, type JWTVerifyGetKey } from 'jose'

/** Finds the key that a token names. */
export interface NrasKeys {
  /** Whose tokens these keys sign. */
  readonly issuer: string
  readonly find: JWTVerifyGetKey
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
