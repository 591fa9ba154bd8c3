/** `prompt` and `input`: a text, texts, token numbers, or lists of them. */
import { refusal } from '../errors.ts'

export interface Inputs {
  readonly count: number
  /** Bytes of text; a token number counts as the text it stands for is likely to have. */
  readonly bytes: number
}

const maxInputs = 2_048
const bytesPerToken = 4

/** Reads `value`, the member `name` of a body. Throws `AgentError` `refused`. */
export function inputsOf(value: unknown, name: string): Inputs {
  const one = (bytes: number): Inputs => ({ count: 1, bytes })
  if (typeof value === 'string' && value !== '') return one(Buffer.byteLength(value))
  if (!Array.isArray(value) || value.length === 0) throw refused(name)
  if (value.every(isToken)) return one(value.length * bytesPerToken)
  if (value.length > maxInputs) throw refusal(400, null, `'${name}' has more than ${maxInputs} items.`, name)
  const sizes = value.map(item => {
    if (typeof item === 'string') return Buffer.byteLength(item)
    if (Array.isArray(item) && item.length > 0 && item.every(isToken)) return item.length * bytesPerToken
    throw refused(name)
  })
  return { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) }
}

function isToken(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0
}

function refused(name: string): Error {
  return refusal(400, null, `'${name}' must be a text, an array of texts, or arrays of token numbers, and not empty.`, name)
}
