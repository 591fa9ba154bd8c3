import { z } from 'zod'
import { defineEndpoint } from './endpoint.ts'
import { inputsOf } from './inputs.ts'
import { modelId } from './members.ts'

const request = z.looseObject({
  model: modelId,
  query: z.string().min(1),
  documents: z
    .array(z.union([z.string(), z.looseObject({ text: z.string() })]))
    .min(1)
    .max(2_048),
  top_n: z.int().min(1).nullish(),
  return_documents: z.boolean().nullish(),
})

export const rerank = defineEndpoint({
  path: '/v1/rerank',
  summary: 'Orders documents by how well they answer a query. The form that Cohere, Jina and vLLM share.',
  request,
  own: body => {
    const { count, bytes } = inputsOf(body.documents.map(item => (typeof item === 'string' ? item : item.text)))
    // Every document is read together with the query.
    return { inputs: count, detail: { bytes: bytes + count * Buffer.byteLength(body.query) } }
  },
})
