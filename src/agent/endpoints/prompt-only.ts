/** Endpoints that read and do not write: `POST /v1/embeddings`, `/v1/moderations`, `/v1/rerank`. What is charged is the prompt. */
import { costOf } from '../../envelope/index.ts'
import { parseJson } from '../engine-json.ts'
import { refusal } from '../errors.ts'
import { type Body, hasMediaParts, isRecord, isString, jsonBody, parseBody, required } from './body.ts'
import { promptUsage } from './caller-usage.ts'
import { garbage, refuseError } from './choices.ts'
import type { Ask, Endpoint, Promised, ReaderOptions, WholeReader } from './endpoint.ts'
import { type Inputs, inputsOf } from './inputs.ts'

export const embeddings = promptOnly('/v1/embeddings', 'data', body => inputsOf(body.input, 'input'))
export const moderations = promptOnly('/v1/moderations', 'results', moderated)
export const rerank = promptOnly('/v1/rerank', 'results', body => {
  const query = required(body, 'query', isString, 'a text')
  const documents = required(body, 'documents', Array.isArray, 'an array of documents')
  const texts = documents.map((item: unknown) => (isRecord(item) ? item.text : item))
  const { count, bytes } = inputsOf(texts, 'documents')
  // Every document is read together with the query.
  return { count, bytes: bytes + count * Buffer.byteLength(query) }
})

/** `list`: the member of an answer that holds its results. */
function promptOnly(path: string, list: string, inputs: (body: Body) => Inputs): Endpoint {
  return {
    path,
    takes: 'application/json',
    read: (bytes, _contentType, promised) => read(bytes, promised, inputs),
    accepts: contentType => contentType === 'application/json',
    answersAs: () => 'application/json',
    reader: options => reader(options, list),
  }
}

function read(bytes: Buffer, promised: Promised, inputs: (body: Body) => Inputs): Ask {
  const body = parseBody(bytes, promised)
  if (promised.stream) throw refusal(400, null, "'stream' is not possible here.", 'stream')
  const { count, bytes: size } = inputs(body)
  return {
    facts: {
      stream: false,
      inputs: count,
      hasMedia: hasMediaParts(body.input),
      units: {},
      asksUsage: false,
      asksContinuousUsage: false,
      detail: { bytes: size },
    },
    write: () => jsonBody(body),
  }
}

function reader({ facts, tally, budget, price }: ReaderOptions, list: string): WholeReader {
  return {
    kind: 'whole',
    finish(bytes) {
      const answer = parseJson(bytes)
      if (!isRecord(answer)) throw garbage('no object')
      refuseError(answer)
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

/** One text, texts, or content parts that are judged together. */
function moderated(body: Body): Inputs {
  const { input } = body
  if (!Array.isArray(input) || !input.some(isRecord)) return inputsOf(input, 'input')
  return { count: 1, bytes: Buffer.byteLength(JSON.stringify(input)) }
}
