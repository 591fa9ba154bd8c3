/** `POST /v1/images/generations`: charged by the image. */
import { costOf } from '../../envelope/index.ts'
import { parseJson } from '../engine-json.ts'
import { refusal } from '../errors.ts'
import { isCount, isRecord, isString, jsonBody, optional, parseBody, required } from './body.ts'
import { garbage, refuseError } from './choices.ts'
import type { Ask, Endpoint, Promised, ReaderOptions, WholeReader } from './endpoint.ts'

const maxImages = 16

export const images: Endpoint = {
  path: '/v1/images/generations',
  takes: 'application/json',
  read,
  accepts: contentType => contentType === 'application/json',
  answersAs: () => 'application/json',
  reader,
}

function read(bytes: Buffer, _contentType: string, promised: Promised): Ask {
  const body = parseBody(bytes, promised)
  if (promised.stream) throw refusal(400, null, "'stream' is not possible here: images come whole.", 'stream')
  required(body, 'prompt', isString, 'a text')
  const count = optional(body, 'n', isCount, 'a positive integer') ?? 1
  if (count > maxImages) throw refusal(400, null, `'n' is larger than ${maxImages}.`, 'n')
  return {
    facts: { stream: false, inputs: 0, hasMedia: false, units: { images: count }, asksUsage: false, asksContinuousUsage: false },
    write: () => jsonBody(body),
  }
}

function reader({ tally, budget, price }: ReaderOptions): WholeReader {
  return {
    kind: 'whole',
    finish(bytes) {
      const answer = parseJson(bytes)
      if (!isRecord(answer)) throw garbage('no object')
      refuseError(answer)
      const made = Array.isArray(answer.data) ? answer.data.filter(isImage).length : 0
      if (made === 0) throw garbage('no images')
      tally.sold('images', made)
      const usage = budget.within(tally.usage(), tally.signedUsage)
      const own = isRecord(answer.usage) ? answer.usage : {}
      const told = { ...answer, usage: { ...own, images: usage.images, cost: costOf(usage, price).toString() } }
      return { body: Buffer.from(JSON.stringify(told), 'utf8'), usage, finishReason: undefined }
    },
  }
}

function isImage(value: unknown): boolean {
  return isRecord(value) && [value.url, value.b64_json].some(member => typeof member === 'string' && member !== '')
}
