/**
 * The least a caller has to do: take a worker's keyset, seal, send over a real socket, open what comes back and check what
 * is signed. What it opens is checked by src/openai/answers as every answer is. It trusts the evidence without a look, which a caller must never do; tests of the verifier are elsewhere.
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { setTimeout as delay } from 'node:timers/promises'
import {
  createSenderSession,
  type Finish,
  kemXWing,
  newRid,
  type OpenAIErrorObject,
  type Price,
  type Receipt,
  type RequestContext,
  ResponseOpener,
  type SealedRequest,
  sealRequest,
  type Usage,
  verifyCheckpoint,
  verifyReceipt,
} from '../../src/envelope/index.ts'
import { sha256 } from '../../src/lib/bytes.ts'
import { AnswerChecker } from './answers/check-answer.ts'
import { noteViolations } from './answers/violations.ts'

interface KeysetJson {
  readonly worker: string
  readonly not_after: number
  readonly hpke: readonly { kid: string; kem: number; public_key: string }[]
  readonly receipt: { kid: string; public_key: string }
  readonly models: readonly { id: string; weights_digest: string | null; context_length: number; offer: Record<string, string> }[]
}

/** A keyset as a caller holds it. */
export interface HeldKeyset {
  readonly json: KeysetJson
  readonly digest: string
}

export interface SendOptions {
  readonly context?: Partial<RequestContext>
  readonly keyset?: HeldKeyset
  /** HPKE's number of the KEM to seal with. */
  readonly kem?: number
  readonly contentType?: string
}

/** What a caller has seen of one request. */
export class SealedCall {
  readonly sealed: SealedRequest
  /** The outer answer, where it is no envelope. */
  problem: { status: number; type: string } | undefined
  status: number | undefined
  contentType: string | undefined
  text = ''
  /** The data of the answer, frame by frame. */
  readonly frames: Buffer[] = []
  usage: Usage | undefined
  finish: Finish | undefined
  error: { status: number; error: OpenAIErrorObject } | undefined
  readonly checkpoints: Receipt[] = []
  receipt: Receipt | undefined
  /** The kinds of events in their order, runs of data as one. */
  readonly order: string[] = []
  /** What the opener threw, as `code`. */
  defect: string | undefined
  /** Settles when the answer has ended in one way or another. */
  readonly ended: Promise<void>
  readonly #request: ClientRequest
  #response: IncomingMessage | undefined
  #watchers: (() => void)[] = []
  #checker: AnswerChecker | undefined

  constructor(sealed: SealedRequest, keyset: HeldKeyset, url: string, contentType: string) {
    this.sealed = sealed
    this.#request = httpRequest(`${url}/v1/sealed`, {
      method: 'POST',
      headers: { 'content-type': contentType, 'content-length': sealed.bytes.length },
      agent: false,
    })
    this.#request.on('error', () => {})
    this.#request.end(sealed.bytes)
    this.ended = this.#read(keyset)
  }

  /** Cuts the line. */
  cut(): void {
    this.#request.destroy()
  }

  pause(): void {
    this.#response?.pause()
  }

  resume(): void {
    this.#response?.resume()
  }

  /** Waits until `condition` holds; checked whenever something has come. */
  async until(condition: (call: SealedCall) => boolean): Promise<void> {
    while (!condition(this))
      await Promise.race([new Promise<void>(resolve => this.#watchers.push(resolve)), this.ended.then(() => delay(0))])
  }

  async #read(keyset: HeldKeyset): Promise<void> {
    let response: IncomingMessage
    try {
      ;[response] = (await once(this.#request, 'response')) as [IncomingMessage]
    } catch {
      this.defect = 'no-answer'
      return
    }
    this.#response = response
    if (response.headers['content-type'] !== 'application/chrysalis-envelope') {
      const parts: Buffer[] = []
      for await (const part of response) parts.push(part as Buffer)
      this.problem = { status: response.statusCode!, type: (JSON.parse(Buffer.concat(parts).toString()) as { type: string }).type }
      return
    }
    const opener = new ResponseOpener(this.sealed)
    response.on('data', (chunk: Buffer) => {
      try {
        for (const event of opener.push(chunk)) this.#event(event, keyset)
      } catch (error) {
        this.defect ??= String((error as { code?: string }).code ?? error)
      }
      for (const resolve of this.#watchers.splice(0)) resolve()
    })
    await new Promise<void>(resolve => response.on('close', resolve).on('error', () => {}))
    this.#check(checker => checker.end(false))
    try {
      opener.end()
    } catch (error) {
      this.defect ??= (error as { code: string }).code
    }
  }

  #check(step: (checker: AnswerChecker) => void): void {
    const checker = this.#checker
    if (checker && !noteViolations(() => step(checker))) this.#checker = undefined
  }

  #event(event: ReturnType<ResponseOpener['push']>[number], keyset: HeldKeyset): void {
    if (event.type !== 'data' || this.order.at(-1) !== 'data') this.order.push(event.type)
    const publicKey = Buffer.from(keyset.json.receipt.public_key, 'base64')
    const { rid, model, weights, channel, price, cap } = this.sealed.context
    const expected = () => ({
      ...{ rid, model, weights, channel, price, cap, worker: keyset.json.worker, keyset: keyset.digest },
      ctx: this.sealed.contextDigest.toString('hex'),
      request: this.sealed.requestDigest.toString('hex'),
    })
    switch (event.type) {
      case 'head':
        this.status = event.status
        this.contentType = event.contentType
        noteViolations(() => {
          const { path } = this.sealed.context
          this.#checker = new AnswerChecker({ method: 'POST', path, status: event.status, contentType: event.contentType })
        })
        break
      case 'data':
        this.text += event.bytes.toString()
        this.frames.push(Buffer.from(event.bytes))
        this.#check(checker => checker.push(event.bytes))
        break
      case 'final':
        // Of what was cancelled there is as much as was made.
        this.#check(checker => checker.end(event.finish !== 'cancelled'))
        this.#checker = undefined
        this.finish = event.finish
        this.usage = event.usage
        break
      case 'error':
        this.finish = 'error'
        this.usage = event.usage
        this.error = { status: event.status, error: event.error }
        break
      case 'checkpoint':
        this.checkpoints.push(verifyCheckpoint(event.payload, publicKey, { ...expected(), transcript: event.transcript.toString('hex') }))
        break
      case 'receipt':
        this.receipt = verifyReceipt(event.payload, publicKey, {
          ...expected(),
          transcript: event.transcript.toString('hex'),
          usage: this.usage!,
          finish: this.finish!,
        })
        break
    }
  }

  /** The JSON of each event of a streamed answer, `[DONE]` left out. */
  get chunks(): Record<string, unknown>[] {
    return this.#data.filter(data => data !== '[DONE]').map(data => JSON.parse(data) as Record<string, unknown>)
  }

  get doneCount(): number {
    return this.#data.filter(data => data === '[DONE]').length
  }

  /** What a streamed answer says. */
  get said(): string {
    const choices = this.chunks.flatMap(chunk => (chunk.choices ?? []) as { delta?: { content?: string } }[])
    return choices.map(choice => choice.delta?.content ?? '').join('')
  }

  get #data(): string[] {
    // No regular expression: to one, U+2028 is the end of a line as well.
    const lines = this.text.split('\n').filter(line => line.startsWith('data: '))
    return lines.map(line => line.slice('data: '.length))
  }
}

export class SealingClient {
  readonly url: string
  keyset: HeldKeyset
  price: Price = { prompt: '1000000', cached: '500000', completion: '3000000', reasoning: '3000000' }

  private constructor(url: string, keyset: HeldKeyset) {
    this.url = url
    this.keyset = keyset
  }

  /** A client of the worker at `url`, with its keyset. */
  static async of(url: string): Promise<SealingClient> {
    return new SealingClient(url, await fetchKeyset(url))
  }

  /** Takes the worker's present keyset. */
  async refresh(): Promise<void> {
    this.keyset = await fetchKeyset(this.url)
  }

  context(changes: Partial<RequestContext> = {}): RequestContext {
    return {
      rid: newRid(),
      ts: Date.now(),
      path: '/v1/chat/completions',
      model: 'scripted',
      stream: false,
      channel: 'EQchannel',
      cap: '1000000000',
      price: this.price,
      pad: 'off',
      weights: null,
      payer: null,
      ...changes,
    }
  }

  seal(body: unknown, options: SendOptions = {}): SealedRequest {
    const keyset = options.keyset ?? this.keyset
    const stream = (body as { stream?: unknown } | null)?.stream === true
    const key = keyset.json.hpke.find(candidate => candidate.kem === (options.kem ?? kemXWing))!
    const session = createSenderSession({
      kid: Buffer.from(key.kid, 'hex'),
      kem: key.kem,
      publicKey: Buffer.from(key.public_key, 'base64'),
    })
    const bytes = Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body))
    return sealRequest({
      context: this.context({ stream, ...options.context }),
      sessions: [session],
      contentType: options.contentType ?? 'application/json',
      body: bytes,
    })
  }

  /** Seals `body` and sends it; what comes back is read as it comes. */
  send(body: unknown, options: SendOptions = {}): SealedCall {
    return this.replay(this.seal(body, options), options)
  }

  /** Sends what is sealed already. */
  replay(sealed: SealedRequest, options: Pick<SendOptions, 'keyset'> & { mediaType?: string } = {}): SealedCall {
    return new SealedCall(sealed, options.keyset ?? this.keyset, this.url, options.mediaType ?? 'application/chrysalis-envelope')
  }

  /** Seals `body`, sends it, and waits for the end of the answer. */
  async ask(body: unknown, options: SendOptions = {}): Promise<SealedCall> {
    const call = this.send(body, options)
    await call.ended
    return call
  }

  async cancel(rid: string): Promise<number> {
    const response = await fetch(`${this.url}/v1/sealed/${rid}/cancel`, { method: 'POST' })
    await response.body?.cancel()
    return response.status
  }
}

export async function fetchKeyset(url: string): Promise<HeldKeyset> {
  const response = await fetch(`${url}/.well-known/chrysalis?nonce=${randomBytes(32).toString('hex')}`)
  if (response.status !== 200) throw new Error(`no evidence: ${response.status}`)
  const { keyset } = (await response.json()) as { keyset: string }
  const bytes = Buffer.from(keyset, 'base64')
  return { json: JSON.parse(bytes.toString('utf8')) as KeysetJson, digest: sha256(bytes).toString('hex') }
}
