/** The engine with the model that comes along, and the ways tests ask it. */
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect } from 'vitest'
import { type RunningEngine, startEngine } from '../../src/engine/index.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { eventually } from '../support/eventually.ts'

export const modelFile = fileURLToPath(new URL('../../models/tiny/chrysalis-tiny-q8_0.gguf', import.meta.url))

export interface Usage {
  prompt_tokens: number
  completion_tokens: number
  total_tokens: number
}

export class Endpoint<Answer, Chunk extends { usage?: Usage | null }> {
  readonly #path: string
  #engine: RunningEngine | undefined

  /** Starts an engine for the tests of this file. */
  constructor(path: string) {
    this.#path = path
    beforeAll(async () => {
      this.#engine = await startEngine({ modelFile, host: '127.0.0.1', port: 0, logger: silentLogger })
    })
    afterAll(() => this.#engine!.close())
  }

  post(body: object, init: RequestInit = {}): Promise<Response> {
    const full = { model: 'chrysalis-tiny', temperature: 0, ...body }
    return fetch(this.#engine!.url + this.#path, { method: 'POST', body: JSON.stringify(full), ...init })
  }

  async ask(body: object): Promise<Answer> {
    const response = await this.post(body)
    expect(response.status, await response.clone().text()).toBe(200)
    return (await response.json()) as Answer
  }

  async stream(body: object): Promise<Chunk[]> {
    const response = await this.post({ ...body, stream: true })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    const events = (await response.text()).split('\n\n').filter(event => event !== '')
    expect(events.at(-1)).toBe('data: [DONE]')
    return events.slice(0, -1).map(event => JSON.parse(event.slice('data: '.length)) as Chunk)
  }

  /** Expects a 400 with all four members of an error and returns its message. */
  async refused(body: object, param: string, code: string | null = null): Promise<string> {
    const response = await this.post(body)
    const answer = (await response.json()) as { error: { message: string } }
    expect({ status: response.status, ...answer }).toEqual({
      status: 400,
      error: { message: expect.any(String), type: 'invalid_request_error', param, code },
    })
    return answer.error.message
  }

  /** Asks, goes away once the engine is at work, and returns how many milliseconds it then worked on. */
  async abandon(body: object): Promise<number> {
    const leaving = new AbortController()
    const asked = this.post(body, { signal: leaving.signal })
      .then(response => response.text())
      .catch(() => {})
    await eventually(async () => (this.#engine!.load().busy > 0 ? true : undefined))
    leaving.abort()
    const left = performance.now()
    await asked
    await eventually(async () => (this.#engine!.load().busy + this.#engine!.load().waiting === 0 ? true : undefined))
    return performance.now() - left
  }
}
