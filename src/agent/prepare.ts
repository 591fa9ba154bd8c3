/**
 * From an opened request to what the engine is asked (spec, "Before the engine runs"): what a worker makes sure of, and the
 * limits that the cap sets. Pure, and given and giving plain data, so that a large body can be prepared on another thread.
 */
import type { KeysetModel } from '../attestation/index.ts'
import { type OtherUnit, paysAtLeast, type RequestContext, type Usage } from '../envelope/index.ts'
import { Budget } from './budget.ts'
import type { EngineBody, Facts } from './endpoints/index.ts'
import { type Endpoint, endpoints } from './endpoints/index.ts'
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

/** Tokens that a chat template may add around what the caller wrote: as payers reckon it when they choose a cap. */
const templateTokens = 64

/** Checks and prepares; a promise only where a body can not be read at once. Throws, or rejects with, `AgentError` `refused`. */
export function prepare(request: Unprepared): Prepared | Promise<Prepared> {
  const { context, contentType, body } = request
  const { endpoint, model } = admit(request)
  const ask = endpoint.read(body, contentType, context)
  if (ask instanceof Promise) return ask.then(read => finish(request, model, read))
  return finish(request, model, ask)
}

/** Path, media type, model, weights, padding and price. */
function admit({ context, contentType, model }: Unprepared): { endpoint: Endpoint; model: KeysetModel } {
  const endpoint = endpoints.get(context.path)
  if (!endpoint) throw refusal(404, 'unknown_url', 'This worker does not serve this path.')
  const mediaType = contentType.split(';', 1)[0]!.trim().toLowerCase()
  if (mediaType !== endpoint.takes) throw refusal(415, 'unsupported_media_type', `The body must be ${endpoint.takes}.`)
  if (!model?.endpoints.includes(endpoint.path))
    throw refusal(404, 'model_not_found', 'This worker does not serve this model here.', 'model')
  if (context.weights !== null && context.weights !== model.weights_digest)
    throw refusal(503, 'weights_differ', 'This worker has loaded other weights than the request demands.')
  if (context.pad !== 'off') throw refusal(400, 'padding_not_supported', 'This worker does not pad its answers.')
  if (!paysAtLeast(context.price, model.offer))
    throw refusal(503, 'price_below_offer', 'This worker does not work for the price of this request.')
  return { endpoint, model }
}

function finish(
  { context, body, salt }: Unprepared,
  model: KeysetModel,
  ask: { facts: Facts; write(limit: number | undefined, salt: string | undefined): EngineBody | Promise<EngineBody> },
): Prepared | Promise<Prepared> {
  const { facts } = ask
  const budget = new Budget(context.cap, context.price)
  const promptMost = promptBound(body.length, facts, model.context_length)
  const { completionMost, limit, limitedByCap } = facts.generates
    ? generation(facts, facts.generates, { budget, promptMost, contextLength: model.context_length })
    : nothingGenerated(facts, budget, promptMost)
  const whole = (engineBody: EngineBody): Prepared => ({ facts, engineBody, promptMost, completionMost, limitedByCap })
  const engineBody = ask.write(limit, salt)
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
  // Engines refuse a limit that passes the end of the context. Where the caller set none, the count alone has to do.
  const fillsContext = promptMost + asked > contextLength
  return { completionMost, limit: maxTokens === undefined && fillsContext ? undefined : paid, limitedByCap: true }
}

function nothingGenerated({ units }: Facts, budget: Budget, promptMost: number): Limits {
  const most: Usage & Partial<Record<OtherUnit, number>> = { prompt: promptMost, cached: 0, completion: 0, reasoning: 0, ...units }
  const mostCached = { ...most, prompt: 0, cached: promptMost }
  if (!budget.covers(most) || !budget.covers(mostCached)) throw tooSmall('for all of it')
  return { completionMost: 0, limit: undefined, limitedByCap: false }
}

/** The most tokens a prompt can have: no tokenizer makes more of a text than it has bytes, and the context holds no more. */
export function promptBound(bodyBytes: number, { inputs, hasMedia }: Pick<Facts, 'inputs' | 'hasMedia'>, contextLength: number): number {
  if (inputs === 0) return 0
  const byText = hasMedia ? Number.POSITIVE_INFINITY : bodyBytes + templateTokens * inputs
  return Math.min(byText, contextLength * inputs)
}

function tooSmall(what: string): Error {
  return refusal(402, 'cap_too_small', `The cap of this request does not pay ${what}.`)
}
