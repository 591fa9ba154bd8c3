/** One answer of a scripted engine on its way: the script, played as the mode says. */
import type { ServerResponse } from 'node:http'
import type { EngineMode, EngineRequest } from '../scripted-engine.ts'
import type { EventScript, RawScript, Script, WholeScript } from './script.ts'

export interface StageOptions {
  readonly record: EngineRequest
  readonly response: ServerResponse
  readonly mode: EngineMode
  /** Settles when the next token may be made. */
  readonly beforeToken: () => Promise<void>
  /** Settles when what comes after a token may come. */
  readonly afterToken: () => Promise<void>
}

const gigabyte = 1024 ** 3
const slab = 64 * 1024
/** After which token those modes strike that spoil an answer on its way. */
const struckAt = 3
/** How much of an answer in one piece comes before they do. */
const struckBytes = 40
const plainFailures: Partial<Record<EngineMode, [status: number, contentType: string, body: string]>> = {
  html: [200, 'text/html', '<html><body>Welcome to nginx!</body></html>'],
  'status-400': [
    400,
    'application/json',
    '{"error":{"message":"This model does not like your prompt: TOP SECRET","type":"BadRequestError","param":"messages","code":400}}',
  ],
  'status-404-html': [404, 'text/html', '<h1>Not found</h1>'],
  'status-429': [429, 'application/json', '{"object":"error","message":"slow down","type":"rate_limit","code":null}'],
  'status-500': [500, 'application/json', '{"error":{"message":"CUDA error: TOP SECRET","type":"internal","param":null,"code":null}}'],
  'status-503': [503, 'application/json', '{"error":{"message":"loading TOP SECRET","type":"unavailable","param":null,"code":503}}'],
}

export class Stage {
  readonly #o: StageOptions

  constructor(options: StageOptions) {
    this.#o = options
  }

  async play(script: Script): Promise<void> {
    const { mode, response } = this.#o
    if (mode === 'hang-before-head') return
    const error = plainFailures[mode]
    if (error) {
      response.writeHead(error[0], { 'content-type': error[1] }).end(error[2])
      return
    }
    if (script.kind === 'whole') await this.#whole(script)
    else if (script.kind === 'raw') await this.#raw(script)
    else await this.#events(script)
  }

  /** The engine does not serve the path. */
  missing(): void {
    this.#o.response.writeHead(404, { 'content-type': 'application/json' }).end('{"detail":"Not Found"}')
  }

  async #whole({ contentType, text }: WholeScript): Promise<void> {
    const { mode, response, beforeToken } = this.#o
    const bytes = Buffer.from(text)
    const begun = bytes.subarray(0, struckBytes)
    const head = { 'content-type': mode === 'wrong-media-type' ? 'application/x-unknown' : contentType }
    await beforeToken()
    switch (mode) {
      case 'hang-in-answer':
        response.writeHead(200, head).write(begun)
        return
      case 'half-answer':
        response.writeHead(200, { ...head, 'content-length': bytes.length }).write(begun, () => response.destroy())
        return
      case 'close-before-done':
        response.writeHead(200, head).end(begun)
        return
      case 'garbage':
        response.writeHead(200, head).end(Buffer.from([0, 255, 254, 123, 34, 10, 10]))
        return
      case 'wrong-json':
        response.writeHead(200, head).end('{"hello":["world"]}')
        return
      case 'error-in-stream':
        response.writeHead(200, head).end('{"error":{"message":"TOP SECRET","type":"x","param":null,"code":null}}')
        return
      case 'huge-line':
      case 'endless':
        response.writeHead(200, head)
        await this.#pour(' ', mode === 'huge-line' ? gigabyte : Number.POSITIVE_INFINITY)
        response.end()
        return
      default:
        await this.#write(bytes, () => response.writeHead(200, { ...head, 'content-length': bytes.length }))
        this.#o.record.made += 1
        response.end()
    }
  }

  async #raw({ contentType, pieces }: RawScript): Promise<void> {
    const { mode, response } = this.#o
    if (mode === 'wrong-json' || mode === 'error-in-stream') {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"error":{"message":"TOP SECRET"}}')
      return
    }
    response.writeHead(200, { 'content-type': mode === 'wrong-media-type' ? 'video/mp4' : contentType })
    if (mode === 'huge-line') {
      await this.#pour('x', gigabyte)
      response.end()
      return
    }
    if (await this.#tokens(pieces.length, count => pieces[(count - 1) % pieces.length]!)) await this.#last('', 'more')
  }

  async #events(script: EventScript): Promise<void> {
    const { mode, response } = this.#o
    response.writeHead(200, {
      'content-type': mode === 'wrong-media-type' ? 'application/json' : 'text/event-stream; charset=utf-8',
    })
    if (mode === 'garbage') {
      response.end('data: {"id":\n\ndata: \u0000\u0001 not json\n\n')
      return
    }
    if (mode === 'wrong-json') {
      response.end('data: {"hello":["world"]}\n\ndata: [DONE]\n\n')
      return
    }
    if (script.opening !== '') await this.#write(script.opening)
    if (mode === 'huge-line') {
      await this.#write('data: {"choices":[{"index":0,"delta":{"content":"')
      await this.#pour('x', gigabyte)
      response.end('"}}]}\n\n')
      return
    }
    if (!(await this.#tokens(script.length, count => script.piece(count), script.error))) return
    if (script.closing !== '') await this.#write(script.closing)
    await this.#last(script.last, script.piece(1))
  }

  /** All tokens; false where the mode has ended the answer on the way. */
  async #tokens(length: number, piece: (count: number) => string, error?: string): Promise<boolean> {
    const { mode, response, record, beforeToken, afterToken } = this.#o
    const most = mode === 'endless' ? Number.POSITIVE_INFINITY : length
    for (let count = 1; count <= most; count++) {
      await beforeToken()
      if (response.destroyed) return false
      record.made = count
      await this.#write(piece(count))
      await afterToken()
      if (mode === 'endless' && count % 16 === 0) await new Promise(resolve => setImmediate(resolve))
      if (count !== struckAt) continue
      if (mode === 'hang-in-answer') return false
      if (mode === 'half-answer') {
        response.write('data: {"id":"chatc', () => response.destroy())
        return false
      }
      if (mode === 'error-in-stream' && error !== undefined) {
        response.end(error)
        return false
      }
    }
    return true
  }

  async #last(word: string, more: string): Promise<void> {
    const { mode, response } = this.#o
    if (mode === 'close-before-done') {
      response.end()
      return
    }
    if (mode === 'cut-after-done') {
      response.write(word === '' ? more : word, () => response.destroy())
      return
    }
    if (word !== '') await this.#write(word)
    if (mode === 'linger-after-done') await this.#pour(more, Number.POSITIVE_INFINITY)
    response.end()
  }

  /** `text` again and again, as fast as it is taken and never more of it in memory than a slab, until `bytes` have gone or the caller has. */
  async #pour(text: string, bytes: number): Promise<void> {
    const { response } = this.#o
    const piece = text.length === 1 ? text.repeat(slab) : text
    for (let sent = 0; sent < bytes && !response.destroyed; sent += piece.length) {
      await this.#write(piece)
      await new Promise(resolve => setImmediate(resolve))
    }
  }

  async #write(piece: string | Buffer, first?: () => void): Promise<void> {
    const { response, record } = this.#o
    first?.()
    record.written += Buffer.byteLength(piece)
    if (response.write(piece)) return
    await drained(response)
    if (response.destroyed) throw new Error('gone')
  }
}

/** Waits until the response takes more, or is closed. */
function drained(response: ServerResponse): Promise<void> {
  return new Promise(resolve => {
    const done = () => {
      response.off('drain', done).off('close', done)
      resolve()
    }
    response.on('drain', done).on('close', done)
  })
}
