/** `prompt`, `input` and `documents`: a text, texts, token numbers, or lists of them. */
import { z } from 'zod'
import { RequestError } from './errors.ts'

const token = z.int().min(0)
const maxInputs = 2_048
const bytesPerToken = 4

export const textsOrTokens = z.union([
  z.string().min(1),
  z.array(z.string()).min(1).max(maxInputs),
  z.array(token).min(1),
  z.array(z.array(token).min(1)).min(1).max(maxInputs),
])

export interface Inputs {
  readonly count: number
  /** Bytes of text; a token number counts as the text it stands for is likely to have. */
  readonly bytes: number
}

/** Counts texts and their bytes. */
export function inputsOf(value: z.output<typeof textsOrTokens>): Inputs {
  if (typeof value === 'string') return { count: 1, bytes: Buffer.byteLength(value) }
  if (typeof value[0] === 'number') return { count: 1, bytes: value.length * bytesPerToken }
  const sizes = value.map(item => (Array.isArray(item) ? item.length * bytesPerToken : Buffer.byteLength(String(item))))
  return { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

/** Refuses more answers than are made at once: `each` for every one of `inputs`. Throws `RequestError` `invalid`. */
export function requireFewChoices(inputs: number, each: number, most: number): number {
  if (inputs * each > most) throw new RequestError('invalid', `'n' times the number of prompts is larger than ${most}.`, 'n')
  return inputs * each
}
