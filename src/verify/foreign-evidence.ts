/** A document of another system, enclave by enclave to verdicts: the quote, what it is over, its log and GPUs, then the policy. Pure. */
import {
  AttestationError,
  appraise,
  Checklist,
  type Collateral,
  type ForeignEvidence,
  type ForeignKind,
  type Freshness,
  type GpuVerifierOptions,
  nodeCrypto,
  nvidiaVerifier,
  type Policy,
  parseQuote,
  type Quote,
  readForeign,
  verifyEventLog,
  verifyGpuEvidence,
  verifyQuote,
} from '../attestation/index.ts'
import { equalBytes } from '../lib/bytes.ts'
import type { Judged } from './judge.ts'
import { failedVerdict, verifiedVerdict } from './verdict.ts'

/** One enclave of a document. */
export interface JudgedPart {
  /** Which of the document's enclaves, for people. */
  readonly part: string
  readonly judged: Judged
}

export interface ForeignToJudge {
  readonly kind: ForeignKind
  readonly document: Uint8Array
  readonly nonce: Uint8Array | undefined
  readonly collateral: (quote: Quote) => Promise<Collateral>
  /** Milliseconds since the epoch. */
  readonly at: number
  readonly policy: Policy | undefined
  readonly gpuVerifier?: GpuVerifierOptions | undefined
}

/** Judges every enclave that a document shows; a document that cannot be read is one verdict. What else than a refusal is thrown, passes. */
export async function judgeForeign(o: ForeignToJudge): Promise<JudgedPart[]> {
  try {
    const parts = readForeign(o.kind, o.document, o.nonce)
    return await Promise.all(parts.map(async part => ({ part: part.part, judged: await judgePart(part, o) })))
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    return [{ part: 'document', judged: { verdict: failedVerdict(error), checks: error.checks } }]
  }
}

async function judgePart(shown: ForeignEvidence, o: ForeignToJudge): Promise<Judged> {
  try {
    // Some systems show quotes as the kernel hands them out, in a buffer of a fixed size.
    const quote = parseQuote(shown.quote, { allowZeroPadding: true })
    const facts = verifyQuote(quote, await o.collateral(quote), o.at)
    const list = new Checklist(facts.checks)
    const over = shown.fresh ? 'our nonce and the keys that are shown' : 'the keys that are shown'
    list.check(shown.keys.length === 0 && shown.fresh ? 'quote is over our nonce' : `quote is over ${over}`, () => {
      if (!equalBytes(shown.reportData, quote.report.reportData))
        throw new AttestationError('report-data-mismatch', 'the quote is not over what the document shows')
    })
    if (shown.notAfter !== undefined)
      list.check('keys are within their time', () => {
        if (shown.notAfter! <= o.at) throw new AttestationError('keyset-expired', 'the keys that are shown are past their time')
      })
    const { eventLog } = shown
    const replayed =
      eventLog === undefined
        ? undefined
        : list.check('event log replays to the quote', () => verifyEventLog(eventLog, quote.report, nodeCrypto))
    const gpus = shown.gpu && o.policy?.gpu !== 'any' ? await judgeGpus(shown, shown.gpu, list, o) : undefined
    const freshness: Freshness = shown.fresh ? 'our-nonce' : { withoutNonce: shown.format }
    const gpusShown = gpus && { facts: gpus, manifests: [] }
    const appraisal = o.policy && appraise({ facts, keyset: undefined, freshness, replayed, gpus: gpusShown, now: o.at }, o.policy)
    const verdict = verifiedVerdict({ ...facts, checks: [...list.passed, ...(gpus?.checks ?? [])] }, appraisal)
    return { verdict, facts, appraisal, replayed, gpus, foreign: shown }
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    return { verdict: failedVerdict(error), checks: error.checks }
  }
}

function judgeGpus(
  { fresh }: ForeignEvidence,
  { evidence, nonce, inReportData }: NonNullable<ForeignEvidence['gpu']>,
  list: Checklist,
  { at, gpuVerifier = nvidiaVerifier }: ForeignToJudge,
) {
  return list.checkLater('GPU evidence is genuine, over the nonce', async () => {
    const facts = await verifyGpuEvidence(evidence, { ...gpuVerifier, nonce, inReportData, now: at })
    return fresh ? facts : { ...facts, bound: 'none' as const }
  })
}
