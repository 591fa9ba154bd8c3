/**
 * What travels between a proxy that pays and a worker that is paid (docs/worker-pay.md): a worker's terms, signed by the key that
 * its attested keyset names; a channel that a proxy brings; what it signs for; and the mark that says who pays for a request.
 */
import { createHmac, type KeyObject, sign, verify } from 'node:crypto'
import { Address } from '@ton/core'
import { z } from 'zod'
import { equalBytes, fromBase64, fromBase64url, toBase64, toBase64url, utf8 } from '../lib/bytes.ts'
import { messageOf } from '../lib/coded-error.ts'
import { ed25519PublicKey } from '../lib/ed25519.ts'
import { maxNanoton, type Nanoton, nanoton } from '../lib/nanoton.ts'
import type { Terms } from '../payment-channel/index.ts'
import { PayError } from './errors.ts'

const amount = z
  .string()
  .regex(/^(0|[1-9][0-9]{0,18})$/)
  .transform(text => BigInt(text))
  .refine(value => value <= maxNanoton)
  .transform(value => nanoton(value))
const hex32 = z
  .string()
  .regex(/^[0-9a-f]{64}$/)
  .transform(text => Buffer.from(text, 'hex'))
const hex64 = z
  .string()
  .regex(/^[0-9a-f]{128}$/)
  .transform(text => Buffer.from(text, 'hex'))
const address = z.string().max(80).transform(toAddress)
const rid = z.string().regex(/^[A-Za-z0-9_-]{22}$/)

function toAddress(text: string, context: { addIssue(issue: { code: 'custom'; message: string }): void }): Address {
  try {
    return Address.parse(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'not a TON address' })
    return z.NEVER
  }
}

const offerSchema = z.object({
  version: z.literal(1),
  worker: z.string(),
  chain: z.int(),
  payee: address,
  payee_key: hex32,
  mark_key: hex32,
  challenge_period: z.int().min(0),
  minimum_deposit: amount,
  credit: amount,
  floor: amount,
})

/** On what terms a worker is paid. */
export interface PayOffer {
  readonly worker: string
  /** The chain's global id. */
  readonly chain: number
  readonly payee: Address
  /** Raw Ed25519: signs what is cashed. */
  readonly payeeKey: Buffer
  /** Raw X25519: agrees on the secret that marks requests. */
  readonly markKey: Buffer
  /** The least that a channel to it must have, seconds. */
  readonly challengePeriod: number
  readonly minimumDeposit: Nanoton
  /** How much may be owed and not signed for. */
  readonly credit: Nanoton
  /** What must stay in the channel beyond all that is owed. */
  readonly floor: Nanoton
}

/** The offer as it is served: its bytes, and the signature of the worker's receipt key over them and the asker's nonce. */
export function encodeOffer(offer: PayOffer, nonce: Uint8Array, receiptKey: { sign(bytes: Uint8Array): Uint8Array }): string {
  const bytes = utf8(
    JSON.stringify({
      version: 1,
      worker: offer.worker,
      chain: offer.chain,
      payee: offer.payee.toString(),
      payee_key: offer.payeeKey.toString('hex'),
      mark_key: offer.markKey.toString('hex'),
      challenge_period: offer.challengePeriod,
      minimum_deposit: offer.minimumDeposit.toString(),
      credit: offer.credit.toString(),
      floor: offer.floor.toString(),
    }),
  )
  return JSON.stringify({ offer: toBase64(bytes), signature: toBase64(receiptKey.sign(offerSigned(bytes, nonce))) })
}

const signedOfferSchema = z.object({ offer: z.string().max(8_192), signature: z.string().max(128) })

/** Reads an offer that `receiptKey` (raw) signed over `nonce`. Throws {@link PayError} `malformed` or `bad-signature`. */
export function decodeOffer(document: string, nonce: Uint8Array, receiptKey: Uint8Array): PayOffer {
  const outer = shape(signedOfferSchema, document, 'the offer')
  const [bytes, signature] = [base64(outer.offer), base64(outer.signature)]
  if (!verify(null, offerSigned(bytes, nonce), ed25519PublicKey(receiptKey), signature))
    throw new PayError('bad-signature', "the offer is not signed by the worker's receipt key over our nonce")
  const { worker, chain, payee, ...rest } = shape(offerSchema, bytes.toString('utf8'), 'the offer')
  return {
    worker,
    chain,
    payee,
    payeeKey: rest.payee_key,
    markKey: rest.mark_key,
    challengePeriod: rest.challenge_period,
    minimumDeposit: rest.minimum_deposit,
    credit: rest.credit,
    floor: rest.floor,
  }
}

function offerSigned(bytes: Uint8Array, nonce: Uint8Array): Buffer {
  return Buffer.concat([utf8('chrysalis pay offer v1\n'), nonce, bytes])
}

const termsSchema = z.object({
  payer: address,
  payee: address,
  challenge_period: z.int().min(0),
  open_until: z.int().min(0),
  salt: z.string().regex(/^(0|[1-9][0-9]{0,19})$/),
})
const channelSchema = z.object({ terms: termsSchema, payer_key: hex32, mark_key: hex32, signature: hex64 })

/** A channel as a proxy brings it. */
export interface BroughtChannel {
  readonly terms: Terms
  readonly payerKey: Buffer
  /** Raw X25519: the payer's part of the secret that marks requests. */
  readonly markKey: Buffer
  /** Of `payerKey` over `markKey`, for this channel. */
  readonly signature: Buffer
}

export function encodeChannel({ terms, payerKey, markKey, signature }: BroughtChannel): string {
  return JSON.stringify({
    terms: toWireTerms(terms),
    payer_key: payerKey.toString('hex'),
    mark_key: markKey.toString('hex'),
    signature: signature.toString('hex'),
  })
}

/** Signs that requests for `channel` are marked by the secret of `markKey`. */
export function signMarkKey(channel: Address, markKey: Uint8Array, payerKey: KeyObject): Buffer {
  return sign(null, markKeySigned(channel, markKey), payerKey)
}

/** Throws {@link PayError} `bad-signature`. `payerKey` is raw. */
export function verifyMarkKey(channel: Address, { markKey, payerKey, signature }: BroughtChannel): void {
  if (!verify(null, markKeySigned(channel, markKey), ed25519PublicKey(payerKey), signature))
    throw new PayError('bad-signature', 'the mark key is not signed by the key that pays')
}

// Longer than 32 bytes: it can never be the hash of a cell.
function markKeySigned(channel: Address, markKey: Uint8Array): Buffer {
  return Buffer.concat([utf8(`chrysalis pay mark key v1\n${channel.toRawString()}\n`), markKey])
}

/** Throws {@link PayError} `malformed`. */
export function decodeChannel(document: string): BroughtChannel {
  const { terms, payer_key: payerKey, mark_key: markKey, signature } = shape(channelSchema, document, 'the channel')
  return { terms: fromWireTerms(terms), payerKey, markKey, signature }
}

/** Terms as JSON, for a file or a wire. */
export function toWireTerms(terms: Terms): z.input<typeof termsSchema> {
  return {
    payer: terms.payer.toString(),
    payee: terms.payee.toString(),
    challenge_period: terms.challengePeriod,
    open_until: terms.openUntil,
    salt: terms.salt.toString(),
  }
}

function fromWireTerms(wire: z.output<typeof termsSchema>): Terms {
  const { payer, payee, challenge_period: challengePeriod, open_until: openUntil, salt } = wire
  return { payer, payee, challengePeriod, openUntil, salt: BigInt(salt) }
}

/** Terms back from their JSON. Throws {@link PayError} `malformed`. */
export function parseWireTerms(text: string): Terms {
  return fromWireTerms(shape(termsSchema, text, 'the terms'))
}

/** So many jobs at most in one message. */
export const mostJobs = 1_000
/** No message of this protocol is longer. */
export const mostMessageBytes = 128 * 1024

const paymentSchema = z.object({
  channel: address,
  from: amount,
  ceiling: amount,
  signature: hex64,
  jobs: z.array(z.tuple([rid, amount])).max(mostJobs),
})

/** A payment: everything up to `ceiling` is signed for; `jobs` says what the part beyond `from` is for. */
export interface Payment {
  readonly channel: Address
  readonly from: Nanoton
  readonly ceiling: Nanoton
  /** Of the channel's Authorization over `ceiling`. */
  readonly signature: Buffer
  readonly jobs: readonly (readonly [rid: string, amount: Nanoton])[]
}

export function encodePayment({ channel, from, ceiling, signature, jobs }: Payment): string {
  return JSON.stringify({
    channel: channel.toString(),
    from: from.toString(),
    ceiling: ceiling.toString(),
    signature: signature.toString('hex'),
    jobs: jobs.map(([id, paid]) => [id, paid.toString()]),
  })
}

/** Throws {@link PayError} `malformed`. */
export function decodePayment(document: string): Payment {
  return shape(paymentSchema, document, 'the payment')
}

const heldSchema = z.object({ ceiling: amount, signature: hex64.nullable() })

/** The highest ceiling that a worker holds, and its signature; null before the first. */
export interface Held {
  readonly ceiling: Nanoton
  readonly signature: Buffer | null
}

export function encodeHeld({ ceiling, signature }: Held): string {
  return JSON.stringify({ ceiling: ceiling.toString(), signature: signature?.toString('hex') ?? null })
}

/** Throws {@link PayError} `malformed`. */
export function decodeHeld(document: string): Held {
  return shape(heldSchema, document, "the worker's answer")
}

/** The header of a sealed request that says which channel pays for it. */
export const payHeader = 'x-chrysalis-pay'

/** Marks the request whose context hashes to `contextDigest` as paid for by `channel`, with the secret of that channel. */
export function encodeMark(channel: string, contextDigest: Uint8Array, secret: KeyObject): string {
  return `${channel}.${toBase64url(macOf(contextDigest, secret))}`
}

/** Who says that he pays. Nothing is verified yet. */
export interface Mark {
  /** Raw. */
  readonly channel: string
  readonly mac: Buffer
}

/** Throws {@link PayError} `malformed`. */
export function decodeMark(text: string): Mark {
  const [, channel, mac] = /^(0:[0-9a-f]{64})\.([A-Za-z0-9_-]{43})$/.exec(text) ?? []
  try {
    if (channel !== undefined && mac !== undefined) return { channel, mac: fromBase64url(mac, 32) }
  } catch {
    // Another spelling of the same bytes is no mark either.
  }
  throw new PayError('malformed', `${payHeader} is not in its form`)
}

/** Throws {@link PayError} `bad-signature`. */
export function verifyMark({ mac }: Mark, contextDigest: Uint8Array, secret: KeyObject): void {
  if (!equalBytes(mac, macOf(contextDigest, secret)))
    throw new PayError('bad-signature', 'the request is not marked with the secret of the channel that pays for it')
}

function macOf(contextDigest: Uint8Array, secret: KeyObject): Buffer {
  return createHmac('sha256', secret).update(contextDigest).digest()
}

function base64(text: string): Buffer {
  try {
    return fromBase64(text)
  } catch (cause) {
    throw new PayError('malformed', 'not canonical base64', { cause })
  }
}

function shape<Schema extends z.ZodType>(schema: Schema, text: string, what: string): z.output<Schema> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new PayError('malformed', `${what} is not JSON: ${messageOf(cause)}`, { cause })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const issue = parsed.error.issues[0]!
  throw new PayError('malformed', `${what}: ${issue.path.join('.')}: ${issue.message}`)
}
