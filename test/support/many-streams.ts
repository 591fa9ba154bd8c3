/** Many streams at once, each of which carries its own marker in every token. */
import { readFileSync } from 'node:fs'
import type { Deployment } from './deployment.ts'
import type { EngineRequest, ScriptedEngine } from './scripted-engine.ts'

export interface ManyStreamsOptions {
  readonly deployment: Deployment
  readonly engine: ScriptedEngine
  readonly streams: number
  /** Tokens of each stream. */
  readonly tokens: number
}

/**
 * Opens all streams; the engine begins when the last of them has reached it, and then writes a token of each in turn. Returns
 * what was wrong with any of them: a piece of another stream, one that is missing, twice or in another order, an end that is none.
 */
export async function manyStreams({ deployment, engine, streams, tokens }: ManyStreamsOptions): Promise<string[]> {
  let waiting = streams
  let open: () => void = () => {}
  const allAreThere = new Promise<void>(resolve => {
    open = resolve
  })
  engine.custom = async (request, response) => {
    if (--waiting === 0) open()
    await allAreThere
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (let index = 0; index < tokens; index++) {
      if (!response.write(event({ choices: [{ index: 0, delta: { content: piece(markerOf(request), index) }, finish_reason: null }] })))
        await new Promise(resolve => response.once('drain', resolve))
      await new Promise(resolve => setImmediate(resolve))
    }
    response.end(`${event({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}data: [DONE]\n\n`)
  }
  try {
    const found = await Promise.all(Array.from({ length: streams }, (_, index) => oneStream(deployment, `m${index}`, tokens)))
    return found.filter(problem => problem !== undefined)
  } finally {
    engine.custom = undefined
  }
}

async function oneStream(deployment: Deployment, marker: string, tokens: number): Promise<string | undefined> {
  const response = await deployment.chat({
    model: 'scripted',
    stream: true,
    max_tokens: tokens,
    messages: [{ role: 'user', content: marker }],
  })
  const events = (await response.text()).split('\n\n')
  if (response.status !== 200) return `${marker}: HTTP ${response.status}`
  const [last, empty] = events.slice(-2)
  if (last !== 'data: [DONE]' || empty !== '') return `${marker}: did not end well`
  const chunks = events.slice(0, -2).map(text => JSON.parse(text.replace(/^data: /, '')) as Chunk)
  const said = chunks.map(chunk => chunk.choices[0]!.delta.content).filter(content => content !== undefined)
  const expected = Array.from({ length: tokens }, (_, index) => piece(marker, index))
  const wrong = expected.findIndex((text, index) => said[index] !== text)
  if (wrong >= 0) return `${marker}: piece ${wrong} is ${said[wrong]}`
  return said.length === tokens ? undefined : `${marker}: ${said.length - tokens} pieces too many`
}

interface Chunk {
  readonly choices: readonly { readonly delta: { readonly content?: string } }[]
}

const piece = (marker: string, index: number) => `${marker}:${index};`

function markerOf({ body }: EngineRequest): string {
  return (body.messages as { content: string }[])[0]!.content
}

function event(value: object): string {
  return `data: ${JSON.stringify({ id: 'chatcmpl-many', object: 'chat.completion.chunk', created: 0, model: 'scripted', ...value })}\n\n`
}

/** Memory of a process that is in use, in megabytes, by Linux's own account. */
export function residentMegabytes(pid: number): number {
  const match = /VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))
  return Number(match?.[1] ?? Number.NaN) / 1024
}
