/** The `openai` package. Its test files decide which major version that is. */
import OpenAI, { toFile } from 'openai'
import { zodResponseFormat, zodTextFormat } from 'openai/helpers/zod'
import { silence } from '../../support/requests.ts'
import {
  type Ask,
  type Call,
  type Client,
  type Connection,
  form,
  functions,
  type Question,
  type ShownUsage,
  type Stream,
} from './client.ts'

const kinds: Readonly<Record<number, string>> = {
  400: 'BadRequestError',
  401: 'AuthenticationError',
  402: 'APIError',
  404: 'NotFoundError',
  429: 'RateLimitError',
  502: 'InternalServerError',
}

const open = ({ baseURL, apiKey, maxRetries, fetch }: Connection) => new OpenAI({ baseURL, apiKey, maxRetries, fetch })

/** Members that only Chrysalis has: the package passes on what it does not know. */
interface More {
  readonly images?: number
  readonly cost?: string
}

const tokens = (usage: (OpenAI.CompletionUsage & More) | null | undefined) =>
  usage ? { prompt: usage.prompt_tokens, completion: usage.completion_tokens, cost: usage.cost } : undefined

/** The client as the matrix knows it. */
export function openaiClient(id: string, title: string): Client {
  return {
    id,
    title,
    endpoints: {
      chat: { whole: chat, stream: chatStream, structured: chatStructured },
      completions: { whole: complete, stream: completeStream },
      embeddings: { whole: embed },
      models: { whole: listModels },
      responses: { whole: respond, stream: respondStream, structured: respondStructured },
      images: { whole: paint },
      speech: { whole: speak, stream: speakStream, hidesUsage: 'always' },
      transcriptions: { whole: transcribe, stream: transcribeStream },
      moderations: { whole: moderate },
      rerank: { whole: rerank },
    },
    failure: error =>
      error instanceof OpenAI.APIError
        ? { status: error.status, code: error.code, kind: error.constructor.name }
        : { status: undefined, code: undefined, kind: String(error) },
    kindOf: ({ status }) => kinds[status]!,
  }
}

function chatBody({ model, text, offersTools, called }: Question) {
  const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: text }]
  if (called)
    messages.push(
      {
        role: 'assistant',
        tool_calls: called.map(({ id, name, args }) => ({ id, type: 'function', function: { name, arguments: JSON.stringify(args) } })),
      },
      ...called.map(({ id, result }) => ({ role: 'tool' as const, tool_call_id: id, content: result })),
    )
  const tools: OpenAI.ChatCompletionTool[] = functions.map(each => ({ type: 'function', function: each }))
  return { model, temperature: 0, messages, ...(offersTools ? { tools } : {}) }
}

const chat: Ask = async question => {
  const answer = await open(question.connection).chat.completions.create(chatBody(question), { signal: question.signal })
  const { message } = answer.choices[0]!
  return { text: message.content ?? '', calls: chatCalls(message), usage: tokens(answer.usage) }
}

function chatCalls(message: OpenAI.ChatCompletionMessage): Call[] {
  return (message.tool_calls ?? [])
    .filter(call => call.type === 'function')
    .map(call => ({ id: call.id, name: call.function.name, args: JSON.parse(call.function.arguments) as unknown }))
}

const chatStream: Stream = async function* (question) {
  const { signal } = question
  const stream = open(question.connection).chat.completions.stream(
    { ...chatBody(question), stream_options: { include_usage: true } },
    { signal },
  )
  for await (const chunk of stream) {
    const text = chunk.choices[0]?.delta.content
    if (text) yield text
  }
  const whole = await stream.finalChatCompletion()
  return { calls: chatCalls(whole.choices[0]!.message), usage: tokens(whole.usage) }
}

const chatStructured: Ask = async question => {
  const body = { ...chatBody(question), response_format: zodResponseFormat(form, 'place') }
  const answer = await open(question.connection).chat.completions.parse(body, { signal: question.signal })
  return { value: answer.choices[0]!.message.parsed }
}

const complete: Ask = async ({ connection, model, text, signal }) => {
  const answer = await open(connection).completions.create({ model, prompt: text, temperature: 0 }, { signal })
  return { text: answer.choices[0]!.text, usage: tokens(answer.usage) }
}

const completeStream: Stream = async function* ({ connection, model, text, signal }) {
  const stream = await open(connection).completions.create(
    { model, prompt: text, temperature: 0, stream: true, stream_options: { include_usage: true } },
    { signal },
  )
  let usage: OpenAI.CompletionUsage | undefined
  for await (const chunk of stream) {
    if (chunk.choices[0]?.text) yield chunk.choices[0].text
    usage = chunk.usage ?? usage
  }
  return { usage: tokens(usage) }
}

const embed: Ask = async ({ connection, model, text, signal }) => {
  const answer = await open(connection).embeddings.create({ model, input: text }, { signal })
  const { prompt_tokens: prompt, cost }: { prompt_tokens: number } & More = answer.usage
  return { vector: answer.data[0]!.embedding, usage: { prompt, cost } }
}

const listModels: Ask = async ({ connection, model }) => {
  const client = open(connection)
  const list: string[] = []
  for await (const served of client.models.list()) list.push(served.id)
  return { list, value: (await client.models.retrieve(model)).id }
}

function responseBody({ model, text, offersTools, called, store }: Question) {
  const input: OpenAI.Responses.ResponseInput = [{ role: 'user', content: text }]
  for (const { id, name, args, result } of called ?? [])
    input.push(
      { type: 'function_call', call_id: id, name, arguments: JSON.stringify(args) },
      { type: 'function_call_output', call_id: id, output: result },
    )
  const tools: OpenAI.Responses.FunctionTool[] = functions.map(each => ({ type: 'function', strict: true, ...each }))
  return { model, input, ...(offersTools ? { tools } : {}), ...(store === undefined ? {} : { store }) }
}

const respond: Ask = async question => {
  const response = await open(question.connection).responses.create(responseBody(question), { signal: question.signal })
  return read(response)
}

function read(response: OpenAI.Responses.Response) {
  const calls = response.output
    .filter(item => item.type === 'function_call')
    .map(item => ({ id: item.call_id, name: item.name, args: JSON.parse(item.arguments) as unknown }))
  const usage: (OpenAI.Responses.ResponseUsage & More) | undefined = response.usage
  return {
    text: response.output_text,
    calls,
    usage: usage && { prompt: usage.input_tokens, completion: usage.output_tokens, cost: usage.cost },
  }
}

const respondStream: Stream = async function* (question) {
  const stream = open(question.connection).responses.stream(responseBody(question), { signal: question.signal })
  for await (const event of stream) if (event.type === 'response.output_text.delta') yield event.delta
  return read(await stream.finalResponse())
}

const respondStructured: Ask = async question => {
  const body = { ...responseBody(question), text: { format: zodTextFormat(form, 'place') } }
  const response = await open(question.connection).responses.parse(body, { signal: question.signal })
  return { value: response.output_parsed }
}

const paint: Ask = async ({ connection, model, text, signal }) => {
  const answer = await open(connection).images.generate({ model, prompt: text, n: 1 }, { signal })
  const usage = answer.usage as More | undefined
  return { list: answer.data!.map(image => image.b64_json), usage }
}

const speak: Ask = async ({ connection, model, text, signal }) => {
  const response = await open(connection).audio.speech.create({ model, voice: 'alloy', input: text }, { signal })
  return { bytes: new Uint8Array(await response.arrayBuffer()) }
}

const speakStream: Stream = async function* ({ connection, model, text, signal }) {
  const response = await open(connection).audio.speech.create({ model, voice: 'alloy', input: text }, { signal })
  for await (const bytes of response.body!) yield Buffer.from(bytes).toString('utf8')
  return {}
}

const transcribe: Ask = async ({ connection, model, signal }) => {
  const file = await toFile(silence(2), 'speech.wav', { type: 'audio/wav' })
  const answer = await open(connection).audio.transcriptions.create({ model, file }, { signal })
  return { text: answer.text, usage: heard(answer.usage) }
}

const transcribeStream: Stream = async function* ({ connection, model, signal }) {
  const file = await toFile(silence(2), 'speech.wav', { type: 'audio/wav' })
  const stream = await open(connection).audio.transcriptions.create({ model, file, stream: true }, { signal })
  let usage: ShownUsage | undefined
  for await (const event of stream) {
    if (event.type === 'transcript.text.delta') yield event.delta
    // The package's types know tokens only here.
    if (event.type === 'transcript.text.done') usage = heard(event.usage as object | undefined)
  }
  return { usage }
}

function heard(usage: object | undefined): ShownUsage | undefined {
  const { seconds, cost } = (usage ?? {}) as ShownUsage
  return { seconds, cost }
}

const moderate: Ask = async ({ connection, model, text, signal }) => {
  const answer = await open(connection).moderations.create({ model, input: text }, { signal })
  const { usage } = answer as typeof answer & { usage?: { prompt_tokens: number } & More }
  return { list: answer.results.map(result => result.flagged), usage: { prompt: usage?.prompt_tokens, cost: usage?.cost } }
}

/** The package has no method of its own for it; this is how it documents calling such an endpoint. */
const rerank: Ask = async ({ connection, model, text, signal }) => {
  const answer = await open(connection).post<{ results: { relevance_score: number }[]; usage: { prompt_tokens: number } & More }>(
    '/rerank',
    {
      body: { model, query: text, documents: ['a document'] },
      signal,
    },
  )
  return {
    list: answer.results.map(result => result.relevance_score),
    usage: { prompt: answer.usage.prompt_tokens, cost: answer.usage.cost },
  }
}
