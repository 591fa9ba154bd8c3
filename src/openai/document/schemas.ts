/** From the zod schemas that validate to the JSON Schema that the document shows. */
import { z } from 'zod'
import type { Schema } from './types.ts'

/** Collects the schemas that are used, and turns them into JSON Schema all at once, for they refer to each other. */
export class Schemas {
  readonly #requests: Record<string, z.ZodType> = {}
  readonly #answers: Record<string, z.ZodType> = {}

  request(name: string, schema: z.ZodType): Schema {
    this.#requests[name] = schema
    return { $ref: `#/components/schemas/${name}` }
  }

  /** `schema` has a name of its own. */
  answer(schema: z.ZodType): Schema {
    const name = schema.meta()?.id
    if (name === undefined) throw new Error('an answer without a name')
    this.#answers[name] = schema
    return { $ref: `#/components/schemas/${name}` }
  }

  all(): Record<string, Schema> {
    const { $defs, properties } = jsonSchema(z.object(this.#requests), 'input')
    const { $defs: named } = jsonSchema(z.object(this.#answers), 'output')
    return {
      ...(properties as Record<string, Schema>),
      ...($defs as Record<string, Schema> | undefined),
      ...(named as Record<string, Schema>),
    }
  }
}

/** `schema` in JSON Schema. What has a name of its own is referred to by it. */
export function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Schema {
  const text = JSON.stringify(z.toJSONSchema(schema, { target: 'draft-2020-12', io }))
  return JSON.parse(text.replaceAll('"#/$defs/', '"#/components/schemas/')) as Schema
}

/** The same for one that refers to nothing. */
export function plainSchema(schema: z.ZodType): Schema {
  const { $schema: _, ...rest } = jsonSchema(schema, 'input')
  return rest
}
