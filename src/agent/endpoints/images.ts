/** `POST /v1/images/generations`: charged by the image. */
import { costOf } from '../../envelope/index.ts'
import { bodyOf, isRecord, jsonBody } from './body.ts'
import { imagesUsage } from './caller-usage.ts'
import { garbage, readObject } from './choices.ts'
import type { Endpoint, ReaderOptions, WholeReader } from './endpoint.ts'

export const images: Endpoint = {
  path: '/v1/images/generations',
  write: request => jsonBody(bodyOf(request)),
  accepts: contentType => contentType === 'application/json',
  answersAs: () => 'application/json',
  reader,
}

function reader({ tally, budget, price }: ReaderOptions): WholeReader {
  return {
    kind: 'whole',
    finish(bytes) {
      const answer = readObject(bytes)
      const made = Array.isArray(answer.data) ? answer.data.filter(isImage).length : 0
      if (made === 0) throw garbage('no images')
      tally.sold('images', made)
      const usage = budget.within(tally.usage(), tally.signedUsage)
      const told = { ...answer, usage: imagesUsage(usage, costOf(usage, price), answer.usage) }
      return { body: Buffer.from(JSON.stringify(told), 'utf8'), usage, finishReason: undefined }
    },
  }
}

function isImage(value: unknown): boolean {
  return isRecord(value) && [value.url, value.b64_json].some(member => typeof member === 'string' && member !== '')
}
