import type { OpenedRequest } from './open-request.ts'
import type { Finish, OpenAIErrorObject, Random, Usage } from './types.ts'

export interface ResponseSealerOptions {
  readonly request: OpenedRequest
  /** Signs with the worker's receipt key: Ed25519, 64 bytes. */
  readonly receipt: { sign(bytes: Uint8Array): Uint8Array }
  /** The worker's id as its keyset has it. */
  readonly worker: string
  /** H of the keyset's bytes, hex. */
  readonly keyset: string
  /** When work began, and the clock that tells when it ended, milliseconds since the Unix epoch. */
  readonly started: number
  readonly now: () => number
  readonly random?: Random
}

export class ResponseSealer {
  constructor(_options: ResponseSealerOptions) {}
  preamble(): Buffer {
    throw new Error('not yet')
  }
  head(_status: number, _contentType: string): Buffer {
    throw new Error('not yet')
  }
  data(_bytes: Uint8Array): Buffer {
    throw new Error('not yet')
  }
  checkpoint(_usage: Usage): Buffer {
    throw new Error('not yet')
  }
  final(_finish: Exclude<Finish, 'error'>, _usage: Usage): Buffer {
    throw new Error('not yet')
  }
  error(_status: number, _error: OpenAIErrorObject, _usage: Usage): Buffer {
    throw new Error('not yet')
  }
  /** The signed receipt over what FINAL or ERROR said: the last bytes of the response. */
  receipt(): Buffer {
    throw new Error('not yet')
  }
}
