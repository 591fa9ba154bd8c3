/** The Vercel AI SDK, with its provider for OpenAI-compatible endpoints. */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { APICallError, embed, generateImage, generateText, jsonSchema, type ModelMessage, Output, RetryError, streamText } from 'ai'
import { type Ask, type Client, type Connection, form, functions, type Question, type Stream } from './client.ts'

const provider = ({ baseURL, apiKey, fetch }: Connection) =>
  createOpenAICompatible({ name: 'chrysalis', baseURL, apiKey, fetch, includeUsage: true, supportsStructuredOutputs: true })

/** The client as the matrix knows it. */
export const aiSdk: Client = {
  id: 'ai-sdk',
  title: 'AI SDK',
  endpoints: {
    chat: {
      whole: question => generate(question, 'chat'),
      stream: question => stream(question, 'chat'),
      structured,
    },
    completions: { whole: question => generate(question, 'completions'), stream: question => stream(question, 'completions') },
    embeddings: { whole: embedText },
    models: 'the SDK does not list models',
    responses: 'the provider speaks chat; `/v1/responses` is what `@ai-sdk/openai` speaks',
    images: { whole: paint, hidesUsage: 'always' },
    speech: 'the provider has no speech models',
    transcriptions: 'the provider has no transcription models',
    moderations: 'the SDK does not moderate',
    rerank: 'the provider has no reranking models',
  },
  failure: thrown => {
    const error = RetryError.isInstance(thrown) ? thrown.lastError : thrown
    if (!APICallError.isInstance(error)) return { status: undefined, code: undefined, kind: String(error) }
    const { error: body } = error.data as { error: { code?: unknown } }
    return { status: error.statusCode, code: body.code, kind: error.name }
  },
  kindOf: () => 'AI_APICallError',
}

function settings({ connection, model, text, signal, offersTools, called }: Question, endpoint: 'chat' | 'completions') {
  const messages: ModelMessage[] = [{ role: 'user', content: text }]
  if (called)
    messages.push(
      {
        role: 'assistant',
        content: called.map(({ id, name, args }) => ({ type: 'tool-call', toolCallId: id, toolName: name, input: args })),
      },
      {
        role: 'tool',
        content: called.map(({ id, name, result }) => ({
          type: 'tool-result',
          toolCallId: id,
          toolName: name,
          output: { type: 'json', value: JSON.parse(result) as Record<string, string> },
        })),
      },
    )
  const { chatModel, completionModel } = provider(connection)
  const tools = Object.fromEntries(
    functions.map(({ name, description, parameters }) => [
      name,
      { description, inputSchema: jsonSchema<Record<string, string>>(parameters) },
    ]),
  )
  return {
    model: endpoint === 'chat' ? chatModel(model) : completionModel(model),
    temperature: 0,
    maxRetries: connection.maxRetries,
    abortSignal: signal,
    messages,
    ...(offersTools ? { tools } : {}),
  }
}

async function generate(question: Question, endpoint: 'chat' | 'completions') {
  const { text, toolCalls, usage } = await generateText(settings(question, endpoint))
  return { text, calls: callsOf(toolCalls), usage: { prompt: usage.inputTokens, completion: usage.outputTokens } }
}

async function* stream(question: Question, endpoint: 'chat' | 'completions'): ReturnType<Stream> {
  const result = streamText({ ...settings(question, endpoint), onError: () => {} })
  // `textStream` would end without a word where the stream breaks.
  for await (const part of result.fullStream) {
    if (part.type === 'text-delta') yield part.text
    if (part.type === 'error') throw part.error
  }
  const usage = await result.usage
  return { calls: callsOf(await result.toolCalls), usage: { prompt: usage.inputTokens, completion: usage.outputTokens } }
}

function callsOf(calls: readonly { toolCallId: string; toolName: string; input: unknown }[]) {
  return calls.map(call => ({ id: call.toolCallId, name: call.toolName, args: call.input }))
}

async function structured(question: Question) {
  const { output } = await generateText({ ...settings(question, 'chat'), output: Output.object({ schema: form }) })
  return { value: output }
}

async function embedText({ connection, model, text, signal }: Question) {
  const { embedding, usage } = await embed({
    model: provider(connection).embeddingModel(model),
    value: text,
    maxRetries: connection.maxRetries,
    abortSignal: signal,
  })
  return { vector: embedding, usage: { prompt: usage.tokens } }
}

async function paint({ connection, model, text, signal }: Question): ReturnType<Ask> {
  const { images } = await generateImage({
    model: provider(connection).imageModel(model),
    prompt: text,
    maxRetries: connection.maxRetries,
    abortSignal: signal,
  })
  return { list: images.map(image => image.base64) }
}
