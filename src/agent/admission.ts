/** Spec, "Before the engine runs": what a worker makes sure of that does not need the body. */
import type { KeysetModel } from '../attestation/index.ts'
import type { Price, RequestContext } from '../envelope/index.ts'
import { refusal } from './errors.ts'

/** The one path that is served, here and at the engine. */
export const chatPath = '/v1/chat/completions'

/** Checks path, media type, model, weights, padding and price; `model` is what the keyset has under the request's model. Throws `AgentError` `refused`. */
export function checkedModel(context: RequestContext, contentType: string, model: KeysetModel | undefined): KeysetModel {
  if (context.path !== chatPath) throw refusal(404, 'unknown_url', 'This worker does not serve this path.')
  if (!/^application\/json(?:$|[ ;])/i.test(contentType)) throw refusal(415, 'unsupported_media_type', 'The body must be application/json.')
  if (!model) throw refusal(404, 'model_not_found', 'This worker does not serve this model.', 'model')
  if (context.weights !== null && context.weights !== model.weights_digest)
    throw refusal(503, 'weights_differ', 'This worker has loaded other weights than the request demands.')
  if (context.pad !== 'off') throw refusal(400, 'padding_not_supported', 'This worker does not pad its answers.')
  if (!isAtLeast(context.price, model.offer))
    throw refusal(503, 'price_below_offer', 'This worker does not work for the price of this request.')
  return model
}

function isAtLeast(price: Price, offer: Price): boolean {
  return (['prompt', 'cached', 'completion', 'reasoning'] as const).every(member => BigInt(price[member]) >= BigInt(offer[member]))
}

/** Tokens that a chat template may add around what the caller wrote: as payers reckon it when they choose a cap. */
const templateTokens = 64

/** The most tokens a prompt can have: no tokenizer makes more of a text than it has bytes, and the context holds no more. */
export function promptBound(bodyBytes: number, contextLength: number): number {
  return Math.min(bodyBytes + templateTokens, contextLength)
}
