/** A chat completion in one piece: checked, counted, and given its `usage` with the cost. */
import { costOf, type Price, type Usage } from '../envelope/index.ts'
import type { Budget } from './budget.ts'
import { readAnswer } from './chat-chunk.ts'
import { callerUsage } from './chat-usage.ts'
import { parseJson } from './engine-client.ts'
import { AgentError } from './errors.ts'
import type { Tally } from './tally.ts'

export interface JsonAnswer {
  readonly body: Buffer
  readonly usage: Usage
  /** The first choice's, as the engine gave it. */
  readonly finishReason: string
}

/** Reads the engine's whole answer. Throws `AgentError` `engine-garbage` for anything that is not an answer which has finished. */
export function finishJson(o: { bytes: Buffer; tally: Tally; budget: Budget; price: Price }): JsonAnswer {
  const piece = readAnswer(parseJson(o.bytes))
  for (const choice of piece.choices) o.tally.sawText(choice)
  o.tally.claimed(piece.usage, false)
  const finishReason = piece.choices[0]!.finishReason
  if (piece.choices.some(choice => choice.finishReason === undefined))
    throw new AgentError('engine-garbage', 'the engine sent an answer that has not finished')
  const usage = o.budget.within(o.tally.usage(), o.tally.signedUsage)
  const answer = { ...piece.object, usage: callerUsage(usage, costOf(usage, o.price), piece.usage) }
  return { body: Buffer.from(JSON.stringify(answer), 'utf8'), usage, finishReason: finishReason! }
}
