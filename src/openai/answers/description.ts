/** The answer of `GET /openapi.json`. */
import { z } from 'zod'
import { named } from './parts.ts'

const record = z.record(z.string(), z.looseObject({}))

export const description = named(
  'Description',
  'An OpenAPI document.',
  z.looseObject({
    openapi: z.string().regex(/^3\.1\.[0-9]+$/),
    info: z.looseObject({ title: z.string(), version: z.string() }),
    paths: record,
    components: z.looseObject({ schemas: record }),
  }),
)
