/**
 * HPKE (RFC 9180), as much of it as a session needs: base mode, HKDF-SHA256, export-only, one export per encapsulation.
 * KEMs: X-Wing (draft-connolly-cfrg-xwing-kem, number 0x647a) and DHKEM(X25519, HKDF-SHA256) (0x0020), on `node:crypto`.
 *
 * The random bytes given by a caller are those of the X25519 half; ML-KEM draws its own inside OpenSSL.
 */
import {
  createHash,
  createPrivateKey,
  createPublicKey,
  createSecretKey,
  decapsulate,
  diffieHellman,
  encapsulate,
  type KeyObject,
} from 'node:crypto'
import { concat, u16, utf8 } from '../lib/bytes.ts'
import { EnvelopeError } from './errors.ts'
import { expand, extract } from './hkdf.ts'
import { kemX25519, kemXWing, type Random } from './types.ts'

const mlkemPublicSize = 1184
const mlkemEncSize = 1088
const sizes = new Map([
  [kemXWing, { publicKey: mlkemPublicSize + 32, enc: mlkemEncSize + 32 }],
  [kemX25519, { publicKey: 32, enc: 32 }],
])

/** Bytes of a raw public key and of an encapsulated key. Throws `misuse` for a KEM that is not ours. */
export function kemSizes(kem: number): { readonly publicKey: number; readonly enc: number } {
  const found = sizes.get(kem)
  if (!found) throw new EnvelopeError('misuse', 'the KEM is none of this format')
  return found
}

/** A recipient's private key, made from 32 bytes: X-Wing's seed, or the X25519 scalar. It shows nothing of itself when printed. */
export class HpkePrivateKey {
  readonly kem: number
  readonly publicKey: Buffer
  readonly #x25519: KeyObject
  readonly #mlkem: KeyObject | undefined

  constructor(kem: number, seed: Uint8Array) {
    kemSizes(kem)
    if (seed.length !== 32) throw new EnvelopeError('misuse', 'a private key is made from 32 bytes')
    this.kem = kem
    if (kem === kemX25519) {
      this.#x25519 = x25519Private(seed)
      this.publicKey = rawPublic(this.#x25519, x25519Spki)
    } else {
      // X-Wing, expandDecapsulationKey: d || z || sk_X
      const expanded = createHash('shake256', { outputLength: 96 }).update(seed).digest()
      this.#mlkem = createPrivateKey({ key: concat(mlkemPkcs8, expanded.subarray(0, 64)), format: 'der', type: 'pkcs8' })
      this.#x25519 = x25519Private(expanded.subarray(64))
      this.publicKey = concat(rawPublic(this.#mlkem, mlkemSpki), rawPublic(this.#x25519, x25519Spki))
    }
  }

  /** The exported secret under `enc`: what {@link sendExport} gave its caller. Throws `malformed` for an `enc` that is none. */
  receiveExport(enc: Uint8Array, info: Uint8Array, label: string, length: number): Buffer {
    if (enc.length !== kemSizes(this.kem).enc) throw new EnvelopeError('malformed', 'the encapsulated key has the wrong size')
    return exportSecret(this.kem, this.#decapsulate(enc), info, label, length)
  }

  #decapsulate(enc: Uint8Array): Buffer {
    const encX = enc.subarray(-32)
    const shared = agree(this.#x25519, encX)
    if (!this.#mlkem) return dhkemSecret(shared, encX, this.publicKey)
    return xWingSecret(decapsulate(this.#mlkem, enc.subarray(0, mlkemEncSize)), shared, encX, this.publicKey.subarray(-32))
  }
}

/** Encapsulates to a raw public key and exports one secret. Throws `malformed` for a key that is none. */
export function sendExport(
  to: { readonly kem: number; readonly publicKey: Uint8Array },
  info: Uint8Array,
  label: string,
  length: number,
  random: Random,
): { enc: Buffer; secret: Buffer } {
  if (to.publicKey.length !== kemSizes(to.kem).publicKey) throw new EnvelopeError('malformed', 'the public key has the wrong size')
  const publicX = to.publicKey.subarray(-32)
  const ephemeral = x25519Private(random(32))
  const encX = rawPublic(ephemeral, x25519Spki)
  const shared = agree(ephemeral, publicX)
  if (to.kem === kemX25519) {
    return { enc: encX, secret: exportSecret(to.kem, dhkemSecret(shared, encX, publicX), info, label, length) }
  }
  const { sharedKey, ciphertext } = encapsulate(mlkemPublic(to.publicKey.subarray(0, mlkemPublicSize)))
  const secret = exportSecret(to.kem, xWingSecret(sharedKey, shared, encX, publicX), info, label, length)
  return { enc: concat(ciphertext, encX), secret }
}

// X-Wing's combiner, with its label `\.//^\`.
function xWingSecret(mlkem: Uint8Array, x25519: Uint8Array, encX: Uint8Array, publicX: Uint8Array): Buffer {
  return createHash('sha3-256').update(mlkem).update(x25519).update(encX).update(publicX).update('\\.//^\\').digest()
}

// RFC 9180 §4.1, ExtractAndExpand.
function dhkemSecret(dh: Uint8Array, enc: Uint8Array, publicKey: Uint8Array): Buffer {
  const suite = concat(utf8('KEM'), u16(kemX25519))
  return labeledExpand(suite, labeledExtract(suite, empty, 'eae_prk', dh), 'shared_secret', concat(enc, publicKey), 32)
}

// RFC 9180 §5.1 and §5.3: key schedule of base mode (0, no PSK), HKDF-SHA256 (1), export-only (0xffff); then one export.
function exportSecret(kem: number, shared: Uint8Array, info: Uint8Array, label: string, length: number): Buffer {
  const suite = concat(utf8('HPKE'), u16(kem), u16(1), u16(0xffff))
  const hashed = (name: string, value: Uint8Array) => labeledExtract(suite, empty, name, value).export()
  const context = concat(Buffer.of(0), hashed('psk_id_hash', empty), hashed('info_hash', info))
  const exporter = labeledExpand(suite, labeledExtract(suite, shared, 'secret', empty), 'exp', context, 32)
  return labeledExpand(suite, createSecretKey(exporter), 'sec', utf8(label), length)
}

const empty = Buffer.alloc(0)

function labeledExtract(suite: Uint8Array, salt: Uint8Array, label: string, ikm: Uint8Array): KeyObject {
  return extract(salt, concat(utf8('HPKE-v1'), suite, utf8(label), ikm))
}

function labeledExpand(suite: Uint8Array, prk: KeyObject, label: string, info: Uint8Array, length: number): Buffer {
  return expand(prk, concat(u16(length), utf8('HPKE-v1'), suite, utf8(label), info), length)
}

// RFC 8410 and RFC 9935: everything that stands before the raw key in PKCS #8 (ML-KEM: before the seed) and in SPKI.
const x25519Pkcs8 = Buffer.from('302e020100300506032b656e04220420', 'hex')
const x25519Spki = Buffer.from('302a300506032b656e032100', 'hex')
const mlkemPkcs8 = Buffer.from('3054020100300b060960864801650304040204428040', 'hex')
const mlkemSpki = Buffer.from('308204b2300b0609608648016503040402038204a100', 'hex')

function x25519Private(scalar: Uint8Array): KeyObject {
  return createPrivateKey({ key: concat(x25519Pkcs8, scalar), format: 'der', type: 'pkcs8' })
}

function rawPublic(privateKey: KeyObject, spki: Buffer): Buffer {
  return createPublicKey(privateKey).export({ format: 'der', type: 'spki' }).subarray(spki.length)
}

/** X25519. OpenSSL refuses an all-zero result (RFC 7748 §6.1): such a peer's key is `malformed`. */
function agree(privateKey: KeyObject, rawPublicKey: Uint8Array): Buffer {
  try {
    const publicKey = createPublicKey({ key: concat(x25519Spki, rawPublicKey), format: 'der', type: 'spki' })
    return diffieHellman({ privateKey, publicKey })
  } catch {
    throw new EnvelopeError('malformed', 'not a usable X25519 key')
  }
}

/** OpenSSL makes the modulus check of FIPS 203 §7.2 on import. */
function mlkemPublic(raw: Uint8Array): KeyObject {
  try {
    return createPublicKey({ key: concat(mlkemSpki, raw), format: 'der', type: 'spki' })
  } catch {
    throw new EnvelopeError('malformed', 'not an ML-KEM-768 public key')
  }
}
