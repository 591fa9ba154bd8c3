/** {@link prepare} on another thread, for bodies whose reading would hold up every other request. */

import { siblingModule } from '../lib/sibling-module.ts'
import { givable, SideThread, SideThreadError } from '../lib/side-thread.ts'
import { AgentError, type ErrorAnswer, refusal } from './errors.ts'
import type { Prepared, Unprepared } from './prepare.ts'

export type PrepareQuestion = Omit<Unprepared, 'body'> & { readonly body: Uint8Array<ArrayBuffer> }
export type PrepareAnswer = { readonly prepared: Prepared } | { readonly refused: ErrorAnswer }

export class Preparer {
  readonly #thread = new SideThread<PrepareQuestion, PrepareAnswer>({
    module: siblingModule(import.meta.url, 'preparer-thread'),
  })

  /** As `prepare`; the body is given away. A body that the thread ends over is refused, and so is one that has to wait behind too many. */
  async prepare(request: Unprepared): Promise<Prepared> {
    const body = givable(request.body)
    const answer = await this.#thread.ask({ ...request, body }, [body.buffer]).catch(asRefusal)
    if ('prepared' in answer) return answer.prepared
    throw new AgentError('refused', answer.refused.error.message, { answer: answer.refused })
  }

  close(): Promise<void> {
    return this.#thread.close()
  }
}

function asRefusal(error: unknown): never {
  const code = error instanceof SideThreadError ? error.code : undefined
  if (code === 'died' || code === 'timeout') throw refusal(400, null, 'The body is too complex to be read.')
  if (code === 'busy') throw refusal(503, 'busy', 'Too many large requests wait here.')
  throw error
}
