import type { RecipientKeyring } from './recipient-keyring.ts'
import type { ReplayMemory } from './replay-memory.ts'
import type { EnvelopeLimits, RequestContext, Suite } from './types.ts'

/** A request that stands whole: FINAL opened, AUTH checked. */
export class OpenedRequest {
  declare readonly context: RequestContext
  declare readonly contentType: string
  declare readonly body: Buffer
  declare readonly payerVerified: boolean
  declare readonly auth: Buffer | null
  declare readonly suite: Suite
  declare readonly kid: string
  declare readonly contextDigest: Buffer
  declare readonly requestDigest: Buffer
}

export interface RequestOpenerOptions {
  readonly keyring: RecipientKeyring
  readonly replay: ReplayMemory
  readonly limits?: EnvelopeLimits
}

export class RequestOpener {
  constructor(_options: RequestOpenerOptions) {}
  get context(): RequestContext | undefined {
    throw new Error('not yet')
  }
  push(_chunk: Uint8Array): void {
    throw new Error('not yet')
  }
  end(): OpenedRequest {
    throw new Error('not yet')
  }
  abandon(): void {
    throw new Error('not yet')
  }
}
