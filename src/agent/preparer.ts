/** {@link prepare} on another thread, for bodies whose reading would hold up every other request. */

import { siblingModule } from '../lib/sibling-module.ts'
import { givable, SideThread } from '../lib/side-thread.ts'
import { AgentError, type ErrorAnswer } from './errors.ts'
import type { Prepared, Unprepared } from './prepare.ts'

export type PrepareQuestion = Omit<Unprepared, 'body'> & { readonly body: Uint8Array<ArrayBuffer> }
export type PrepareAnswer = { readonly prepared: Prepared } | { readonly refused: ErrorAnswer }

export class Preparer {
  readonly #thread = new SideThread<PrepareQuestion, PrepareAnswer>(siblingModule(import.meta.url, 'preparer-thread'))

  /** As `prepare`; the body is given away. */
  async prepare(request: Unprepared): Promise<Prepared> {
    const body = givable(request.body)
    const answer = await this.#thread.ask({ ...request, body }, [body.buffer])
    if ('prepared' in answer) return answer.prepared
    throw new AgentError('refused', answer.refused.error.message, { answer: answer.refused })
  }

  close(): Promise<void> {
    return this.#thread.close()
  }
}
