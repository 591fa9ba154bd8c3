/** A good request and a good answer, the parts they are made of, and the two readers at the ends, for tests to break one thing at a time. */
import { createHash, sign } from 'node:crypto'
import { expect } from 'vitest'
import {
  type CheckpointExpectation,
  createSenderSession,
  EnvelopeError,
  type EnvelopeErrorCode,
  type Finish,
  kemX25519,
  kemXWing,
  type OpenAIErrorObject,
  type OpenedRequest,
  type Price,
  type Random,
  type Receipt,
  type RecipientKeyPair,
  RecipientKeyring,
  ReplayMemory,
  type RequestContext,
  RequestOpener,
  ResponseOpener,
  ResponseSealer,
  recipientKeyPair,
  type SealedRequest,
  type SealRequestOptions,
  sealRequest,
  type Usage,
  verifyCheckpoint,
  verifyReceipt,
} from '../../src/envelope/index.ts'
import { concat, toBase64url, toHex, u16, utf8 } from '../../src/lib/bytes.ts'
import { ed25519PrivateKey, ed25519RawPublicKey } from '../../src/lib/ed25519.ts'
import { ManualClock } from '../support/manual-clock.ts'

export const now = 1_800_000_000_000
export const worker = 'worker-1'
export const keyset = '5e'.repeat(32)
export const receiptKey = ed25519PrivateKey(Buffer.alloc(32, 1))
export const receiptPublicKey = ed25519RawPublicKey(receiptKey)
export const receiptSigner = { sign: (bytes: Uint8Array) => sign(null, bytes, receiptKey) }
export const payerKey = ed25519PrivateKey(Buffer.alloc(32, 2))
export const payer = toBase64url(ed25519RawPublicKey(payerKey))
export const price: Price = { prompt: '100000', cached: '10000', completion: '400000', reasoning: '400001' }
export const body = utf8('{"model":"tiny","messages":[{"role":"user","content":"Grüße"}]}')
export const nothing: Usage = { prompt: 0, cached: 0, completion: 0, reasoning: 0 }

/** Bytes that look random and are the same in every run. */
export function seededRandom(seed: string): Random {
  let turn = 0
  return size => createHash('shake256', { outputLength: size }).update(`${seed}/${turn++}`).digest()
}

/** Four workers' keys of each KEM. */
export const pairs: Record<number, readonly RecipientKeyPair[]> = Object.fromEntries(
  [kemXWing, kemX25519].map(kem => [kem, [0, 1, 2, 3].map(i => recipientKeyPair(kem, seededRandom(`${kem}/${i}`)(32)))]),
)

export function pair(kem: number = kemX25519, index = 0): RecipientKeyPair {
  return pairs[kem]![index]!
}

export function sampleContext(changes: Partial<RequestContext> = {}): RequestContext {
  return {
    rid: toBase64url(Buffer.alloc(16, 3)),
    ts: now,
    path: '/v1/chat/completions',
    model: 'tiny',
    stream: true,
    channel: `0:${'ab'.repeat(32)}`,
    cap: '1000',
    price,
    pad: 'off',
    weights: `sha256:${'cd'.repeat(32)}`,
    payer: null,
    ...changes,
  }
}

export interface SealChoices extends Partial<Omit<SealRequestOptions, 'context' | 'sessions'>> {
  readonly context?: Partial<RequestContext>
  readonly kem?: number
  /** The workers it is sealed to, by index. */
  readonly to?: readonly number[]
}

/** Seals a request under fresh sessions. A payer's key also puts the payer into the context. */
export function sampleRequest({ context = {}, kem = kemX25519, to = [0], ...options }: SealChoices = {}): SealedRequest {
  return sealRequest({
    context: sampleContext(options.payerKey ? { payer, ...context } : context),
    sessions: to.map(i => createSenderSession(pair(kem, i))),
    contentType: 'application/json',
    body,
    ...options,
  })
}

export function freshReplay(at = now): ReplayMemory {
  return new ReplayMemory({ clock: new ManualClock(at), capacity: 100 })
}

export function keyringOf(...keys: readonly RecipientKeyPair[]): RecipientKeyring {
  return new RecipientKeyring({ keys })
}

const bothFirst = keyringOf(pair(kemXWing), pair(kemX25519))

/** Cuts `bytes` into pieces whose sizes go round in `sizes`. */
export function* pieces(bytes: Buffer, sizes: readonly number[]): Generator<Buffer> {
  for (let at = 0, turn = 0; at < bytes.length; turn++) {
    const size = Math.max(1, sizes[turn % sizes.length] ?? bytes.length)
    yield bytes.subarray(at, at + size)
    at += size
  }
}

/** The worker's end: reads one whole request. */
export function openRequest(
  bytes: Buffer,
  {
    keyring = bothFirst,
    replay = freshReplay(),
    sizes = [],
  }: { keyring?: RecipientKeyring; replay?: ReplayMemory; sizes?: readonly number[] } = {},
): OpenedRequest {
  const opener = new RequestOpener({ keyring, replay })
  for (const piece of pieces(bytes, sizes)) opener.push(piece)
  return opener.end()
}

export function sealerFor(request: OpenedRequest, random?: Random): ResponseSealer {
  return new ResponseSealer({
    request,
    receipt: receiptSigner,
    worker,
    keyset,
    started: now + 5,
    now: () => now + 25,
    ...(random ? { random } : {}),
  })
}

export const usageAt = (completion: number): Usage => ({ prompt: 7, cached: 3, completion, reasoning: 1 })

/** A whole answer with two checkpoints, one piece per frame. */
export function sampleAnswer(request: OpenedRequest, random?: Random): Buffer[] {
  const sealer = sealerFor(request, random)
  return [
    sealer.preamble(),
    sealer.head(200, 'text/event-stream'),
    sealer.checkpoint(usageAt(0)),
    sealer.data(utf8('data: one\n\n')),
    sealer.data(utf8('data: two\n\n')),
    sealer.checkpoint(usageAt(2)),
    sealer.data(utf8('data: [DONE]\n\n')),
    sealer.final('stop', usageAt(4)),
    sealer.receipt(),
  ]
}

export interface Answer {
  readonly status: number
  readonly contentType: string | undefined
  readonly body: Buffer
  readonly error: OpenAIErrorObject | undefined
  readonly usage: Usage
  readonly finish: Finish
  readonly checkpoints: readonly Receipt[]
  readonly receipt: Receipt
}

export function expectation(request: SealedRequest, transcript: Buffer): CheckpointExpectation {
  const { rid, model, weights, channel, price, cap } = request.context
  const ctx = toHex(request.contextDigest)
  return {
    rid,
    worker,
    keyset,
    model,
    weights,
    ctx,
    request: toHex(request.requestDigest),
    channel,
    price,
    cap,
    transcript: toHex(transcript),
  }
}

/** The caller's end: reads a whole answer and checks everything that is signed in it. Returns only where all of it is good. */
export function readAnswer(request: SealedRequest, bytes: Buffer, sizes: readonly number[] = []): Answer {
  const opener = new ResponseOpener(request)
  const parts: Buffer[] = []
  const checkpoints: Receipt[] = []
  let head: { status: number; contentType: string } | undefined
  let error: { status: number; error: OpenAIErrorObject } | undefined
  let end: { finish: Finish; usage: Usage } | undefined
  let receipt: Receipt | undefined
  for (const piece of pieces(bytes, sizes)) {
    for (const event of opener.push(piece)) {
      if (event.type === 'head') head = event
      else if (event.type === 'data') parts.push(event.bytes)
      else if (event.type === 'final') end = event
      else if (event.type === 'error') [error, end] = [event, { finish: 'error', usage: event.usage }]
      else if (event.type === 'checkpoint')
        checkpoints.push(verifyCheckpoint(event.payload, receiptPublicKey, expectation(request, event.transcript)))
      else receipt = verifyReceipt(event.payload, receiptPublicKey, { ...expectation(request, event.transcript), ...end! })
    }
  }
  opener.end()
  const status = (error ?? head)!.status
  return { status, contentType: head?.contentType, body: concat(...parts), error: error?.error, ...end!, checkpoints, receipt: receipt! }
}

/** The pieces of a request, as the spec lays it out. */
export function partsOf({ bytes, context }: SealedRequest): { start: Buffer; wraps: Buffer[]; deks: Buffer[]; frames: Buffer[] } {
  const count = bytes.readUInt8(5)
  const start = bytes.subarray(0, 8 + bytes.readUInt16BE(6))
  let at = start.length
  const cut = (size: number) => {
    at += size
    return bytes.subarray(at - size, at)
  }
  const wraps = Array.from({ length: count }, () => cut(10 + bytes.readUInt16BE(at + 8)))
  const deks = Array.from({ length: count }, () => cut(48))
  const frames: Buffer[] = []
  while (at < bytes.length) frames.push(cut(4 + bytes.readUIntBE(at + 1, 3)))
  expect(frames.length).toBeGreaterThanOrEqual(context.payer === null ? 2 : 3)
  return { start, wraps, deks, frames }
}

/** A length before a text, as in a statement. */
export function statement(json: string, signature: Uint8Array): Buffer {
  return concat(u16(utf8(json).length), utf8(json), signature)
}

/** The code an action fails with; undefined where it does not fail. Anything but an {@link EnvelopeError} comes out. */
export function codeOf(action: () => unknown): EnvelopeErrorCode | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    if (error instanceof EnvelopeError) return error.code
    throw error
  }
}

/** The code and the member an action fails with. */
export function failureOf(action: () => unknown): { code: EnvelopeErrorCode; member: string | undefined } | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    if (error instanceof EnvelopeError) return { code: error.code, member: error.member }
    throw error
  }
}

/** `bytes` with some bits of one byte turned over. */
export function flipped(bytes: Uint8Array, at: number, mask: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[at] = copy[at]! ^ mask
  return copy
}

/** What the worker says to these bytes. Its memory must be empty again when they are no request. */
export function verdict(bytes: Buffer): EnvelopeErrorCode | 'whole' {
  const replay = freshReplay()
  const code = codeOf(() => openRequest(bytes, { replay }))
  expect(replay.size).toBe(code ? 0 : 1)
  return code ?? 'whole'
}

/** `items` in every order that differs from the good one by one swap, one loss or one repetition. */
export function* disturbed<T>(items: readonly T[]): Generator<T[]> {
  for (let i = 0; i < items.length; i++) {
    yield items.toSpliced(i, 1)
    yield items.toSpliced(i, 0, items[i]!)
    for (let j = i + 1; j < items.length; j++) yield items.with(i, items[j]!).with(j, items[i]!)
  }
}
