/**
 * LangChain.
 *
 *     OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=$(cat .chrysalis/key) node test/examples/langchain.ts
 */
import type { UsageMetadata } from '@langchain/core/messages'
import { ChatOpenAI } from '@langchain/openai'

const chat = new ChatOpenAI({
  model: process.env.MODEL ?? 'chrysalis-tiny',
  temperature: 0,
  apiKey: process.env.OPENAI_API_KEY!,
  configuration: { baseURL: process.env.OPENAI_BASE_URL! },
})

console.log((await chat.invoke('What is the capital of France?')).content)

let tokens = 0
for await (const chunk of await chat.stream('Count from 1 to 9.')) {
  process.stdout.write(String(chunk.content))
  const usage = chunk.usage_metadata as UsageMetadata | undefined
  tokens += usage?.total_tokens ?? 0
}
console.log(`\n${tokens} tokens`)

const withTools = chat.bindTools([
  {
    type: 'function',
    function: {
      name: 'get_weather',
      description: 'Get the weather in a city',
      parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
    },
  },
])
const { tool_calls: calls } = await withTools.invoke('What is the weather in Paris?')
console.log(calls?.map(call => `${call.name} ${JSON.stringify(call.args)}`).join('\n'))
