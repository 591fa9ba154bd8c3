/** `POST /v1/completions`, OpenAI's older form. What it does not know passes unread; what it cannot do is refused by name. */
import { z } from 'zod'
import { refuseForeign } from './foreign-members.ts'
import { type Input, inputs, readInputs } from './inputs.ts'
import { badMember, type Delivery, maxChoices, readBody, readDelivery, readSampling, type Sampling, sharedMembers } from './members.ts'

const defaultMaxTokens = 16

const schema = z.looseObject({
  ...sharedMembers,
  prompt: inputs,
  max_tokens: z.int().min(0).nullish(),
  echo: z.boolean().nullish(),
  best_of: z.int().min(1).nullish(),
  suffix: z.unknown().optional(),
  logprobs: z.int().min(0).max(5).nullish(),
})

export interface CompletionRequest extends Delivery {
  readonly prompts: readonly Input[]
  readonly echo: boolean
  readonly maxTokens: number
  readonly sampling: Sampling
}

/** Checks a parsed body. Throws {@link EngineError} `invalid-request`. */
export function readCompletionRequest(body: unknown): CompletionRequest {
  const data = readBody(schema, body)
  refuseForeign(data)
  const delivery = readDelivery(data)
  const prompts = readInputs(data.prompt, 'prompt', { most: maxChoices, emptyText: true })
  if (prompts.length * delivery.n > maxChoices) throw badMember('n', `all prompts together may have at most ${maxChoices} choices`)
  if (data.best_of != null && data.best_of !== delivery.n)
    throw badMember('best_of', `this engine makes exactly as many answers as it gives: leave it out, or give 'n' (${delivery.n})`)
  if (data.suffix != null && data.suffix !== '') throw badMember('suffix', 'this engine cannot write what comes before a suffix')
  return {
    ...delivery,
    prompts,
    echo: data.echo ?? false,
    maxTokens: data.max_tokens ?? defaultMaxTokens,
    sampling: readSampling(data, data.logprobs ?? undefined),
  }
}
