import { parseExactJson } from '../lib/exact-json.ts'
import { AgentError } from './errors.ts'

/** Parses JSON without ever quoting it. Throws {@link AgentError} `engine-garbage`. */
export function parseJson(bytes: Buffer | string): unknown {
  try {
    return parseExactJson(typeof bytes === 'string' ? bytes : bytes.toString('utf8'))
  } catch {
    throw new AgentError('engine-garbage', 'the engine sent something that is not JSON')
  }
}
