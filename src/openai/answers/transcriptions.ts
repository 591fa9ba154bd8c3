/** Answers of `POST /v1/audio/transcriptions`: three forms of JSON, and events of a stream. Subtitles and plain text have no form here. */
import { z } from 'zod'
import { count, named } from './parts.ts'
import { secondsUsage } from './usage.ts'

const seconds = z.number().min(0)

const logprobs = z
  .array(z.looseObject({ token: z.string().optional(), logprob: z.number().optional(), bytes: z.array(z.number()).optional() }))
  .optional()

const languages = z.array(z.looseObject({ code: z.string() })).optional()

/** `response_format: json`. */
export const transcription = named(
  'Transcription',
  'What was said.',
  z.looseObject({ text: z.string(), languages, logprobs, usage: secondsUsage }),
)

/** `response_format: verbose_json`. */
export const verboseTranscription = named(
  'VerboseTranscription',
  'What was said, with times.',
  z.looseObject({
    language: z.string(),
    duration: seconds,
    text: z.string(),
    words: z.array(z.looseObject({ word: z.string(), start: z.number(), end: z.number() })).nullish(),
    segments: z
      .array(
        z.looseObject({
          id: count,
          seek: count,
          start: z.number(),
          end: z.number(),
          text: z.string(),
          tokens: z.array(count),
          temperature: z.number(),
          avg_logprob: z.number(),
          compression_ratio: z.number(),
          no_speech_prob: z.number(),
        }),
      )
      .nullish(),
    usage: secondsUsage,
  }),
)

const spokenSegment = z.looseObject({
  type: z.literal('transcript.text.segment'),
  id: z.string(),
  start: z.number(),
  end: z.number(),
  text: z.string(),
  speaker: z.string(),
})

/** `response_format: diarized_json`. */
export const diarizedTranscription = named(
  'DiarizedTranscription',
  'What was said, and by whom.',
  z.looseObject({
    task: z.literal('transcribe'),
    duration: seconds,
    text: z.string(),
    segments: z.array(spokenSegment),
    usage: secondsUsage,
  }),
)

/** Which of the three an answer is, by the members that only one has. */
export function transcriptionForm(value: unknown): z.ZodType {
  if (typeof value !== 'object' || value === null) return transcription
  const { segments } = value as { segments?: unknown }
  if (Array.isArray(segments) && segments.some(segment => Object.hasOwn(Object(segment), 'speaker'))) return diarizedTranscription
  return ['segments', 'words', 'language', 'duration'].some(member => Object.hasOwn(value, member)) ? verboseTranscription : transcription
}

/**
 * An event of a stream. OpenAI's own models that stream are charged by the token, and its file knows no other usage in the
 * last event; here seconds are charged, so the usage is that of the whole answers.
 */
export const transcriptionEvent = named(
  'TranscriptionEvent',
  'A piece of a streamed transcription.',
  z.discriminatedUnion('type', [
    z.looseObject({ type: z.literal('transcript.text.delta'), delta: z.string(), logprobs, segment_id: z.string().optional() }),
    spokenSegment,
    z.looseObject({ type: z.literal('transcript.text.done'), text: z.string(), languages, logprobs, usage: secondsUsage }),
  ]),
)
