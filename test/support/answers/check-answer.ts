/**
 * Checks answers against the descriptions in src/openai/answers, the same that the OpenAPI document is made from. An answer
 * that is not described at all is a violation too.
 */
import { canonicalPath } from '../../../src/api/paths.ts'
import { type AnswerForm, answerHeaders, answers, errorForm, type JsonForm } from '../../../src/openai/answers/index.ts'
import { EventChecker } from './event-checker.ts'
import { AnswerViolation, mustBe } from './violation.ts'
import { checked } from './violations.ts'

export interface AnswerHead {
  readonly method: string
  /** As it was asked, query and all. */
  readonly path: string
  readonly status: number
  readonly contentType: string | null | undefined
  /** Absent where only a body and its media type are known, as inside an envelope. */
  readonly headers?: Headers
}

/** Checks the head of an answer when it is made, and its body as it comes. */
export class AnswerChecker {
  readonly #what: string
  readonly #form: AnswerForm | undefined
  readonly #events: EventChecker | undefined
  readonly #parts: Uint8Array[] = []
  readonly #empty: boolean

  /** Throws `AnswerViolation` for a status, media type or header that is not described. */
  constructor({ method, path, status, contentType, headers }: AnswerHead) {
    const route = routeOf(path)
    this.#what = `${method} ${route} ${status}`
    this.#empty = method === 'HEAD' || status === 204 || status === 304
    if (headers) checkHeaders(headers, this.#what)
    const media = (contentType ?? '').split(';')[0]!.trim().toLowerCase()
    this.#form = this.#empty ? undefined : formOf(method, route, status, media, this.#what)
    this.#events = this.#form?.kind === 'events' ? new EventChecker(this.#form, this.#what) : undefined
  }

  push(bytes: Uint8Array): void {
    if (this.#empty && bytes.length > 0) throw new AnswerViolation(this.#what, '', 'has a body')
    if (this.#events) this.#events.push(bytes)
    else if (this.#form?.kind === 'json') this.#parts.push(bytes)
  }

  /** `whole`: the sender has ended the body itself. Of a body that was cut, what came is checked as far as it goes. */
  end(whole: boolean): void {
    this.#events?.end(whole)
    if (whole && this.#form?.kind === 'json') checkJson(this.#form, Buffer.concat(this.#parts), this.#what)
    checked.answers += 1
    checked.events += this.#events?.events ?? 0
  }
}

/** Checks a whole answer. Throws `AnswerViolation` with the path of the member at fault. */
export function checkAnswer(head: AnswerHead, body: Uint8Array | string): void {
  const checker = new AnswerChecker(head)
  checker.push(typeof body === 'string' ? Buffer.from(body) : body)
  checker.end(true)
}

/** Checks what `fetch` or `app.request` gave for `method` and `path`, and gives it back to read. */
export async function checkResponse(method: string, path: string, response: Response): Promise<Response> {
  const body = new Uint8Array(await response.clone().arrayBuffer())
  const { status, headers } = response
  checkAnswer({ method, path, status, headers, contentType: headers.get('content-type') }, body)
  return response
}

/** The described path that `path` is one of, however it is spelled; itself where there is none. */
export function routeOf(path: string): string {
  const plain = canonicalPath(URL.parse(path, 'http://proxy')?.pathname ?? path)
  const found = answers.find(({ path: described }) => pattern(described).test(plain))
  return found?.path ?? plain
}

function formOf(method: string, route: string, status: number, media: string, what: string): AnswerForm {
  const described = answers.filter(answer => answer.method === method && answer.path === route && answer.status === status)
  const forms = described.map(({ media: forms }) => forms[media] ?? forms[`${media.split('/')[0]}/*`])
  if (described.length === 0 && status >= 400 && media === 'application/json') return errorForm
  const form = forms.find(candidate => candidate !== undefined)
  if (!form) throw new AnswerViolation(what, '', `is not described as ${media || 'an answer without a media type'}`)
  return form
}

/** Headers of which each has to be described; the others are HTTP's, the browser's or a server's before us. */
const ours = /^(x-chrysalis|x-ratelimit|x-should|x-request|openai|retry-after)/

function checkHeaders(headers: Headers, what: string): void {
  for (const [name, value] of headers) {
    const described = answerHeaders[name]
    if (described) mustBe(described.schema, value, `${what} header ${name}`)
    else if (ours.test(name)) throw new AnswerViolation(what, '', `has a header ${name}, which is not described`)
  }
  if (!headers.has('x-request-id')) throw new AnswerViolation(what, '', 'has no x-request-id')
}

function checkJson(form: JsonForm, body: Buffer, what: string): void {
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body))
  } catch {
    throw new AnswerViolation(what, '', 'is no JSON')
  }
  mustBe(form.formOf(value), value, what)
}

/** `{id}` of a model may hold slashes. */
function pattern(path: string): RegExp {
  return new RegExp(`^${path.replace(/\{id\}/, '.+').replace(/\{[a-z]+\}/g, '[^/]+')}$`)
}
