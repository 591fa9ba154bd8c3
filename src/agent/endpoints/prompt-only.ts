/** Endpoints that read and do not write: `POST /v1/embeddings`, `/v1/moderations`, `/v1/rerank`. What is charged is the prompt. */
import { costOf } from '../../envelope/index.ts'
import { bodyOf, isRecord, jsonBody } from './body.ts'
import { promptUsage } from './caller-usage.ts'
import { garbage, readObject } from './choices.ts'
import type { Endpoint, ReaderOptions, WholeReader } from './endpoint.ts'

export const embeddings = promptOnly('/v1/embeddings', 'data')
export const moderations = promptOnly('/v1/moderations', 'results')
export const rerank = promptOnly('/v1/rerank', 'results')

/** `list`: the member of an answer that holds its results. */
function promptOnly(path: string, list: string): Endpoint {
  return {
    path,
    write: request => jsonBody(bodyOf(request)),
    accepts: contentType => contentType === 'application/json',
    answersAs: () => 'application/json',
    reader: options => reader(options, list),
  }
}

function reader({ facts, tally, budget, price }: ReaderOptions, list: string): WholeReader {
  return {
    kind: 'whole',
    finish(bytes) {
      const answer = readObject(bytes)
      const results = answer[list]
      if (!Array.isArray(results) || results.length === 0 || !results.every(isRecord)) throw garbage(`no ${list}`)
      tally.read(Number(facts.detail?.bytes ?? 0))
      tally.claimed(answer.usage, false)
      const usage = budget.within(tally.usage(), tally.signedUsage)
      const told = { ...answer, usage: promptUsage(usage, costOf(usage, price), answer.usage) }
      return { body: Buffer.from(JSON.stringify(told), 'utf8'), usage, finishReason: undefined }
    },
  }
}
