/**
 * Node's response, checked as it is written: for servers that run in the process of the test. What the server writes past it
 * to a socket, because Node's parser has refused the request, is not seen here; test/api/http-edges.test.ts compares those whole.
 */
import { type IncomingMessage, type OutgoingHttpHeaders, ServerResponse } from 'node:http'
import { AnswerChecker } from './check-answer.ts'
import { noteViolations } from './violations.ts'

type Chunk = string | Uint8Array

export class CheckedResponse<Request extends IncomingMessage = IncomingMessage> extends ServerResponse<Request> {
  #checker: AnswerChecker | undefined

  constructor(request: Request) {
    super(request)
    this.once('close', () => this.#finish(false))
  }

  // Every head goes through here, also one that Node writes by itself.
  override writeHead(status: number, ...rest: unknown[]): this {
    const given = rest.at(-1)
    const headers = headersOf(this.getHeaders())
    if (Array.isArray(given)) for (let at = 0; at < given.length; at += 2) headers.set(String(given[at]), String(given[at + 1]))
    else if (typeof given === 'object' && given !== null)
      for (const [name, value] of headersOf(given as OutgoingHttpHeaders)) headers.set(name, value)
    noteViolations(() => {
      const { method = '', url = '' } = this.req
      this.#checker = new AnswerChecker({ method, path: url, status, contentType: headers.get('content-type'), headers })
    })
    return Reflect.apply(super.writeHead, this, [status, ...rest]) as this
  }

  override write(chunk: Chunk, ...rest: unknown[]): boolean {
    const taken = Reflect.apply(super.write, this, [chunk, ...rest]) as boolean
    this.#push(chunk)
    return taken
  }

  override end(...all: unknown[]): this {
    // Node's own `end` does not go through `write`. Without a head yet it writes one, which is needed first.
    if (!this.headersSent && this.#checker === undefined) this.writeHead(this.statusCode)
    const [chunk] = all
    if (typeof chunk === 'string' || chunk instanceof Uint8Array) this.#push(chunk)
    this.#finish(true)
    return Reflect.apply(super.end, this, all) as this
  }

  #push(chunk: Chunk): void {
    const checker = this.#checker
    if (checker && !noteViolations(() => checker.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk))) this.#checker = undefined
  }

  #finish(whole: boolean): void {
    const checker = this.#checker
    this.#checker = undefined
    if (checker) noteViolations(() => checker.end(whole))
  }
}

function headersOf(given: OutgoingHttpHeaders): Headers {
  const headers = new Headers()
  for (const [name, value] of Object.entries(given))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) headers.append(name, String(one))
  return headers
}
