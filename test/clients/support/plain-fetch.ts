/** `fetch`, with no package in between: what is on the wire itself. */
import { silence } from '../../support/requests.ts'
import type { Answer, Ask, Client, Question, ShownUsage, Stream } from './client.ts'
import { chatAnswer, chatBody, chatChunks, chatStructured } from './fetch-chat.ts'
import { responseAnswer, responseBody, responseEvents, responseStructured } from './fetch-responses.ts'
import { type Body, type EventReader, end, events, HttpError, json, post, readEvents, tokens, type WireUsage } from './fetch-wire.ts'

const cannot = { retries: '`fetch` asks once' }

/** The client as the matrix knows it. */
export const plainFetch: Client = {
  id: 'plain-fetch',
  title: 'fetch',
  endpoints: {
    chat: {
      ...json('chat', chatBody, chatAnswer),
      stream: events('chat', withUsage(chatBody), chatChunks),
      structured: chatStructured,
      cannot,
    },
    completions: {
      ...json('completions', completionBody, completionAnswer),
      stream: events('completions', withUsage(completionBody), completionChunks),
      cannot,
    },
    embeddings: { ...json('embeddings', ({ text }) => ({ input: text }), embeddingAnswer), cannot },
    models: { whole: listModels },
    responses: {
      ...json('responses', responseBody, responseAnswer),
      stream: events('responses', responseBody, responseEvents),
      structured: responseStructured,
      cannot,
    },
    images: { ...json('images', ({ text }) => ({ prompt: text }), imageAnswer), cannot },
    speech: { whole: speak, stream: speakStream, hidesUsage: 'always', cannot },
    transcriptions: { whole: transcribe, stream: transcribeStream, cannot },
    moderations: { ...json('moderations', ({ text }) => ({ input: text }), moderationAnswer), cannot },
    rerank: { ...json('rerank', ({ text }) => ({ query: text, documents: ['a document'] }), rerankAnswer), cannot },
  },
  failure: error => {
    if (!(error instanceof HttpError)) return { status: undefined, code: undefined, kind: String(error) }
    return { status: error.status, code: error.code, kind: 'HttpError' }
  },
  kindOf: () => 'HttpError',
}

function withUsage(body: (question: Question) => Body): (question: Question) => Body {
  return question => ({ ...body(question), stream_options: { include_usage: true } })
}

function completionBody({ text }: Question): Body {
  return { prompt: text, temperature: 0 }
}

function completionAnswer(answer: unknown): Answer {
  const { choices, usage } = answer as { choices: [{ text: string }]; usage: WireUsage }
  return { text: choices[0].text, usage: tokens(usage) }
}

function completionChunks(): EventReader {
  let usage: ShownUsage | undefined
  return {
    take: event => {
      const chunk = event as { choices: { text: string }[]; usage?: WireUsage | null }
      if (chunk.usage) usage = tokens(chunk.usage)
      return chunk.choices[0]?.text
    },
    answer: () => ({ usage }),
  }
}

function embeddingAnswer(answer: unknown): Answer {
  const { data, usage } = answer as { data: [{ embedding: number[] }]; usage: WireUsage }
  return { vector: data[0].embedding, usage: tokens(usage) }
}

async function listModels({ connection, model }: Question): ReturnType<Ask> {
  const get = async (path: string) => {
    const response = await connection.fetch(`${connection.baseURL}${path}`, { headers: { authorization: `Bearer ${connection.apiKey}` } })
    const body = (await response.json()) as unknown
    if (!response.ok) throw new HttpError(response.status, body)
    return body
  }
  const { data } = (await get('/models')) as { data: { id: string }[] }
  const { id } = (await get(`/models/${encodeURIComponent(model)}`)) as { id: string }
  return { list: data.map(served => served.id), value: id }
}

function imageAnswer(answer: unknown): Answer {
  const { data, usage } = answer as { data: { b64_json: string }[]; usage: { images: number; cost: string } }
  return { list: data.map(image => image.b64_json), usage }
}

async function speak(question: Question): ReturnType<Ask> {
  const response = await post(question, 'speech', { model: question.model, voice: 'alloy', input: question.text })
  return { bytes: new Uint8Array(await response.arrayBuffer()) }
}

async function* speakStream(question: Question): ReturnType<Stream> {
  const response = await post(question, 'speech', { model: question.model, voice: 'alloy', input: question.text })
  for await (const bytes of response.body!) yield Buffer.from(bytes).toString('utf8')
  return {}
}

function recordingForm({ model }: Question, fields: Readonly<Record<string, string>> = {}): FormData {
  const body = new FormData()
  for (const [name, value] of Object.entries({ model, ...fields })) body.set(name, value)
  body.set('file', new File([silence(2)], 'speech.wav', { type: 'audio/wav' }))
  return body
}

async function transcribe(question: Question): ReturnType<Ask> {
  const response = await post(question, 'transcriptions', recordingForm(question))
  const { text, usage } = (await response.json()) as { text: string; usage: ShownUsage }
  return { text, usage }
}

async function* transcribeStream(question: Question): ReturnType<Stream> {
  let answer: Answer = {}
  const reader: EventReader = {
    take: event => {
      const { type, delta, usage } = event as { type: string; delta?: string; usage?: ShownUsage }
      if (type !== 'transcript.text.done') return delta
      answer = { usage }
      return end
    },
    answer: () => answer,
  }
  return yield* readEvents(await post(question, 'transcriptions', recordingForm(question, { stream: 'true' })), reader)
}

function moderationAnswer(answer: unknown): Answer {
  const { results, usage } = answer as { results: { flagged: boolean }[]; usage: WireUsage }
  return { list: results.map(result => result.flagged), usage: tokens(usage) }
}

function rerankAnswer(answer: unknown): Answer {
  const { results, usage } = answer as { results: { relevance_score: number }[]; usage: WireUsage }
  return { list: results.map(result => result.relevance_score), usage: tokens(usage) }
}
