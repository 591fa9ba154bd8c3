/**
 * The portable core by itself, for a browser or whatever else has no `node:` modules: give it `nobleCrypto`, or a port of your
 * own. Inside this project the room is entered by its own door, `../index.ts`.
 */
export { type Advice, AttestationError, type AttestationErrorCode, adviceFor, attestationErrorCodes, type Check } from '../errors.ts'
export { type Collateral, type CollateralParts, loadCollateral } from './collateral.ts'
export type { CryptoPort } from './crypto-port.ts'
export { intelRootDer } from './intel-root.ts'
export { nobleCrypto } from './noble-crypto.ts'
export { HeldPckChains } from './pck-chain.ts'
export { type ParseQuoteOptions, parseQuote, type QeReport, type Quote } from './quote.ts'
export type { PckFacts, PckPlatform, SgxType } from './sgx-extension.ts'
export type { TcbStatus, TcbVerdict } from './tcb.ts'
export type { BodyType, ExtendedTd, TdReport } from './td-report.ts'
export { type Facts, type VerifyQuoteOptions, verifyQuote } from './verify.ts'
