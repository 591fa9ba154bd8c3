/** From a worker's document to something that may be trusted for a while. */
import { equalBytes, sha256, toHex } from '../lib/bytes.ts'
import { type Appraisal, appraise } from './appraise.ts'
import { AttestationError, type Check } from './errors.ts'
import { type ReplayedLog, verifyEventLog } from './event-log/replay.ts'
import { type Keyset, type ParsedEvidence, parseEvidence, reportData } from './evidence.ts'
import type { GpuVerifierOptions } from './gpu/verify.ts'
import type { ShownGpus } from './policy/gpu.ts'
import type { Policy } from './policy.ts'
import { Checklist } from './tdx/checklist.ts'
import type { Collateral } from './tdx/collateral.ts'
import { nodeCrypto } from './tdx/node-crypto.ts'
import { parseQuote, type Quote } from './tdx/quote.ts'
import { readPckFacts } from './tdx/sgx-extension.ts'
import type { Facts } from './tdx/verify.ts'
import { parsePemChain } from './tdx/x509.ts'
import { verifyQuote } from './verifier.ts'
import { verifyGpuSection } from './verify-gpu.ts'

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
  /** What the worker's GPUs prove; undefined where it shows none, or the policy does not judge them. */
  readonly gpus: ShownGpus | undefined
  readonly appraisal: Appraisal
  /** Everything that was checked, in order: collateral, quote, what binds the keys to it, policy. */
  readonly checks: readonly Check[]
}

/** Which collateral a quote needs. It picks among what Intel signed; nothing of it is believed yet. Throws {@link AttestationError}. */
export function collateralFor(quote: Quote): { fmspc: string; ca: 'platform' | 'processor' } {
  const [pck, ca] = parsePemChain(quote.pckChain, 3)
  return { fmspc: readPckFacts(pck!).fmspc, ca: ca!.commonName.includes('Processor') ? 'processor' : 'platform' }
}

export interface EvidenceToVerify {
  readonly worker: string
  readonly evidence: ParsedEvidence
  readonly quote: Quote
  /** Ours, 32 bytes. */
  readonly nonce: Uint8Array
  readonly collateral: Collateral
  readonly policy: Policy
  /** Milliseconds since the epoch. */
  readonly now: number
}

/** As {@link verifyWorker} for a policy that judges no GPUs; one that does refuses. At once: nothing of it waits. */
export function verifyEvidence(o: EvidenceToVerify): VerifiedEvidence {
  return accept(o, verifyBound(o), undefined)
}

/** Everything about a document that must hold for `worker`, over `nonce`, its GPUs included where the policy judges them. Throws {@link AttestationError}; `policy-refused` lists every reason. */
export async function verifyWorker(o: EvidenceToVerify & { readonly verifier: GpuVerifierOptions }): Promise<VerifiedEvidence> {
  const bound = verifyBound(o)
  if (o.policy.gpu === 'any') return accept(o, bound, undefined)
  // After the quote: nobody but the TD that we verified gives us signatures to check.
  const { gpuEvidence, keysetBytes } = o.evidence
  if (gpuEvidence === null) return accept(o, bound, undefined)
  const gpus = await bound.list.checkLater('GPU evidence is genuine, over our nonce', () =>
    verifyGpuSection(gpuEvidence, { nonce: o.nonce, ours: true, keysetBytes, now: o.now, verifier: o.verifier }),
  )
  return accept(o, bound, gpus)
}

interface Bound {
  readonly facts: Facts
  readonly list: Checklist
  readonly replayed: ReplayedLog | undefined
}

/** The quote, and what binds the document to it. */
function verifyBound(o: EvidenceToVerify): Bound {
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
  return { facts, list, replayed }
}

function accept(o: EvidenceToVerify, { facts, list, replayed }: Bound, gpus: ShownGpus | undefined): VerifiedEvidence {
  const { keyset, keysetBytes } = o.evidence
  const appraisal = appraise({ facts, keyset, freshness: 'our-nonce', replayed, gpus, now: o.now }, o.policy)
  const { accepted, reasons } = appraisal
  const checks = [...list.passed, ...(gpus?.facts.checks ?? []), ...appraisal.checks]
  if (!accepted)
    throw new AttestationError('policy-refused', `the policy does not accept this worker: ${reasons.join('; ')}`, { reasons, checks })
  const keysetDigest = toHex(sha256(keysetBytes))
  return { keyset, keysetBytes, keysetDigest, quote: Buffer.from(o.evidence.quote), facts, replayed, gpus, appraisal, checks }
}

/** Takes a document apart as far as finding its collateral needs. Throws {@link AttestationError}. */
export function openEvidence(document: string | Uint8Array): { evidence: ParsedEvidence; quote: Quote } {
  const evidence = parseEvidence(document)
  return { evidence, quote: parseQuote(evidence.quote) }
}
