/**
 * What an event of RTMR3 extends it by, computed from what the event says:
 *
 *     version 1   SHA-384(type, 4 bytes, little-endian || ":" || name || ":" || payload)
 *     version 2   SHA-384({"name":"…","payload":"lowercase hex","type":134217729}), in the canonical form of RFC 8785
 */
import { AttestationError } from '../errors.ts'
import { concat, fromUtf8, sameBytes, toHex } from '../tdx/bytes.ts'
import type { CryptoPort } from '../tdx/crypto-port.ts'
import type { LogEvent } from './event.ts'

/** The one type that dstack gives to what the guest measures after the kernel has started. */
export const runtimeEventType = 0x0800_0001

/**
 * The digest of an event of RTMR3. Throws {@link AttestationError} `event-log-digest` for an event of another type, whose digest
 * could only be believed, and where the log claims another digest or preimage than those of the event.
 */
export function runtimeDigest(event: LogEvent, crypto: Pick<CryptoPort, 'sha384'>): Uint8Array {
  if (event.type !== runtimeEventType) throw wrong(event, `is of type ${event.type}, whose digest cannot be computed`)
  const preimage = preimageOf(event)
  if (event.preimage && !sameBytes(event.preimage, preimage)) throw wrong(event, 'has the preimage of another event')
  const digest = crypto.sha384(preimage)
  if (event.digest && !sameBytes(event.digest, digest)) throw wrong(event, 'has the digest of another event')
  return digest
}

function preimageOf({ version, type, name, payload }: LogEvent): Uint8Array {
  // JSON.stringify writes strings and numbers as RFC 8785 §3.2.2 says; the members stand in the order of their names.
  if (version === 2) return fromUtf8(JSON.stringify({ name, payload: toHex(payload), type }))
  const colon = Uint8Array.of(0x3a)
  return concat(Uint8Array.of(type & 0xff, (type >> 8) & 0xff, (type >> 16) & 0xff, type >>> 24), colon, fromUtf8(name), colon, payload)
}

function wrong({ name }: LogEvent, why: string): AttestationError {
  return new AttestationError('event-log-digest', `an event log that was changed: event ${JSON.stringify(name)} of RTMR3 ${why}`)
}
