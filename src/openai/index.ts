export { openApiDocument } from './document/document.ts'
export type {
  Answer,
  DescribedOperation,
  Media as DescribedMedia,
  OpenApiDocument,
  Parameter,
  Reference,
  Schema,
} from './document/types.ts'
export type { Endpoint, Facts, MediaType, OtherUnit } from './endpoint.ts'
export { endpoints } from './endpoints.ts'
export { type ErrorCode, type ErrorKind, errorKinds } from './error-codes.ts'
export { RequestError, type RequestErrorCode } from './errors.ts'
export { type Operation, operations } from './operations.ts'
export {
  channelRequest,
  commandRequest,
  deployRequest,
  evidenceQuery,
  keyLimits,
  keyRequest,
  statementQuery,
} from './own-requests.ts'
export { type Body, isLargeRequest, type ReadRequest, readRequest, requireMediaType } from './read-request.ts'
export { idempotencyKey } from './request-headers.ts'
