/**
 * JSON Schema, as callers write it in `response_format` and for a tool’s `parameters`, brought into the smaller form that node-llama-cpp makes a grammar of.
 * What the grammar lets through is always valid under the caller's schema; a keyword that the grammar cannot hold to is
 * refused by name, never passed over. node-llama-cpp itself passes over what it does not know, takes a missing type for null,
 * and a native parser that refuses a grammar prints it: so everything is checked here before.
 */
import type { GbnfJsonSchema } from 'node-llama-cpp'
import { EngineError } from './errors.ts'
import { endlessReference } from './schema-references.ts'

const annotations = new Set([
  'title',
  'description',
  'default',
  'examples',
  '$schema',
  '$id',
  '$comment',
  'deprecated',
  'readOnly',
  'writeOnly',
])
const keywordsByType: Readonly<Record<string, readonly string[]>> = {
  object: ['properties', 'required', 'additionalProperties', 'minProperties', 'maxProperties'],
  array: ['items', 'prefixItems', 'minItems', 'maxItems'],
  string: ['minLength', 'maxLength', 'format'],
  number: [],
  integer: [],
  boolean: [],
  null: [],
}
const known = new Set(['type', ...Object.values(keywordsByType).flat()])
const formats = new Set(['date-time', 'time', 'date'])
const maxNodes = 2_000
const maxDepth = 32
const maxText = 100_000
/** The native parser bounds repetitions by what they repeat: these are the most that always pass. */
const maxRepeatedItems = 499
const maxRepeatedLetters = 999

type Node = Readonly<Record<string, unknown>>
type Definitions = Record<string, GbnfJsonSchema>

/** Any JSON object, for `json_object` and for a `json_schema` without a schema. */
export const anyObject: GbnfJsonSchema = { type: 'object', additionalProperties: true }
const anyValue: GbnfJsonSchema = { oneOf: [{ type: ['string', 'number', 'boolean', 'null'] }, { type: 'array' }, anyObject] }

/** `place`: where the schema stands in the request. Throws {@link EngineError} `invalid-request` that names it, and the keyword. */
export function lowerSchema(schema: unknown, place = 'response_format.json_schema.schema'): GbnfJsonSchema {
  try {
    return lowered(schema)
  } catch (error) {
    if (!(error instanceof Unsupported)) throw error
    throw new EngineError('invalid-request', `'${place}' cannot be made into a grammar: ${error.message}.`, { param: place })
  }
}

/** A schema that the grammar cannot hold an answer to. */
class Unsupported extends Error {}

function lowered(schema: unknown): GbnfJsonSchema {
  if (!isNode(schema)) throw refused('the schema must be an object')
  let text: string
  try {
    text = JSON.stringify(schema)
  } catch {
    throw refused('the schema is nested too deeply')
  }
  if (text.length > maxText) throw refused(`the schema is longer than ${maxText} characters`)
  return new Lowering(schema).run()
}

class Lowering {
  readonly #root: Node
  readonly #names = new Map<string, unknown>()
  #nodes = 0

  constructor(root: Node) {
    this.#root = root
    for (const keyword of ['$defs', 'definitions'] as const) {
      const definitions = root[keyword] ?? {}
      if (!isNode(definitions)) throw refused(`'${keyword}' must be an object`)
      for (const [name, definition] of Object.entries(definitions)) this.#names.set(`#/${keyword}/${name}`, definition)
    }
  }

  run(): GbnfJsonSchema {
    const definitions: Definitions = Object.create(null) as Definitions
    for (const [reference, definition] of this.#names) definitions[reference] = this.lower(definition, 1)
    const { $defs: _defs, definitions: _definitions, ...own } = this.#root
    const root = this.lower(own, 0)
    // The schema's own name is one of its definitions, so that it may refer to itself.
    definitions['#'] = root
    const endless = endlessReference(definitions)
    if (endless !== undefined) throw refused(`'$ref' to '${shown(endless)}' never comes to an end`)
    return { $ref: '#/$defs/#', $defs: definitions } as GbnfJsonSchema
  }

  lower(schema: unknown, depth: number): GbnfJsonSchema {
    if (schema === true) return anyValue
    if (!isNode(schema)) throw refused(schema === false ? "a schema 'false' allows nothing" : 'each schema must be an object')
    this.#nodes += 1
    if (this.#nodes > maxNodes) throw refused(`the schema has more than ${maxNodes} parts`)
    if (depth > maxDepth) throw refused(`the schema is nested deeper than ${maxDepth}`)
    const keywords = Object.keys(schema).filter(key => !annotations.has(key) && schema[key] !== undefined)
    if (keywords.length === 0) return anyValue
    for (const keyword of ['$ref', 'allOf', 'anyOf', 'oneOf'] as const) {
      if (!keywords.includes(keyword)) continue
      const other = keywords.find(key => key !== keyword)
      if (other !== undefined) throw refused(`'${shown(other)}' beside '${keyword}' is not supported`)
      return keyword === '$ref' ? this.#reference(schema.$ref) : this.#alternatives(keyword, schema[keyword], depth)
    }
    for (const keyword of ['const', 'enum'] as const) if (keywords.includes(keyword)) return literals(keyword, schema, keywords)
    return this.#typed(schema, keywords, depth)
  }

  #reference(reference: unknown): GbnfJsonSchema {
    if (typeof reference !== 'string' || (reference !== '#' && !this.#names.has(reference)))
      throw refused("'$ref' must be '#' or name one of '$defs'")
    return { $ref: `#/$defs/${reference}` } as GbnfJsonSchema
  }

  #alternatives(keyword: 'allOf' | 'anyOf' | 'oneOf', value: unknown, depth: number): GbnfJsonSchema {
    if (!Array.isArray(value) || value.length === 0) throw refused(`'${keyword}' must be an array that is not empty`)
    if (keyword === 'allOf' && value.length > 1) throw refused("'allOf' of several schemas is not supported")
    const schemas = value.map((item: unknown) => this.lower(item, depth + 1))
    return keyword === 'allOf' ? schemas[0]! : { oneOf: schemas }
  }

  #typed(schema: Node, keywords: readonly string[], depth: number): GbnfJsonSchema {
    const unknown = keywords.find(key => !known.has(key))
    if (unknown !== undefined) throw refused(`the keyword '${shown(unknown)}' is not supported`)
    const types = typesOf(schema) ?? ['object', 'array', 'string'].filter(type => keywordsByType[type]!.some(key => keywords.includes(key)))
    const forms = types.map(type => this.#ofType(type, schema, depth))
    return forms.length === 1 ? forms[0]! : { oneOf: forms }
  }

  #ofType(type: string, schema: Node, depth: number): GbnfJsonSchema {
    switch (type) {
      case 'object':
        return this.#object(schema, depth)
      case 'array':
        return this.#array(schema, depth)
      case 'string':
        return string(schema)
      case 'number':
      case 'integer':
      case 'boolean':
      case 'null':
        return { type }
      default:
        throw refused(`the type '${shown(type)}' is unknown`)
    }
  }

  /** The grammar writes every property, in the schema's order, and others only where none are named: the same name twice would tell nothing. */
  #object(schema: Node, depth: number): GbnfJsonSchema {
    const given = schema.properties ?? {}
    if (!isNode(given)) throw refused("'properties' must be an object")
    const names = Object.keys(given)
    for (const name of names) checkText(name, 'properties')
    const required = schema.required ?? []
    if (!Array.isArray(required) || required.some(name => typeof name !== 'string' || !Object.hasOwn(given, name)))
      throw refused("'required' must be a list of names from 'properties'")
    const least = count(schema, 'minProperties', maxRepeatedItems)
    const most = count(schema, 'maxProperties', maxRepeatedItems)
    if (names.length > 0) {
      if (least !== undefined && least > names.length) throw refused("'minProperties' above the number of 'properties' is not supported")
      if (most !== undefined && most < names.length) throw refused("'maxProperties' below the number of 'properties' is not supported")
      const properties = Object.fromEntries(names.map(name => [name, this.lower(given[name], depth + 1)]))
      return { type: 'object', properties, additionalProperties: false }
    }
    checkOrder(least, most, 'maxProperties')
    const more = schema.additionalProperties ?? true
    if (more === false) {
      if (least) throw refused("'minProperties' is not supported without 'additionalProperties'")
      return { type: 'object' }
    }
    // An object may write one name twice, so that a count of pairs is no count of names.
    if (least !== undefined && least > 1) throw refused("'minProperties' above 1 is not supported")
    const additionalProperties = more === true ? true : this.lower(more, depth + 1)
    return { type: 'object', additionalProperties, ...bounds('minProperties', least, 'maxProperties', most) }
  }

  #array(schema: Node, depth: number): GbnfJsonSchema {
    const first = schema.prefixItems ?? []
    if (!Array.isArray(first)) throw refused("'prefixItems' must be an array")
    const least = count(schema, 'minItems', maxRepeatedItems)
    const closed = schema.items === false
    const most = closed ? first.length : count(schema, 'maxItems', maxRepeatedItems)
    if (most !== undefined && most < first.length) throw refused("'maxItems' below the number of 'prefixItems' is not supported")
    checkOrder(least, most, 'maxItems')
    const prefixItems = first.map((item: unknown) => this.lower(item, depth + 1))
    return {
      type: 'array',
      ...(prefixItems.length > 0 ? { prefixItems } : {}),
      items: closed || schema.items === undefined ? anyValue : this.lower(schema.items, depth + 1),
      ...bounds('minItems', least, 'maxItems', most),
    }
  }
}

function string(schema: Node): GbnfJsonSchema {
  const least = count(schema, 'minLength', maxRepeatedLetters)
  const most = count(schema, 'maxLength', maxRepeatedLetters)
  checkOrder(least, most, 'maxLength')
  const { format } = schema
  if (format === undefined) return { type: 'string', ...bounds('minLength', least, 'maxLength', most) }
  if (typeof format !== 'string' || !formats.has(format))
    throw refused(`the 'format' is not supported: only ${[...formats].join(', ')} are`)
  if (least !== undefined || most !== undefined) throw refused("a length beside 'format' is not supported")
  return { type: 'string', format: format as 'date-time' | 'time' | 'date' }
}

function literals(keyword: 'const' | 'enum', schema: Node, keywords: readonly string[]): GbnfJsonSchema {
  const other = keywords.find(key => key !== keyword && key !== 'type')
  if (other !== undefined) throw refused(`'${shown(other)}' beside '${keyword}' is not supported`)
  const values: unknown = keyword === 'const' ? [schema.const] : schema.enum
  if (!Array.isArray(values) || values.length > maxNodes) throw refused(`'enum' must be an array of at most ${maxNodes} values`)
  const types = typesOf(schema)
  const literal = values.map((value: unknown) => {
    if (typeof value === 'string') checkText(value, keyword)
    else if (typeof value !== 'number' && typeof value !== 'boolean' && value !== null)
      throw refused(`'${keyword}' of an object or array is not supported`)
    return value as string | number | boolean | null
  })
  const fitting = literal.filter(value => types?.some(type => isOfType(value, type)) ?? true)
  if (fitting.length === 0) throw refused(`'${keyword}' has no value of the 'type'`)
  return { enum: fitting }
}

function typesOf(schema: Node): string[] | undefined {
  const { type } = schema
  if (type === undefined) return undefined
  const types: unknown[] = Array.isArray(type) ? type : [type]
  if (types.length === 0 || !types.every(item => typeof item === 'string' && Object.hasOwn(keywordsByType, item)))
    throw refused("'type' must be one of JSON Schema's types, or several of them")
  return types as string[]
}

function isOfType(value: string | number | boolean | null, type: string): boolean {
  if (type === 'integer') return Number.isInteger(value)
  return type === 'null' ? value === null : typeof value === type
}

function count(schema: Node, keyword: string, most: number): number | undefined {
  const value = schema[keyword]
  if (value === undefined) return undefined
  if (!Number.isSafeInteger(value) || (value as number) < 0) throw refused(`'${keyword}' must be an integer from 0`)
  if ((value as number) > most) throw refused(`'${keyword}' above ${most} is not supported`)
  return value as number
}

function checkOrder(least: number | undefined, most: number | undefined, keyword: string): void {
  if (least !== undefined && most !== undefined && most < least) throw refused(`'${keyword}' is below the least`)
}

function bounds(leastKeyword: string, least: number | undefined, mostKeyword: string, most: number | undefined): Record<string, number> {
  return { ...(least === undefined ? {} : { [leastKeyword]: least }), ...(most === undefined ? {} : { [mostKeyword]: most }) }
}

/** node-llama-cpp escapes no control character but these three when it writes a text into the grammar. */
function checkText(text: string, keyword: string): void {
  if (/[^\P{Cc}\t\n\r]/u.test(text) || !text.isWellFormed()) throw refused(`a control character in '${keyword}' is not supported`)
}

function shown(name: string): string {
  return name.replace(/[^\x20-\x7e]/g, '?').slice(0, 64)
}

function refused(why: string): Unsupported {
  return new Unsupported(why)
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
