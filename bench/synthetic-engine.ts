/**
 * An engine that costs next to nothing, so that a benchmark measures what stands before it. OpenAI's HTTP form, one fixed
 * answer of 32 tokens; a stream gives one chunk per event-loop turn, or one every `paceMs` where the model is `paced`.
 *   node bench/synthetic-engine.ts      prints {"url": …} and serves until it is ended
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const words = Array.from({ length: 32 }, (_, index) => ` word${index}`)
const usage = { prompt_tokens: 24, completion_tokens: words.length, total_tokens: 24 + words.length }
const common = { id: 'chatcmpl-synthetic', created: 1_700_000_000, model: 'synthetic', system_fingerprint: null }
const models = ['synthetic', 'paced'].map(id => ({ id, object: 'model', created: 0, owned_by: 'bench', max_model_len: 8192 }))
const paceMs = 20

const json = Buffer.from(
  JSON.stringify({
    ...common,
    object: 'chat.completion',
    choices: [{ index: 0, message: { role: 'assistant', content: words.join('') }, finish_reason: 'stop', logprobs: null }],
    usage,
  }),
)
const event = (delta: object, finish: string | null, counted = 0) =>
  `data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', choices: [{ index: 0, delta, finish_reason: finish, logprobs: null }], usage: { prompt_tokens: 24, completion_tokens: counted, total_tokens: 24 + counted } })}\n\n`
const events = [
  event({ role: 'assistant', content: '' }, null),
  ...words.map((word, index) => event({ content: word }, null, index + 1)),
  event({}, 'stop', words.length),
]
const ending = `data: ${JSON.stringify({ ...common, object: 'chat.completion.chunk', choices: [], usage })}\n\ndata: [DONE]\n\n`

function stream(response: ServerResponse, paced: boolean): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  let next = 0
  const turn = () => {
    if (response.destroyed) return
    if (next === events.length) {
      response.end(ending)
      return
    }
    response.write(events[next++]!)
    if (paced) setTimeout(turn, paceMs)
    else setImmediate(turn)
  }
  turn()
}

function answer(request: IncomingMessage, response: ServerResponse): void {
  if (request.method === 'GET') {
    const body = JSON.stringify({ object: 'list', data: models })
    response.writeHead(200, { 'content-type': 'application/json' }).end(body)
    return
  }
  const parts: Buffer[] = []
  request.on('data', (part: Buffer) => parts.push(part))
  request.on('end', () => {
    const asked = JSON.parse(Buffer.concat(parts).toString('utf8')) as { stream?: boolean; model?: string }
    if (asked.stream) stream(response, asked.model === 'paced')
    else response.writeHead(200, { 'content-type': 'application/json', 'content-length': json.length }).end(json)
  })
}

const server = createServer(answer)
server.listen(0, '127.0.0.1', () => console.log(JSON.stringify({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` })))
process.on('SIGTERM', () => process.exit(0))
process.stdin.on('end', () => process.exit(0)).resume()
