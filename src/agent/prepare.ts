/**
 * From an opened request to what the engine is asked (spec, "Before the engine runs"): what a worker makes sure of, and the
 * limits that the cap sets. Pure, and given and giving plain data, so that a large body can be prepared on another thread.
 */
import type { KeysetModel } from '../attestation/index.ts'
import { type OtherUnit, type Price, paysAtLeast, type RequestContext, type Usage } from '../envelope/index.ts'
import { promptBound } from '../metering/index.ts'
import { type Endpoint, endpoints, type Facts, type ReadRequest, RequestError, readRequest } from '../openai/index.ts'
import { Budget } from './budget.ts'
import { type EngineBody, endpoints as written } from './endpoints/index.ts'
import { refusal } from './errors.ts'

export interface Unprepared {
  readonly context: RequestContext
  readonly contentType: string
  readonly body: Buffer
  /** The model as the caller attested it and the engine has it; undefined where one of them does not. */
  readonly model: KeysetModel | undefined
  /** What keeps the engine's prompt cache of one channel apart from that of another. */
  readonly salt: string | undefined
}

export interface Prepared {
  readonly facts: Facts
  readonly engineBody: EngineBody
  /** The most tokens of the prompt, and of all answers together. */
  readonly promptMost: number
  readonly completionMost: number
  /** The engine's limit comes from the cap, not from the caller. */
  readonly limitedByCap: boolean
}

/** Checks and prepares; a promise only where a body can not be read at once. Throws, or rejects with, `AgentError` `refused`. */
export function prepare(request: Unprepared): Prepared | Promise<Prepared> {
  const { endpoint, model } = admit(request)
  try {
    const read = readRequest(endpoint, request.contentType, request.body)
    if (!(read instanceof Promise)) return finish(request, model, read)
    return read.then(ready => finish(request, model, ready)).catch(refuse)
  } catch (error) {
    return refuse(error)
  }
}

function refuse(error: unknown): never {
  if (!(error instanceof RequestError)) throw error
  if (error.code === 'unsupported-media-type') throw refusal(415, 'unsupported_media_type', error.message)
  throw refusal(400, null, error.message, error.param)
}

/** Path, model, weights, padding and price. */
function admit({ context, model }: Unprepared): { endpoint: Endpoint; model: KeysetModel } {
  const endpoint = endpoints.get(context.path)
  if (!endpoint) throw refusal(404, 'unknown_url', 'This worker does not serve this path.')
  if (!model?.endpoints.includes(endpoint.path))
    throw refusal(404, 'model_not_found', 'This worker does not serve this model here.', 'model')
  if (context.weights !== null && context.weights !== model.weights_digest)
    throw refusal(503, 'weights_differ', 'This worker has loaded other weights than the request demands.')
  if (context.pad !== 'off') throw refusal(400, 'padding_not_supported', 'This worker does not pad its answers.')
  if (!paysAtLeast(context.price, offerAt(endpoint, model.offer)))
    throw refusal(503, 'price_below_offer', 'This worker does not work for the price of this request.')
  return { endpoint, model }
}

/** What of an offer counts at an endpoint: tokens, and the unit that it is charged by. */
function offerAt({ charges }: Endpoint, { prompt, cached, completion, reasoning, ...others }: Price): Price {
  const tokens = { prompt, cached, completion, reasoning }
  return charges === 'tokens' ? tokens : { ...tokens, [charges]: others[charges] }
}

function finish({ context, body, salt }: Unprepared, model: KeysetModel, read: ReadRequest): Prepared | Promise<Prepared> {
  const { facts } = read
  if (facts.model !== context.model) throw refusal(400, null, "'model' is not the one this request was sealed for.", 'model')
  if (facts.stream !== context.stream) throw refusal(400, null, "'stream' is not what this request was sealed for.", 'stream')
  const budget = new Budget(context.cap, context.price)
  const promptMost = promptBound(body.length, facts, model.context_length)
  const { completionMost, limit, limitedByCap } = facts.generates
    ? generation(facts, facts.generates, { budget, promptMost, contextLength: model.context_length })
    : nothingGenerated(facts, budget, promptMost)
  const whole = (engineBody: EngineBody): Prepared => ({ facts, engineBody, promptMost, completionMost, limitedByCap })
  const engineBody = written.get(context.path)!.write(read, { maxTokens: limit, salt })
  return engineBody instanceof Promise ? engineBody.then(whole) : whole(engineBody)
}

interface Limits {
  readonly completionMost: number
  readonly limit: number | undefined
  readonly limitedByCap: boolean
}

/**
 * The limit that goes to the engine in place of the caller's, where the cap pays for less. A stream is counted as it comes,
 * so that it may begin with the smallest prompt; an answer in one piece has to be bounded for the largest.
 */
function generation(
  { stream }: Facts,
  { choices, maxTokens }: NonNullable<Facts['generates']>,
  { budget, promptMost, contextLength }: { budget: Budget; promptMost: number; contextLength: number },
): Limits {
  const sure = budget.roomAfterPrompt(promptMost)
  if (sure < 1) throw tooSmall('for its prompt and a first token')
  const asked = Math.min(maxTokens ?? Number.POSITIVE_INFINITY, contextLength)
  const completionMost = asked * choices
  const paid = Math.floor((stream ? budget.roomAfterPrompt(1) : sure) / choices)
  if (paid >= asked) return { completionMost, limit: undefined, limitedByCap: false }
  if (paid < 1) throw tooSmall('for a first token of every choice')
  // Engines refuse a limit that passes the end of the context. Where the caller set none, and ours might, the count alone has to do.
  const mayPassContext = promptMost + paid > contextLength
  return { completionMost, limit: maxTokens === undefined && mayPassContext ? undefined : paid, limitedByCap: true }
}

function nothingGenerated({ units }: Facts, budget: Budget, promptMost: number): Limits {
  const most: Usage & Partial<Record<OtherUnit, number>> = { prompt: promptMost, cached: 0, completion: 0, reasoning: 0, ...units }
  const mostCached = { ...most, prompt: 0, cached: promptMost }
  if (!budget.covers(most) || !budget.covers(mostCached)) throw tooSmall('for all of it')
  return { completionMost: 0, limit: undefined, limitedByCap: false }
}

function tooSmall(what: string): Error {
  return refusal(402, 'cap_too_small', `The cap of this request does not pay ${what}.`)
}
