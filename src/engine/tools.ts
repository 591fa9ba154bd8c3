/**
 * `tools`, `tool_choice` and `parallel_tool_calls`: which functions the model is offered, whether it has to call one, and
 * the form that a call is held to. A call that is demanded, and every call where a function is `strict`, is written by a grammar.
 */
import type { GbnfJsonSchema } from 'node-llama-cpp'
import { z } from 'zod'
import { EngineError } from './errors.ts'
import { anyObject, lowerSchema } from './json-schema.ts'
import { badMember } from './members.ts'

const name = z.string().regex(/^[\w-]{1,64}$/, 'a name of 1 to 64 letters, digits, _ and -')
const onlyFunctions = 'this model calls nothing but functions'
const tool = z.looseObject({
  type: z.literal('function', onlyFunctions),
  function: z.looseObject({ name, parameters: z.looseObject({}).nullish(), strict: z.boolean().nullish() }),
})
const named = z.looseObject({ type: z.literal('function', onlyFunctions), function: z.looseObject({ name: z.string() }) })
const allowed = z.looseObject({
  type: z.literal('allowed_tools'),
  allowed_tools: z.looseObject({ mode: z.enum(['auto', 'required']), tools: z.array(named).min(1) }),
})

/** The members of a request. */
export const toolMembers = {
  tools: z.array(tool).max(128).nullish(),
  tool_choice: z.union([z.enum(['none', 'auto', 'required']), named, allowed]).nullish(),
  parallel_tool_calls: z.boolean().nullish(),
}

export type Tool = z.infer<typeof tool>

/** What a model may, or has to, call. */
export interface Tooling {
  /** What it is told of; empty where it may call nothing. */
  readonly tools: readonly Tool[]
  /** Whether it has to call one. */
  readonly required: boolean
  /** Whether it may call several at once. */
  readonly parallel: boolean
  /** The form of a call that is written by a grammar: the JSON between the marks. Undefined where the model writes it freely. */
  readonly callSchema: GbnfJsonSchema | undefined
}

type Choice = z.infer<typeof toolMembers.tool_choice>

/** Reads what a request says of tools. Throws {@link EngineError} `invalid-request`. */
export function readTools(body: {
  readonly tools?: readonly Tool[] | null | undefined
  readonly tool_choice?: Choice
  readonly parallel_tool_calls?: boolean | null | undefined
}): Tooling {
  const given = body.tools ?? []
  const choice = body.tool_choice ?? 'auto'
  if (given.length === 0 && choice !== 'auto' && choice !== 'none') throw badMember('tool_choice', "only with 'tools'")
  const { tools, required } = chosen(given, choice)
  const isHeld = required || tools.some(({ function: { strict } }) => strict)
  const places = tools.map(each => `tools.${given.indexOf(each)}.function.parameters`)
  const calls = isHeld ? tools.map((each, index) => callOf(each, places[index]!)) : []
  const callSchema: GbnfJsonSchema | undefined = isHeld ? { oneOf: calls } : undefined
  return { tools, required, parallel: body.parallel_tool_calls ?? true, callSchema }
}

function chosen(given: readonly Tool[], choice: NonNullable<Choice>): { tools: readonly Tool[]; required: boolean } {
  if (choice === 'none') return { tools: [], required: false }
  if (typeof choice === 'string') return { tools: given, required: choice === 'required' }
  if (choice.type === 'function') return { tools: [find(given, choice.function.name)], required: true }
  const { mode, tools } = choice.allowed_tools
  return { tools: tools.map(each => find(given, each.function.name)), required: mode === 'required' }
}

function find(given: readonly Tool[], wanted: string): Tool {
  const found = given.find(each => each.function.name === wanted)
  if (!found) throw badMember('tool_choice', "it names a function that is not among 'tools'")
  return found
}

/** A schema that is not strict is a hint, so that one that no grammar can hold to is no reason to refuse. */
function callOf({ function: { name: called, parameters, strict } }: Tool, place: string): GbnfJsonSchema {
  const schema = parameters ?? { type: 'object', additionalProperties: false }
  return { type: 'object', properties: { name: { const: called }, arguments: strict ? lowerSchema(schema, place) : hinted(schema, place) } }
}

function hinted(schema: object, place: string): GbnfJsonSchema {
  try {
    return lowerSchema(schema, place)
  } catch (error) {
    if (error instanceof EngineError) return anyObject
    throw error
  }
}
