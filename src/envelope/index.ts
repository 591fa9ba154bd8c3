export { EnvelopeError, type EnvelopeErrorCode, type Problem, problemOf } from './errors.ts'
export { OpenedRequest, RequestOpener, type RequestOpenerOptions } from './open-request.ts'
export { ResponseOpener } from './open-response.ts'
export { cellBytes } from './padding.ts'
export {
  type CheckpointExpectation,
  type Receipt,
  type ReceiptExpectation,
  verifyCheckpoint,
  verifyReceipt,
  verifySignedStatement,
} from './receipt.ts'
export { generateRecipientKeyPair, keyId, type RecipientKey, type RecipientKeyPair, recipientKeyPair } from './recipient-key.ts'
export { RecipientKeyring } from './recipient-keyring.ts'
export { ReplayMemory } from './replay-memory.ts'
export { encodeContext, newRid, parseContext } from './request-context.ts'
export { SealedRequest, type SealRequestOptions, sealRequest } from './seal-request.ts'
export { ResponseSealer, type ResponseSealerOptions } from './seal-response.ts'
export { createSenderSession, SenderSession } from './sender-session.ts'
export {
  defaultLimits,
  type EnvelopeLimits,
  type Finish,
  kemX25519,
  kemXWing,
  type OpenAIErrorObject,
  type OtherUnit,
  otherUnits,
  type PaddingMode,
  type Price,
  type Random,
  type RequestContext,
  type ResponseEvent,
  type Suite,
  type TokenClass,
  tokenClasses,
  type Unit,
  type Usage,
} from './types.ts'
export { costOf, finishOf, paysAtLeast } from './usage.ts'
