/**
 * A thread beside the main one, for work that would hold up the event loop: one module that answers questions, one after the
 * other. It is started at the first question, does not keep the process alive, and is started anew when it has died. What
 * waits is kept on this side, so that a question that kills the thread takes no other with it.
 */
import { parentPort, Worker } from 'node:worker_threads'
import { type Clock, systemClock, type Timer } from './clock.ts'
import { CodedError } from './coded-error.ts'

/**
 * Why a question has no answer. What was asked is never in the error.
 *
 * - `busy`: too many questions wait already. **Retry** later.
 * - `failed`: the module threw. **Report**.
 * - `died`: the thread ended over it, of memory for instance. **Fix the question**: it would end the next one too.
 * - `timeout`: it took too long. **Fix the question**.
 * - `closed`: the thread is closed.
 */
export class SideThreadError extends CodedError<'busy' | 'failed' | 'died' | 'timeout' | 'closed'> {}

export interface SideThreadOptions {
  /** Calls {@link answerQuestions}. */
  readonly module: URL
  /** How many questions may wait for the one that is being answered. */
  readonly maxWaiting?: number
  /** How long one question may take. */
  readonly limitMs?: number
  /** Heap of the thread, MiB. Above it the thread ends, not the process, as long as no single native step passes it by far. */
  readonly heapMebibytes?: number
  readonly clock?: Clock
}

interface Asked<Question, Answer> {
  readonly question: Question
  readonly transfer: readonly ArrayBuffer[]
  resolve(answer: Answer): void
  reject(error: Error): void
}

type Reply<Answer> = { readonly answer: Answer } | { readonly failed: true }

/** The main thread's side. */
export class SideThread<Question, Answer> {
  readonly #options: Required<SideThreadOptions>
  readonly #waiting: Asked<Question, Answer>[] = []
  #current: Asked<Question, Answer> | undefined
  #limit: Timer | undefined
  #worker: Worker | undefined
  #closed = false
  /** The thread was told to end and has not ended yet. */
  #ending = false

  constructor(options: SideThreadOptions) {
    this.#options = { maxWaiting: 64, limitMs: 30_000, heapMebibytes: 1_024, clock: systemClock, ...options }
  }

  /** How many questions have no answer yet. */
  get pending(): number {
    return this.#waiting.length + (this.#current ? 1 : 0)
  }

  /** Asks; the buffers in `transfer` are given away, once it is this question's turn. Rejects with {@link SideThreadError}. */
  ask(question: Question, transfer: readonly ArrayBuffer[] = []): Promise<Answer> {
    if (this.#closed) return Promise.reject(new SideThreadError('closed', 'the side thread is closed'))
    if (this.#waiting.length >= this.#options.maxWaiting)
      return Promise.reject(new SideThreadError('busy', 'too many questions wait for the side thread'))
    return new Promise((resolve, reject) => {
      this.#waiting.push({ question, transfer, resolve, reject })
      this.#next()
    })
  }

  /** Ends the thread; whatever has no answer is rejected. */
  async close(): Promise<void> {
    this.#closed = true
    const left = this.#waiting.splice(0)
    this.#fail('closed', 'the side thread is closed')
    for (const asked of left) asked.reject(new SideThreadError('closed', 'the side thread is closed'))
    await this.#worker?.terminate()
  }

  #next(): void {
    // A thread that is being ended may still be busy: a second one beside it would be no bound.
    if (this.#current || this.#waiting.length === 0 || this.#ending) return
    const worker = this.#start()
    const current = this.#waiting.shift()!
    this.#current = current
    this.#limit = this.#options.clock.after(this.#options.limitMs, () => {
      this.#ending = true
      this.#fail('timeout', 'the side thread took too long')
      void worker.terminate()
    })
    try {
      worker.postMessage(current.question, [...current.transfer])
    } catch {
      this.#fail('failed', 'the question cannot be sent to the side thread')
      this.#next()
    }
  }

  #start(): Worker {
    if (this.#worker) return this.#worker
    const worker = new Worker(this.#options.module, { resourceLimits: { maxOldGenerationSizeMb: this.#options.heapMebibytes } })
    worker.on('message', (reply: Reply<Answer>) => {
      if (this.#worker !== worker || this.#ending) return
      const answered = this.#take()
      if ('answer' in reply) answered?.resolve(reply.answer)
      else answered?.reject(new SideThreadError('failed', 'the side thread failed'))
      this.#next()
    })
    // 'exit' follows, and tells whoever waits.
    worker.on('error', () => {})
    worker.on('exit', () => {
      this.#worker = undefined
      this.#ending = false
      this.#fail('died', 'the side thread died')
      this.#next()
    })
    worker.unref()
    this.#worker = worker
    return worker
  }

  #fail(code: SideThreadError['code'], message: string): void {
    this.#take()?.reject(new SideThreadError(code, message))
  }

  #take(): Asked<Question, Answer> | undefined {
    const current = this.#current
    this.#current = undefined
    this.#limit?.cancel()
    return current
  }
}

/** The thread's side: answers each question; `transfer` names the buffers of an answer that are given away. */
export function answerQuestions<Question, Answer>(
  answer: (question: Question) => Answer | Promise<Answer>,
  transfer: (answer: Answer) => readonly ArrayBuffer[] = () => [],
): void {
  parentPort?.on('message', async (question: Question) => {
    try {
      const given = await answer(question)
      parentPort!.postMessage({ answer: given } satisfies Reply<Answer>, [...transfer(given)])
    } catch {
      parentPort!.postMessage({ failed: true } satisfies Reply<Answer>)
    }
  })
}

/**
 * `bytes` as they can be given to another thread: what is large lies in a buffer of its own by now and goes as it is, what is
 * small may share one with others and is copied.
 */
export function givable(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const { buffer, byteOffset, byteLength } = bytes
  const isOwn = buffer instanceof ArrayBuffer && (buffer.byteLength === byteLength || byteLength > sharedMost)
  return isOwn ? new Uint8Array(buffer, byteOffset, byteLength) : new Uint8Array(bytes)
}

/** No buffer that Node shares out (its pool, what a socket reads) is larger. */
const sharedMost = 64 * 1024
