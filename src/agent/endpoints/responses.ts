/** `POST /v1/responses`: create, whole or streamed. Answers are kept nowhere, so nothing that needs a stored one is possible. */
import { costOf } from '../../envelope/index.ts'
import { AgentError } from '../errors.ts'
import { bodyOf, isRecord, limitedBody } from './body.ts'
import { callerUsage } from './caller-usage.ts'
import { garbage, type Observed, readObject, textSize } from './choices.ts'
import type { Endpoint, ReaderOptions, WholeReader } from './endpoint.ts'
import { TypedEvents, type TypedForm } from './typed-events.ts'

export const responses: Endpoint = {
  path: '/v1/responses',
  // Engines that could store would do so by default.
  write: (request, rewrite) => limitedBody({ ...bodyOf(request), store: false }, ['max_output_tokens'], rewrite),
  accepts: (contentType, { stream }) => contentType === (stream ? 'text/event-stream' : 'application/json'),
  answersAs: (_, { stream }) => (stream ? 'text/event-stream; charset=utf-8' : 'application/json'),
  reader: options => (options.facts.stream ? new TypedEvents({ ...options, form }) : whole(options)),
}

const form: TypedForm = {
  terminal: { 'response.completed': 'stop', 'response.incomplete': 'length' },
  failed: ['response.failed'],
  usageOf: event => (isRecord(event.response) ? event.response.usage : undefined),
  wholeOf: ({ response }) => seenIn(isRecord(response) && Array.isArray(response.output) ? response.output : []),
  withUsage: (event, usage, cost) => {
    const response = isRecord(event.response) ? event.response : {}
    return { ...event, response: { ...response, usage: callerUsage(usage, cost, response.usage, 'input') } }
  },
  cutOff: ({ first, sequence }) => ({
    type: 'response.incomplete',
    sequence_number: sequence,
    response: {
      ...(isRecord(first?.response) ? first.response : {}),
      status: 'incomplete',
      incomplete_details: { reason: 'max_output_tokens' },
    },
  }),
}

function whole({ tally, budget, price }: ReaderOptions): WholeReader {
  return {
    kind: 'whole',
    finish(bytes) {
      const answer = readObject(bytes)
      if (answer.status === 'failed') throw new AgentError('engine-refused', 'the engine reported a failed response', { status: 500 })
      if (!Array.isArray(answer.output) || !(answer.status === 'completed' || answer.status === 'incomplete'))
        throw garbage('a response that has not finished')
      if (!answer.output.every(isRecord)) throw garbage('an output item that is no object')
      tally.sawText(seenIn(answer.output))
      tally.claimed(answer.usage, false)
      const usage = budget.within(tally.usage(), tally.signedUsage)
      const told = { ...answer, usage: callerUsage(usage, costOf(usage, price), answer.usage, 'input') }
      const finishReason = answer.status === 'completed' ? 'stop' : 'length'
      return { body: Buffer.from(JSON.stringify(told), 'utf8'), usage, finishReason }
    },
  }
}

function seenIn(output: readonly unknown[]): Observed {
  const size = (isReasoning: boolean) =>
    output.reduce<number>((sum, item) => sum + (isReasoning === (isRecord(item) && item.type === 'reasoning') ? textSize(item) : 0), 0)
  return { completionBytes: size(false), reasoningBytes: size(true) }
}
