/** From session secrets to the keys of wraps and frames (spec, "Keys"). `c` and `q` are the digests of the context and of the request. */
import { createSecretKey, type KeyObject } from 'node:crypto'
import { concat, utf8 } from '../lib/bytes.ts'
import { nonceSize } from './aead.ts'
import { expand, extract } from './hkdf.ts'
import type { Suite } from './types.ts'

export interface AeadKeys {
  readonly suite: Suite
  readonly key: KeyObject
  /** The nonce of a wrap; the base nonce of frames. */
  readonly nonce: Buffer
}

/** What one session gives to one request: it seals `dek`, and later the answer. */
export interface WrapKeys extends AeadKeys {
  readonly prk: KeyObject
}

export const dekSize = 32

export function wrapKeys(suite: Suite, c: Uint8Array, session: Uint8Array): WrapKeys {
  const prk = extract(c, session)
  return { prk, ...aeadKeys(suite, prk, 'dek') }
}

export function requestKeys(suite: Suite, c: Uint8Array, dek: Uint8Array): AeadKeys {
  return aeadKeys(suite, extract(c, dek), 'request')
}

/** Only who holds the session can make or read the answer, and only to a request that arrived as it was sent. */
export function responseKeys(wrap: { suite: Suite; prk: KeyObject; enc: Uint8Array }, q: Uint8Array, rn: Uint8Array): AeadKeys {
  const secret = expand(wrap.prk, concat(utf8('response'), q), 32)
  return aeadKeys(wrap.suite, extract(concat(wrap.enc, rn), secret), 'response')
}

function aeadKeys(suite: Suite, prk: KeyObject, purpose: 'dek' | 'request' | 'response'): AeadKeys {
  return { suite, key: createSecretKey(expand(prk, `${purpose} key`, 32)), nonce: expand(prk, `${purpose} nonce`, nonceSize) }
}
