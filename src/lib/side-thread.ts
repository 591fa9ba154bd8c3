/**
 * A thread beside the main one, for work that would hold up the event loop: one module that answers questions. It is started
 * at the first question, does not keep the process alive, and is started anew when it has died.
 */
import { parentPort, Worker } from 'node:worker_threads'

interface Message<T> {
  readonly id: number
  readonly content: T
}

type Reply<Answer> = { readonly id: number; readonly answer: Answer } | { readonly id: number; readonly failed: true }

interface Waiting<Answer> {
  resolve(answer: Answer): void
  reject(error: Error): void
}

/** The main thread's side. */
export class SideThread<Question, Answer> {
  readonly #module: URL
  readonly #waiting = new Map<number, Waiting<Answer>>()
  #worker: Worker | undefined
  #lastId = 0

  /** `module` calls {@link answerQuestions}. */
  constructor(module: URL) {
    this.#module = module
  }

  /** Asks; the buffers in `transfer` are given away. Rejects where the thread dies or its answer throws: what was asked is not in the error. */
  ask(question: Question, transfer: readonly ArrayBuffer[] = []): Promise<Answer> {
    const id = ++this.#lastId
    const worker = this.#start()
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject })
      worker.postMessage({ id, content: question } satisfies Message<Question>, [...transfer])
    })
  }

  async close(): Promise<void> {
    await this.#worker?.terminate()
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(this.#module)
    worker.on('message', (reply: Reply<Answer>) => {
      const waiting = this.#waiting.get(reply.id)
      this.#waiting.delete(reply.id)
      if (this.#waiting.size === 0) worker.unref()
      if ('answer' in reply) waiting?.resolve(reply.answer)
      else waiting?.reject(new Error('the side thread failed'))
    })
    worker.on('error', () => {})
    worker.on('exit', () => {
      if (this.#worker === worker) this.#worker = undefined
      for (const waiting of this.#waiting.values()) waiting.reject(new Error('the side thread died'))
      this.#waiting.clear()
    })
    worker.unref()
    this.#worker = worker
    return worker
  }
}

/** The thread's side: answers each question; `transfer` names the buffers of an answer that are given away. */
export function answerQuestions<Question, Answer>(
  answer: (question: Question) => Answer | Promise<Answer>,
  transfer: (answer: Answer) => readonly ArrayBuffer[] = () => [],
): void {
  parentPort?.on('message', async ({ id, content }: Message<Question>) => {
    try {
      const given = await answer(content)
      parentPort!.postMessage({ id, answer: given } satisfies Reply<Answer>, [...transfer(given)])
    } catch {
      parentPort!.postMessage({ id, failed: true } satisfies Reply<Answer>)
    }
  })
}

/** `bytes` in an array buffer of their own, which can be given to another thread; copied only where they share one. */
export function givable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes
  return buffer instanceof ArrayBuffer && buffer.byteLength === byteLength ? new Uint8Array(buffer) : new Uint8Array(bytes)
}
