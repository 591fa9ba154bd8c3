import type { KeyObject } from 'node:crypto'
import type { SenderSession } from './sender-session.ts'
import type { Random, RequestContext, Suite } from './types.ts'

export interface SealRequestOptions {
  readonly context: RequestContext
  readonly sessions: readonly SenderSession[]
  readonly contentType: string
  readonly body: Uint8Array
  readonly suite?: Suite
  readonly payerKey?: KeyObject
  readonly random?: Random
}

export class SealedRequest {
  declare readonly bytes: Buffer
  declare readonly rid: string
  declare readonly context: RequestContext
  declare readonly suite: Suite
  declare readonly contextDigest: Buffer
  declare readonly requestDigest: Buffer
}

export function sealRequest(_options: SealRequestOptions): SealedRequest {
  throw new Error('not yet')
}
