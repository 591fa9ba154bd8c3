import type { RecipientKey } from './recipient-key.ts'
import type { Random } from './types.ts'

export class SenderSession {
  declare readonly kid: Buffer
  declare readonly kem: number
  declare readonly enc: Buffer
}

export function createSenderSession(_key: RecipientKey, _random?: Random): SenderSession {
  throw new Error('not yet')
}
