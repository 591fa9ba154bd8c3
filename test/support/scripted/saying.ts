/** What a scripted engine has to say: its tokens, what it was asked (echo), or what a capable model would: calls and JSON. */
import { type Body, type Call, isRecord, type Saying } from './script.ts'

/** The tokens it was given. */
export function plainly(tokens: readonly string[]): Saying {
  return { pieces: tokens, calls: [] }
}

/** What it got, as JSON in pieces of `size` characters. */
export function echoing(got: object, size = 24): Saying {
  return { pieces: inPieces(JSON.stringify(got), size), calls: [] }
}

/** A call of each function that is offered, unless a result of one is there already; JSON where a form is asked for; else `tokens`. */
export function capably(body: Body, tokens: readonly string[]): Saying {
  const calls = callsOf(body)
  if (calls.length > 0) return { pieces: [], calls }
  const schema = schemaOf(body)
  return schema === undefined ? plainly(tokens) : echoing({ ...(sampleOf(schema) as object) }, 8)
}

function callsOf(body: Body): Call[] {
  const { tools, tool_choice: choice, parallel_tool_calls: parallel } = body
  if (!Array.isArray(tools) || choice === 'none' || hasResult(body)) return []
  const functions = tools.filter(isRecord).map(tool => (isRecord(tool.function) ? tool.function : tool))
  const chosen = isRecord(choice) ? (isRecord(choice.function) ? choice.function.name : choice.name) : undefined
  const called = functions.filter(({ name }) => chosen === undefined || name === chosen)
  return called.slice(0, parallel === false ? 1 : undefined).map(({ name, parameters }, index) => ({
    id: `call_scripted_${index}`,
    name: String(name),
    arguments: inPieces(JSON.stringify(sampleOf(parameters ?? {})), 8),
  }))
}

/** Chat answers a call with a message of role `tool`, responses with an item `function_call_output`. */
function hasResult({ messages, input }: Body): boolean {
  const turns = [messages, input].find(Array.isArray) ?? []
  return turns.some((turn: unknown) => isRecord(turn) && (turn.role === 'tool' || turn.type === 'function_call_output'))
}

/** The schema that an answer has to follow; undefined for free text. */
function schemaOf(body: Body): unknown {
  const text = isRecord(body.text) ? body.text : {}
  const format = [body.response_format, text.format].find(isRecord)
  if (format?.type === 'json_object') return { type: 'object', properties: { answer: { type: 'string' } } }
  if (format?.type !== 'json_schema') return undefined
  return (isRecord(format.json_schema) ? format.json_schema : format).schema ?? {}
}

/** A value that `schema` takes, for the keywords that tests use. */
function sampleOf(schema: unknown): unknown {
  if (!isRecord(schema)) return {}
  if ('const' in schema) return schema.const
  if (Array.isArray(schema.enum)) return schema.enum[0]
  const type = Array.isArray(schema.type) ? schema.type[0] : schema.type
  switch (type) {
    case 'string':
      return 'scripted'
    case 'integer':
    case 'number':
      return typeof schema.minimum === 'number' ? schema.minimum : 1
    case 'boolean':
      return true
    case 'null':
      return null
    case 'array':
      return [sampleOf(schema.items)]
    default:
      return Object.fromEntries(
        Object.entries(isRecord(schema.properties) ? schema.properties : {}).map(([name, own]) => [name, sampleOf(own)]),
      )
  }
}

function inPieces(text: string, size: number): string[] {
  const letters = [...text]
  const count = Math.ceil(letters.length / size)
  return Array.from({ length: count }, (_, index) => letters.slice(index * size, (index + 1) * size).join(''))
}
