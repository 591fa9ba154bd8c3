/** From a worker's document to something that may be trusted for a while. */
import { equalBytes, sha256, toHex } from '../lib/bytes.ts'
import { type Appraisal, appraise } from './appraise.ts'
import { AttestationError, type Check } from './errors.ts'
import { type ReplayedLog, verifyEventLog } from './event-log/replay.ts'
import { type Keyset, type ParsedEvidence, parseEvidence, reportData } from './evidence.ts'
import type { Policy } from './policy.ts'
import { Checklist } from './tdx/checklist.ts'
import type { Collateral } from './tdx/collateral.ts'
import { nodeCrypto } from './tdx/node-crypto.ts'
import { parseQuote, type Quote } from './tdx/quote.ts'
import { readPckFacts } from './tdx/sgx-extension.ts'
import type { Facts } from './tdx/verify.ts'
import { parsePemChain } from './tdx/x509.ts'
import { verifyQuote } from './verifier.ts'

/** Evidence that verified and was accepted. */
export interface VerifiedEvidence {
  readonly keyset: Keyset
  readonly keysetBytes: Buffer
  /** SHA-256 of the keyset's bytes, lowercase hex. */
  readonly keysetDigest: string
  readonly quote: Buffer
  readonly facts: Facts
  /** What the worker's event log proves; undefined where it shows none. */
  readonly replayed: ReplayedLog | undefined
  readonly appraisal: Appraisal
  /** Everything that was checked, in order: collateral, quote, what binds the keys to it, policy. */
  readonly checks: readonly Check[]
}

/** Which collateral a quote needs. It picks among what Intel signed; nothing of it is believed yet. Throws {@link AttestationError}. */
export function collateralFor(quote: Quote): { fmspc: string; ca: 'platform' | 'processor' } {
  const [pck, ca] = parsePemChain(quote.pckChain, 3)
  return { fmspc: readPckFacts(pck!).fmspc, ca: ca!.commonName.includes('Processor') ? 'processor' : 'platform' }
}

/** Everything about a document that must hold for `worker`, over `nonce` (32 bytes of ours), at `now` (ms). Throws {@link AttestationError}; `policy-refused` lists every reason. */
export function verifyEvidence(o: {
  worker: string
  evidence: ParsedEvidence
  quote: Quote
  nonce: Uint8Array
  collateral: Collateral
  policy: Policy
  now: number
}): VerifiedEvidence {
  const { keyset, keysetBytes, gpuEvidence, eventLog } = o.evidence
  const facts = verifyQuote(o.quote, o.collateral, o.now)
  const list = new Checklist(facts.checks)
  list.check('keys are bound to the quote, over our nonce', () => {
    // The keys and the freshness stand or fall with these 64 bytes: computed from our nonce, never from what the document says.
    if (!equalBytes(reportData(o.nonce, keysetBytes, gpuEvidence), o.quote.report.reportData))
      throw new AttestationError('report-data-mismatch', 'the quote is not over our nonce and this keyset')
  })
  list.check('keys are those of the worker that was asked', () => {
    if (keyset.worker !== o.worker) throw new AttestationError('worker-mismatch', 'the keyset is that of another worker')
  })
  list.check('keys are within their time', () => {
    if (keyset.not_after <= o.now) throw new AttestationError('keyset-expired', 'the keyset is past its time')
  })
  // What is shown is verified, whether or not the policy asks for it.
  const replayed =
    eventLog === undefined
      ? undefined
      : list.check('event log replays to the quote', () => verifyEventLog(eventLog, o.quote.report, nodeCrypto))
  const appraisal = appraise({ facts, keyset, freshness: 'our-nonce', replayed, now: o.now }, o.policy)
  const { accepted, reasons } = appraisal
  const checks = [...list.passed, ...appraisal.checks]
  if (!accepted)
    throw new AttestationError('policy-refused', `the policy does not accept this worker: ${reasons.join('; ')}`, { reasons, checks })
  const keysetDigest = toHex(sha256(keysetBytes))
  return { keyset, keysetBytes, keysetDigest, quote: Buffer.from(o.evidence.quote), facts, replayed, appraisal, checks }
}

/** Takes a document apart as far as finding its collateral needs. Throws {@link AttestationError}. */
export function openEvidence(document: string | Uint8Array): { evidence: ParsedEvidence; quote: Quote } {
  const evidence = parseEvidence(document)
  return { evidence, quote: parseQuote(evidence.quote) }
}
