import { parseExactJson } from '../lib/exact-json.ts'
import { AgentError } from './errors.ts'

/** Answers that are longer are lists of vectors, and reading them takes the loop long enough as it is. */
const exactMost = 256 * 1024

/** Parses JSON without ever quoting it, the digits of its numbers kept where it is not long. Throws {@link AgentError} `engine-garbage`. */
export function parseJson(bytes: Buffer | string): unknown {
  try {
    const text = typeof bytes === 'string' ? bytes : bytes.toString('utf8')
    return text.length > exactMost ? JSON.parse(text) : parseExactJson(text)
  } catch {
    throw new AgentError('engine-garbage', 'the engine sent something that is not JSON')
  }
}
