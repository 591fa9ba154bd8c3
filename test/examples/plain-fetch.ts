/**
 * No package at all: `fetch`, and the event stream read by hand.
 *
 *     OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=$(cat .chrysalis/key) node test/examples/plain-fetch.ts
 */
const { OPENAI_BASE_URL: baseURL, OPENAI_API_KEY: apiKey, MODEL: model = 'chrysalis-tiny' } = process.env

const response = await fetch(`${baseURL}/chat/completions`, {
  method: 'POST',
  headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
  body: JSON.stringify({ model, temperature: 0, stream: true, messages: [{ role: 'user', content: 'Count from 1 to 9.' }] }),
})
// An error is JSON with a message, also where a stream was asked for.
if (!response.ok) throw new Error(((await response.json()) as { error: { message: string } }).error.message)

let isWhole = false
for await (const data of events(response)) {
  if (data === '[DONE]') {
    isWhole = true
    break
  }
  const chunk = JSON.parse(data) as { choices?: { delta: { content?: string } }[]; error?: { message: string } }
  // A stream that fails on the way says so in its last event.
  if (chunk.error) throw new Error(chunk.error.message)
  process.stdout.write(chunk.choices?.[0]?.delta.content ?? '')
}
if (!isWhole) throw new Error('the stream ended before the answer did')
console.log(`\nreceipt ${response.headers.get('x-chrysalis-receipt')}`)

/** The data of each event. A piece of the body may end anywhere: within a line, or within a letter. */
async function* events(body: Response): AsyncGenerator<string> {
  let rest = ''
  let data: string[] = []
  for await (const text of body.body!.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split('\n')
    rest = lines.pop()!
    for (const line of lines.map(each => each.replace(/\r$/, ''))) {
      // Lines that begin with a colon are comments: they keep a silent connection alive.
      if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
      if (line !== '' || data.length === 0) continue
      yield data.join('\n')
      data = []
    }
  }
}
