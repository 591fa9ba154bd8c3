/** Endpoints that answer with a list: embeddings, moderations, rerank, images. */
import { choicesOf, createdAt, isRecord, type Means, promptUsage, type Script, whole } from './script.ts'

/** Base64 of the eight bytes that every PNG begins with. */
const picture = 'iVBORw0KGgo='
const dimensions = 4

export function embeddingsScript(means: Means): Script {
  const { body, echo } = means
  const length = typeof body.dimensions === 'number' ? body.dimensions : dimensions
  const data = Array.from({ length: textsOf(body.input) + means.surplus }, (_, index) => {
    const vector = Float32Array.from({ length }, (_, place) => (place === index % length ? 1 : 0))
    const embedding = body.encoding_format === 'base64' ? Buffer.from(vector.buffer).toString('base64') : [...vector]
    return { object: 'embedding', index, embedding }
  })
  return whole({ object: 'list', data, model: String(body.model), ...promptUsage(means.claim(0)), ...(echo ? { echo } : {}) })
}

const categories = [
  'harassment',
  'harassment/threatening',
  'hate',
  'hate/threatening',
  'illicit',
  'illicit/violent',
  'self-harm',
  'self-harm/instructions',
  'self-harm/intent',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
]

export function moderationsScript(means: Means): Script {
  const { body, echo } = means
  const isOne = Array.isArray(body.input) && body.input.some(isRecord)
  const result = {
    flagged: false,
    categories: Object.fromEntries(categories.map(name => [name, false])),
    category_scores: Object.fromEntries(categories.map(name => [name, 0.01])),
    category_applied_input_types: Object.fromEntries(categories.map(name => [name, ['text']])),
  }
  const results = Array.from({ length: (isOne ? 1 : textsOf(body.input)) + means.surplus }, () => result)
  return whole({ id: 'modr-scripted', model: String(body.model), results, ...promptUsage(means.claim(0)), ...(echo ? { echo } : {}) })
}

export function rerankScript(means: Means): Script {
  const { body, echo } = means
  const documents = Array.isArray(body.documents) ? body.documents : []
  const most = typeof body.top_n === 'number' ? body.top_n : documents.length
  const results = documents.slice(0, most).map((document: unknown, index) => ({
    index,
    relevance_score: 1 / (index + 1),
    ...(body.return_documents === true ? { document: isRecord(document) ? document : { text: document } } : {}),
  }))
  return whole({ id: 'rerank-scripted', model: String(body.model), results, ...promptUsage(means.claim(0)), ...(echo ? { echo } : {}) })
}

export function imagesScript(means: Means): Script {
  const { body, echo } = means
  const data = Array.from({ length: choicesOf(body) + means.surplus }, () => ({ b64_json: picture }))
  return whole({ created: createdAt, data, ...(echo ? { echo } : {}) })
}

/** How many texts an `input` holds: a text, texts, tokens, or lists of them. */
function textsOf(input: unknown): number {
  return Array.isArray(input) && typeof input[0] !== 'number' ? input.length : 1
}
