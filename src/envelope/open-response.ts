import type { SealedRequest } from './seal-request.ts'
import type { EnvelopeLimits, ResponseEvent } from './types.ts'

export class ResponseOpener {
  constructor(_request: SealedRequest, _limits?: EnvelopeLimits) {}
  get kid(): string | undefined {
    throw new Error('not yet')
  }
  push(_chunk: Uint8Array): ResponseEvent[] {
    throw new Error('not yet')
  }
  end(): void {
    throw new Error('not yet')
  }
}
