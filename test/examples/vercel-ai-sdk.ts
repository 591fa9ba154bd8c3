/**
 * The Vercel AI SDK (`ai`) with its provider for OpenAI-compatible endpoints.
 *
 *     OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=$(cat .chrysalis/key) node test/examples/vercel-ai-sdk.ts
 */
import { createOpenAICompatible } from '@ai-sdk/openai-compatible'
import { generateText, streamText } from 'ai'
import { z } from 'zod'

const chrysalis = createOpenAICompatible({
  name: 'chrysalis',
  baseURL: process.env.OPENAI_BASE_URL!,
  apiKey: process.env.OPENAI_API_KEY!,
  // Without this a stream is not asked for its usage.
  includeUsage: true,
})
const model = chrysalis(process.env.MODEL ?? 'chrysalis-tiny')

const answer = await generateText({ model, temperature: 0, prompt: 'What is the capital of France?' })
console.log(answer.text)

const stream = streamText({ model, temperature: 0, prompt: 'Count from 1 to 9.' })
for await (const text of stream.textStream) process.stdout.write(text)
console.log(`\n${(await stream.usage).totalTokens} tokens`)

const { toolCalls } = await generateText({
  model,
  temperature: 0,
  tools: { get_weather: { description: 'Get the weather in a city', inputSchema: z.object({ city: z.string() }) } },
  prompt: 'What is the weather in Paris?',
})
console.log(toolCalls.map(call => `${call.toolName} ${JSON.stringify(call.input)}`).join('\n'))
