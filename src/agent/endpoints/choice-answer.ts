/** An answer with choices in one piece: checked, counted, and given its `usage` with the cost. */
import { costOf } from '../../envelope/index.ts'
import { parseJson } from '../engine-json.ts'
import { callerUsage } from './caller-usage.ts'
import { type Form, garbage, readAnswer } from './choices.ts'
import type { ReaderOptions, WholeReader } from './endpoint.ts'

export function choiceAnswer(o: ReaderOptions & { form: Form }): WholeReader {
  return {
    kind: 'whole',
    finish(bytes) {
      const piece = readAnswer(parseJson(bytes), o.form, o.facts.generates?.choices ?? 1)
      for (const choice of piece.choices) o.tally.sawText(choice)
      o.tally.claimed(piece.usage, false)
      if (piece.choices.some(choice => choice.finishReason === undefined)) throw garbage('an answer that has not finished')
      const usage = o.budget.within(o.tally.usage(), o.tally.signedUsage)
      const answer = { ...piece.object, usage: callerUsage(usage, costOf(usage, o.price), piece.usage) }
      return { body: Buffer.from(JSON.stringify(answer), 'utf8'), usage, finishReason: piece.choices[0]!.finishReason }
    },
  }
}
