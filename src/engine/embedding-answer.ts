/** `POST /v1/embeddings`, answered in OpenAI's form. */
import type { Token } from 'node-llama-cpp'
import { normalised } from './embedder.ts'
import type { EmbeddingRequest } from './embedding-request.ts'
import { badMember } from './members.ts'
import type { Model } from './model.ts'

export interface EmbeddingJob {
  readonly texts: readonly Token[][]
  readonly dimensions: number
  readonly encoding: EmbeddingRequest['encoding']
}

/** Gets everything ready. Throws {@link EngineError} `context-length-exceeded` or `invalid-request`. */
export function prepareEmbeddings(model: Model, { inputs, dimensions, encoding }: EmbeddingRequest): EmbeddingJob {
  const { embedder } = model
  if (dimensions !== undefined && dimensions > embedder.dimensions)
    throw badMember('dimensions', `this model's vectors have ${embedder.dimensions}, and can only be made shorter`)
  const texts = inputs.map((input, index) => {
    const param = inputs.length === 1 ? 'input' : `input.${index}`
    return embedder.tokens(typeof input === 'string' ? input : model.checkTokens(input, param), param)
  })
  return { texts, dimensions: dimensions ?? embedder.dimensions, encoding }
}

/** Throws where `signal` is aborted. */
export async function embeddingAnswer(model: Model, { texts, dimensions, encoding }: EmbeddingJob, signal: AbortSignal): Promise<object> {
  const data: object[] = []
  let tokens = 0
  for (const [index, text] of texts.entries()) {
    tokens += text.length
    const vector = normalised(await model.embedder.embed(text, signal), dimensions)
    data.push({ object: 'embedding', index, embedding: encoding === 'base64' ? base64(vector) : [...vector] })
  }
  return { object: 'list', data, model: model.info.id, usage: { prompt_tokens: tokens, total_tokens: tokens } }
}

/** Little-endian, on whatever machine. */
function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4)
  return bytes.toString('base64')
}
