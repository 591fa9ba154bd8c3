/** `POST /v1/embeddings` as this engine takes it. */
import { z } from 'zod'
import { refuseForeign } from './foreign-members.ts'
import { type Input, inputs, readInputs } from './inputs.ts'
import { count, readBody } from './members.ts'

const maxInputs = 2_048

const schema = z.looseObject({
  model: z.string(),
  input: inputs,
  encoding_format: z.enum(['float', 'base64']).nullish(),
  dimensions: count.nullish(),
})

export interface EmbeddingRequest {
  readonly model: string
  readonly inputs: readonly Input[]
  readonly encoding: 'float' | 'base64'
  readonly dimensions: number | undefined
}

/** Checks a parsed body. Throws {@link EngineError} `invalid-request`. */
export function readEmbeddingRequest(body: unknown): EmbeddingRequest {
  const data = readBody(schema, body)
  refuseForeign(data)
  return {
    model: data.model,
    inputs: readInputs(data.input, 'input', { most: maxInputs, emptyText: false }),
    encoding: data.encoding_format ?? 'float',
    dimensions: data.dimensions ?? undefined,
  }
}
