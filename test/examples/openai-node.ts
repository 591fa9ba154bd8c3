/**
 * The stock `openai` package. Nothing but the base URL and the key are ours; the client reads both from the environment.
 *
 *     OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=$(cat .chrysalis/key) node test/examples/openai-node.ts
 */
import OpenAI from 'openai'

const client = new OpenAI()
const model = process.env.MODEL ?? 'chrysalis-tiny'

const answer = await client.chat.completions.create({
  model,
  temperature: 0,
  messages: [{ role: 'user', content: 'What is the capital of France?' }],
})
console.log(answer.choices[0]?.message.content)

const stream = await client.chat.completions.create({
  model,
  temperature: 0,
  messages: [{ role: 'user', content: 'Count from 1 to 9.' }],
  stream: true,
  stream_options: { include_usage: true },
})
for await (const chunk of stream) {
  process.stdout.write(chunk.choices[0]?.delta.content ?? '')
  // The last chunk has no choices: what was counted, and what it cost in nanoTON.
  const usage = chunk.usage as (OpenAI.CompletionUsage & { cost?: string }) | null | undefined
  if (usage) console.log(`\n${usage.total_tokens} tokens, ${usage.cost} nanoTON`)
}
