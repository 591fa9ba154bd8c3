/** LangChain, with its package for OpenAI. */
import { ContextOverflowError } from '@langchain/core/errors'
import { AIMessage, type AIMessageChunk, HumanMessage, ToolMessage, type UsageMetadata } from '@langchain/core/messages'
import { ChatOpenAI, DallEAPIWrapper, OpenAI, OpenAIEmbeddings } from '@langchain/openai'
import { type Ask, type Client, form, functions, type Question, type ShownUsage, type Stream } from './client.ts'

/** LangChain keeps the errors of the `openai` package, and adds a word of its own to some. */
const kinds: Readonly<Record<number, string>> = { 401: 'MODEL_AUTHENTICATION', 404: 'MODEL_NOT_FOUND', 429: 'MODEL_RATE_LIMIT' }
const cannotAbort = 'the class takes no signal'

/** The client as the matrix knows it. */
export const langchain: Client = {
  id: 'langchain',
  title: 'LangChain',
  endpoints: {
    chat: {
      whole: question => chat(question, false),
      stream: question => stream(question, false),
      structured: question => structured(question, false),
    },
    completions: { whole: complete, stream: completeStream, hidesUsage: 'of a stream' },
    embeddings: { whole: embed, hidesUsage: 'always', cannot: { abort: cannotAbort } },
    models: 'the package does not list models',
    responses: {
      whole: question => chat(question, true),
      stream: question => stream(question, true),
      structured: question => structured(question, true),
    },
    images: {
      whole: paint,
      hidesUsage: 'always',
      cannot: { abort: cannotAbort, retries: 'the class takes neither a number of tries nor a `fetch`' },
    },
    speech: 'the package has no speech models',
    transcriptions: 'the package has no transcription models',
    moderations: 'the package does not moderate',
    rerank: 'the package has no reranking models',
  },
  failure: thrown => {
    const overflow = ContextOverflowError.isInstance(thrown) ? thrown : undefined
    const error = (overflow?.cause ?? thrown ?? {}) as { status?: number; code?: unknown; lc_error_code?: string }
    return { status: error.status, code: error.code, kind: overflow?.name ?? error.lc_error_code ?? '' }
  },
  kindOf: ({ status, code, endpoint }) => {
    if (code === 'context_length_exceeded') return 'ContextOverflowError'
    // Only here the package's errors pass as they are.
    return endpoint === 'images' ? '' : (kinds[status] ?? '')
  },
}

function fields({ connection: { apiKey, baseURL, fetch, maxRetries }, model }: Question) {
  return { model, apiKey, maxRetries, configuration: { baseURL, fetch } }
}

function chatModel(question: Question, useResponsesApi: boolean) {
  const model = plainModel(question, useResponsesApi)
  return question.offersTools ? model.bindTools(functions.map(each => ({ type: 'function', function: each }))) : model
}

function plainModel(question: Question, useResponsesApi: boolean): ChatOpenAI {
  const own = useResponsesApi ? (question.store ? { modelKwargs: { store: true } } : {}) : { temperature: 0 }
  return new ChatOpenAI({ ...fields(question), useResponsesApi, ...own })
}

function messages({ text, called }: Question) {
  if (!called) return [new HumanMessage(text)]
  return [
    new HumanMessage(text),
    new AIMessage({ content: '', tool_calls: called.map(({ id, name, args }) => ({ id, name, args: args as Record<string, unknown> })) }),
    ...called.map(({ id, result }) => new ToolMessage({ tool_call_id: id, content: result })),
  ]
}

async function chat(question: Question, responses: boolean): ReturnType<Ask> {
  const message = await chatModel(question, responses).invoke(messages(question), { signal: question.signal })
  return { text: message.text, ...shown(message) }
}

async function* stream(question: Question, responses: boolean): ReturnType<Stream> {
  let whole: AIMessageChunk | undefined
  for await (const chunk of await chatModel(question, responses).stream(messages(question), { signal: question.signal })) {
    if (chunk.text) yield chunk.text
    whole = whole?.concat(chunk) ?? chunk
  }
  return shown(whole!)
}

function shown(message: AIMessage | AIMessageChunk) {
  const usage = message.usage_metadata as UsageMetadata | undefined
  const counts: ShownUsage | undefined = usage && { prompt: usage.input_tokens, completion: usage.output_tokens }
  return { calls: (message.tool_calls ?? []).map(({ id, name, args }) => ({ id: id!, name, args })), usage: counts }
}

async function structured(question: Question, responses: boolean): ReturnType<Ask> {
  const model = plainModel(question, responses)
  const value = await model.withStructuredOutput(form, { method: 'jsonSchema' }).invoke(question.text, { signal: question.signal })
  return { value }
}

async function complete(question: Question): ReturnType<Ask> {
  const model = new OpenAI({ ...fields(question), temperature: 0, maxTokens: 16 })
  const { generations, llmOutput } = await model.generate([question.text], { signal: question.signal })
  const counts = llmOutput?.tokenUsage as { promptTokens?: number; completionTokens?: number } | undefined
  return { text: generations[0]![0]!.text, usage: { prompt: counts?.promptTokens, completion: counts?.completionTokens } }
}

async function* completeStream(question: Question): ReturnType<Stream> {
  const model = new OpenAI({ ...fields(question), temperature: 0, maxTokens: 16 })
  for await (const text of await model.stream(question.text, { signal: question.signal })) if (text !== '') yield text
  return {}
}

async function embed(question: Question): ReturnType<Ask> {
  return { vector: await new OpenAIEmbeddings(fields(question)).embedQuery(question.text) }
}

async function paint({ connection: { apiKey, baseURL }, model, text }: Question): ReturnType<Ask> {
  const painter = new DallEAPIWrapper({ model, apiKey, baseUrl: baseURL, dallEResponseFormat: 'b64_json' })
  return { list: [await painter.invoke(text)] }
}
