/** `response_format`: what a schema lets through is all that the model can say, and a schema that cannot be held to is refused. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { z } from 'zod'
import { lowerSchema } from '../../src/engine/json-schema.ts'
import { Endpoint } from './support.ts'

interface Answer {
  choices: { message: { content: string }; finish_reason: string }[]
}
interface Chunk {
  choices: { delta: { content?: string } }[]
  usage?: null
}

const chat = new Endpoint<Answer, Chunk>('/v1/chat/completions')
const format = (schema?: unknown, more: object = {}) => ({ type: 'json_schema', json_schema: { name: 'answer', ...more, schema } })
const body = (response_format: object, more: object = {}, content = 'What is the capital of France? Answer in JSON.') => ({
  messages: [{ role: 'user', content }],
  response_format,
  ...more,
})
const object = (properties: object, more: object = {}) => ({ type: 'object', properties, additionalProperties: false, ...more })

/** The answer's value; one that was cut by its length is no sample. */
async function sample(schema: unknown, seed: number): Promise<unknown> {
  const { choices } = await chat.ask(body(format(schema), { temperature: 1.5, seed, max_tokens: 400 }))
  return choices[0]!.finish_reason === 'stop' ? JSON.parse(choices[0]!.message.content) : undefined
}

describe('JSON', () => {
  test('json_object lets nothing but an object through', async () => {
    const json = body({ type: 'json_object' }, {}, 'What is the capital of France?')
    const { choices } = await chat.ask(json)
    expect(choices[0]!.finish_reason).toBe('stop')
    expect(z.record(z.string(), z.unknown()).safeParse(JSON.parse(choices[0]!.message.content)).success).toBe(true)
    expect((await chat.stream(json)).map(chunk => chunk.choices[0]?.delta.content ?? '').join('')).toBe(choices[0]!.message.content)
  })

  test('json_schema without a schema does the same, and text lets everything through', async () => {
    const { choices } = await chat.ask(body({ type: 'json_schema', json_schema: { name: 'x', strict: true } }))
    expect(JSON.parse(choices[0]!.message.content)).toEqual({ city: 'Paris', country: 'France' })
    const free = await chat.ask(body({ type: 'text' }, {}, 'Hello'))
    expect(free.choices[0]!.message.content).toMatch(/^Hello!/)
  })

  test('a schema is obeyed where the model would say something else, in JSON and in a stream', async () => {
    const schema = object(
      { country: { type: 'string', maxLength: 20 }, large: { enum: ['yes', 'no'] } },
      { required: ['country', 'large'] },
    )
    const { choices } = await chat.ask(body(format(schema, { strict: true, description: 'x' })))
    const said = JSON.parse(choices[0]!.message.content) as Record<string, string>
    expect(Object.keys(said)).toEqual(['country', 'large'])
    expect(['yes', 'no']).toContain(said.large)
    const chunks = await chat.stream(body(format(schema), { stream_options: { include_usage: true } }))
    expect(chunks.map(chunk => chunk.choices[0]?.delta.content ?? '').join('')).toBe(choices[0]!.message.content)
  })

  test('is cut by max_tokens like any answer, and rated by logprobs', async () => {
    const { choices } = await chat.ask(body({ type: 'json_object' }, { max_tokens: 3, logprobs: true }))
    expect(choices[0]!.finish_reason).toBe('length')
  })
})

describe('what a schema says holds for every answer', () => {
  const node = object({ next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } })
  test.each<[string, unknown, z.ZodType]>([
    ['integers', { type: 'integer' }, z.int()],
    ['numbers', { type: 'number' }, z.number()],
    ['booleans', { type: 'boolean' }, z.boolean()],
    ['null', { type: 'null' }, z.null()],
    ['short texts', { type: 'string', minLength: 2, maxLength: 5 }, z.string().min(2).max(5)],
    ['a date', { type: 'string', format: 'date' }, z.string().regex(/^\d{4}-\d\d-\d\d$/)],
    ['a text or null', { type: ['string', 'null'], maxLength: 4 }, z.string().max(4).nullable()],
    [
      'an object or null',
      { type: ['object', 'null'], properties: { a: { type: 'boolean' } } },
      z.strictObject({ a: z.boolean() }).nullable(),
    ],
    ['a constant', { const: 'a"b\\c\n' }, z.literal('a"b\\c\n')],
    ['values of the type', { type: 'string', enum: ['x', 5, null] }, z.literal('x')],
    ['values of several kinds', { enum: ['x', 5, null, true, 1.5] }, z.literal(['x', 5, null, true, 1.5])],
    ['alternatives', { anyOf: [{ const: 1 }, object({ a: { const: 2 } })] }, z.union([z.literal(1), z.strictObject({ a: z.literal(2) })])],
    ['one of all', { allOf: [{ const: 1 }] }, z.literal(1)],
    [
      'two to three items',
      { type: 'array', items: { enum: ['x', 'y'] }, minItems: 2, maxItems: 3 },
      z
        .array(z.enum(['x', 'y']))
        .min(2)
        .max(3),
    ],
    ['a pair', { type: 'array', prefixItems: [{ const: 1 }, { const: 2 }], items: false }, z.tuple([z.literal(1), z.literal(2)])],
    [
      'any names',
      { type: 'object', additionalProperties: { const: 1 }, minProperties: 1, maxProperties: 3 },
      z.record(z.string(), z.literal(1)),
    ],
    ['no names', { type: 'object', additionalProperties: false }, z.strictObject({})],
    ['no type but properties', { properties: { a: { const: 1 } } }, z.strictObject({ a: z.literal(1) })],
    [
      'names that need care',
      object({ 'a"b': { const: 1 }, __proto: { const: 2 } }),
      z.strictObject({ 'a"b': z.literal(1), __proto: z.literal(2) }),
    ],
    ['a chain by definitions', { $ref: '#/$defs/node', $defs: { node } }, z.strictObject({ next: z.unknown() })],
    ['a chain by itself', object({ next: { anyOf: [{ $ref: '#' }, { type: 'null' }] } }), z.strictObject({ next: z.unknown() })],
    ['older definitions', { $ref: '#/definitions/a', definitions: { a: { const: 3 } } }, z.literal(3)],
    ['remarks', { title: 'x', description: 'y', default: 1, examples: [1], $schema: 'z', const: 1 }, z.literal(1)],
    ['the most there may be', { type: 'array', items: { type: 'string', maxLength: 999 }, maxItems: 499 }, z.array(z.string())],
    ['a text of the most letters', { type: 'string', maxLength: 999 }, z.string()],
  ])('%s', async (_, schema, expected) => {
    const values = (await Promise.all([1, 2, 3, 4].map(seed => sample(schema, seed)))).filter(value => value !== undefined)
    expect(values).not.toHaveLength(0)
    for (const value of values) {
      expect(expected.safeParse(value).error?.issues ?? [], JSON.stringify(value)).toEqual([])
    }
  })
})

describe('a schema that cannot be held to is refused, with the keyword', () => {
  const deep = (depth: number) => {
    let schema: object = { type: 'string' }
    for (let level = 0; level < depth; level++) schema = { type: 'array', items: schema }
    return schema
  }
  test.each<[string, unknown]>([
    ['pattern', { type: 'string', pattern: '^x' }],
    ['minimum', object({ a: { type: 'integer', minimum: 1 } })],
    ['multipleOf', { type: 'number', multipleOf: 2 }],
    ['uniqueItems', { type: 'array', uniqueItems: true }],
    ['patternProperties', { type: 'object', patternProperties: {} }],
    ['not', { not: { type: 'string' } }],
    ['if', { type: 'string', if: true }],
    ["'format'", { type: 'string', format: 'email' }],
    ["beside 'format'", { type: 'string', format: 'date', minLength: 3 }],
    ["the 'type'", { type: 'string', enum: [1, 2] }],
    ["'type' must", { type: 'text' }],
    ["'enum' of an object", { enum: [{}] }],
    ["'const' of an object", { const: [] }],
    ["'minimum' beside 'const'", { const: 1, minimum: 0 }],
    ["'enum'", { enum: 'x' }],
    ["'type' beside 'anyOf'", { type: 'object', anyOf: [{ const: 1 }] }],
    ["'anyOf' must", { anyOf: [] }],
    ["'allOf' of several", { allOf: [{ const: 1 }, { const: 1 }] }],
    ["'$ref' must", { $ref: '#/$defs/missing', $defs: {} }],
    ["'$ref' must", { $ref: 'https://example.com/schema' }],
    ["'$ref' to '#' never", { $ref: '#' }],
    ["'$ref' to '#/$defs/a' never", { type: 'string', $defs: { a: { anyOf: [{ $ref: '#/$defs/b' }] }, b: { $ref: '#/$defs/a' } } }],
    ['never comes to an end', object({ next: { $ref: '#' } })],
    ['never comes to an end', { anyOf: [{ const: 1 }, { $ref: '#' }] }],
    ["'required'", object({ a: { type: 'string' } }, { required: ['b'] })],
    ["'properties' must", { type: 'object', properties: [] }],
    ["'minProperties'", object({ a: { type: 'string' } }, { minProperties: 2 })],
    ["'maxProperties'", object({ a: { type: 'string' }, b: { type: 'string' } }, { maxProperties: 1 })],
    ["'minProperties'", { type: 'object', minProperties: 2 }],
    ["'maxItems' is below", { type: 'array', minItems: 3, maxItems: 2 }],
    ["'maxItems' above 499", { type: 'array', maxItems: 500 }],
    ["'maxLength' above 999", { type: 'string', maxLength: 1000 }],
    ["'minLength' must", { type: 'string', minLength: -1 }],
    ["'false'", object({ a: false })],
    ["control character in 'properties'", object({ '\u0001': { type: 'string' } })],
    ["control character in 'enum'", { enum: ['\u0000'] }],
    ['deeper than 32', deep(40)],
    ['more than 2000 parts', object(Object.fromEntries(Array.from({ length: 2_001 }, (_, index) => [`p${index}`, {}])))],
    ['longer than 100000', { const: 'x'.repeat(100_001) }],
    ['must be an object', 'x'],
  ])('%s', async (words, schema) => {
    expect(await chat.refused(body(format(schema)), 'response_format.json_schema.schema')).toContain(words)
  })

  test('nested deeper than JSON can be written', () => {
    expect(() => lowerSchema(deep(20_000))).toThrow(
      expect.objectContaining({ code: 'invalid-request', message: expect.stringContaining('deep') }),
    )
  })
})

test('whatever is sent as a schema is either refused or held to: nothing gets as far as the native parser that it would not take', async () => {
  const name = fc.constantFrom('a', 'b"', '__proto__', '\\', 'é\n', '日')
  const small = fc.nat(600)
  const { schema } = fc.letrec(tie => ({
    schema: fc.oneof(
      { maxDepth: 4 },
      fc.record({ type: fc.constantFrom('string', 'integer', 'number', 'boolean', 'null', 'any', ['string', 'null'], 5) }),
      fc.record({ enum: fc.array(fc.oneof(fc.string({ unit: 'binary', maxLength: 6 }), fc.double(), fc.boolean(), fc.constant(null))) }),
      fc.record({ $ref: fc.constantFrom('#', '#/$defs/a', '#/$defs/__proto__', '#/$defs/c') }),
      fc.record({ type: fc.constant('string'), minLength: small, maxLength: small }, { requiredKeys: ['type'] }),
      fc.record({ anyOf: fc.array(tie('schema'), { maxLength: 3 }) }),
      fc.record(
        {
          type: fc.constant('object'),
          properties: fc.dictionary(name, tie('schema'), { maxKeys: 4 }),
          additionalProperties: tie('schema'),
        },
        { requiredKeys: ['type'] },
      ),
      fc.record(
        {
          type: fc.constant('array'),
          items: tie('schema'),
          prefixItems: fc.array(tie('schema'), { maxLength: 3 }),
          minItems: small,
          maxItems: small,
        },
        { requiredKeys: ['type'] },
      ),
    ),
  }))
  const statuses = new Map<number, number>()
  await fc.assert(
    fc.asyncProperty(schema, fc.dictionary(name, schema, { maxKeys: 2 }), async (root, $defs) => {
      const response = await chat.post(body(format({ ...(root as object), $defs }), { max_tokens: 1 }))
      const answer = (await response.json()) as { error?: { message: string } }
      expect([200, 400], JSON.stringify(answer)).toContain(response.status)
      expect(answer.error?.message ?? '').not.toContain('native')
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
    }),
    { numRuns: 200 },
  )
  expect(statuses.get(200)).toBeGreaterThan(20)
  expect(statuses.get(400)).toBeGreaterThan(20)
})
