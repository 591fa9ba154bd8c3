export type { Earned } from './account-with-worker.ts'
export { Cashier, type CashierOptions, orderOf } from './cashier.ts'
export { type EarningChannel, type EarningJob, EarningsBook } from './earnings-book.ts'
export { PayError, type PayErrorCode } from './errors.ts'
export { type MarkKey, markKeyOf } from './mark-key.ts'
export { OwingsBook } from './owings-book.ts'
export { earningOf, type JobEnd, type PaidWork, Payee, type PayeeChannel, type PayeeOptions } from './payee.ts'
export { type PaidWorker, Payer, type PayerOptions, type PayHold, type PayStatus } from './payer.ts'
export {
  decodeChannel,
  decodePayment,
  encodeHeld,
  encodeOffer,
  type Mark,
  mostMessageBytes,
  type PayOffer,
  payHeader,
} from './wire.ts'
