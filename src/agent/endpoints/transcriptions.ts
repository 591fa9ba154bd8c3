/**
 * `POST /v1/audio/transcriptions`: a multipart form in; JSON, plain text, subtitles or a stream of events out. Charged by the
 * second of sound, rounded up: what the engine says, held between bounds that follow from the recording's size.
 */
import { costOf, type Usage } from '../../envelope/index.ts'
import type { Body, Facts } from '../../openai/index.ts'
import { refusal } from '../errors.ts'
import { isRecord } from './body.ts'
import { garbage, readObject } from './choices.ts'
import type { Endpoint, EngineBody, ReaderOptions, WholeReader } from './endpoint.ts'
import { TypedEvents, type TypedForm } from './typed-events.ts'

/** Media types of answers by `response_format`. Engines disagree about those of subtitles. */
const formats: Readonly<Record<string, readonly string[]>> = {
  json: ['application/json'],
  verbose_json: ['application/json'],
  diarized_json: ['application/json'],
  text: ['text/plain', 'text/html'],
  srt: ['text/plain', 'application/x-subrip', 'text/srt'],
  vtt: ['text/vtt', 'text/plain'],
}

export const transcriptions: Endpoint = {
  path: '/v1/audio/transcriptions',
  write: ({ form }) => {
    if (!form) throw refusal(415, 'unsupported_media_type', 'The body must be a form.')
    return written(form)
  },
  accepts: (contentType, facts) => (facts.stream ? contentType === 'text/event-stream' : formats[format(facts)]!.includes(contentType)),
  answersAs: (_, facts) => {
    if (facts.stream) return 'text/event-stream; charset=utf-8'
    if (isJson(facts)) return 'application/json'
    return format(facts) === 'vtt' ? 'text/vtt; charset=utf-8' : 'text/plain; charset=utf-8'
  },
  reader: options => (options.facts.stream ? new TypedEvents({ ...options, form: eventsOf(options) }) : whole(options)),
}

/** The form, written anew: one reading, one boundary of ours. */
async function written(form: FormData): Promise<EngineBody> {
  form.delete('cache_salt')
  const response = new Response(form)
  return { contentType: response.headers.get('content-type')!, bytes: Buffer.from(await response.arrayBuffer()) }
}

function whole({ facts, tally, budget, price }: ReaderOptions): WholeReader {
  return {
    kind: 'whole',
    finish(bytes) {
      const answer = isJson(facts) ? readObject(bytes) : undefined
      if (answer && typeof answer.text !== 'string') throw garbage('no text')
      tally.sold('seconds', seconds(answer, facts))
      const usage = budget.within(tally.usage(), tally.signedUsage)
      const told = answer === undefined ? undefined : { ...answer, usage: secondsUsage(usage, costOf(usage, price)) }
      return { body: told ? Buffer.from(JSON.stringify(told), 'utf8') : bytes, usage, finishReason: undefined }
    },
  }
}

function eventsOf({ facts, tally }: ReaderOptions): TypedForm {
  return {
    terminal: { 'transcript.text.done': 'stop' },
    failed: [],
    usageOf: event => {
      tally.sold('seconds', seconds(event, facts))
      return undefined
    },
    withUsage: (event, usage, cost) => ({ ...event, usage: secondsUsage(usage, cost) }),
    cutOff: () => ({ type: 'transcript.text.done', text: '' }),
  }
}

function secondsUsage(usage: Usage, cost: bigint): Body {
  return { type: 'duration', seconds: usage.seconds ?? 0, cost: cost.toString() }
}

/** What the engine says it heard, `usage.seconds` or `duration`; where it says nothing, the least that the size allows. */
function seconds(answer: unknown, facts: Facts): number {
  const own = isRecord(answer) ? answer : {}
  const said = [isRecord(own.usage) ? own.usage.seconds : undefined, own.duration].map(Number).find(value => value > 0)
  const least = Number(facts.detail?.leastSeconds ?? 0)
  return Math.max(Math.ceil(said !== undefined && Number.isFinite(said) ? said : least), least)
}

function format(facts: Facts): string {
  return String(facts.detail?.format)
}

function isJson(facts: Facts): boolean {
  return format(facts).endsWith('json')
}
