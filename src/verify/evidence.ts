/** An evidence document of a worker, step by step to a verdict: the quote, then what binds keys and freshness to it, then the policy. Pure. */
import {
  AttestationError,
  appraise,
  Checklist,
  type Collateral,
  type Freshness,
  type GpuVerifierOptions,
  isProxyEvidence,
  nodeCrypto,
  nvidiaVerifier,
  openEvidence,
  type ParsedEvidence,
  type Policy,
  type Quote,
  reportData,
  verifyEventLog,
  verifyGpuSection,
  verifyQuote,
} from '../attestation/index.ts'
import { equalBytes } from '../lib/bytes.ts'
import type { OtherEnd } from './connected-fetch.ts'
import type { Judged } from './judge.ts'
import { judgeProxyEvidence } from './proxy-evidence.ts'
import { failedVerdict, verifiedVerdict } from './verdict.ts'

/** The name under which a policy may allow our own documents without a nonce of the verifier's. */
const format = 'chrysalis'

/**
 * Judges a document of a worker, or of a proxy, at `at` (ms). With `nonce` (32 bytes) the quote must be over it; without, it must be over the nonce that the
 * document names, which binds its keys and says nothing about when. Every failure of a check is a verdict; what else is thrown, passes.
 */
export async function judgeEvidence(o: {
  document: () => Promise<Uint8Array>
  nonce: Uint8Array | undefined
  collateral: (quote: Quote) => Promise<Collateral>
  at: number
  policy: Policy | undefined
  /** The connection that the document came by, where it came by one: it must end at the proxy's TLS key. */
  connection?: OtherEnd | undefined
  /** What GPU evidence is verified with: NVIDIA's roots, and no keys of its service, where nothing is said. */
  gpuVerifier?: GpuVerifierOptions | undefined
}): Promise<Judged> {
  try {
    const document = await o.document()
    if (isProxyEvidence(document)) return await judgeProxyEvidence({ ...o, document })
    const { evidence, quote } = openEvidence(document)
    const facts = verifyQuote(quote, await o.collateral(quote), o.at)
    const list = new Checklist(facts.checks)
    const nonce = o.nonce ?? ownNonce(document)
    bind(list, evidence, quote, { ...o, nonce })
    const freshness: Freshness = o.nonce ? 'our-nonce' : { withoutNonce: format }
    const replayed =
      evidence.eventLog === undefined
        ? undefined
        : list.check('event log replays to the quote', () => verifyEventLog(evidence.eventLog, quote.report, nodeCrypto))
    const { gpuEvidence, keysetBytes } = evidence
    // As a proxy does: a policy that accepts any GPUs does not look at what is said of them.
    const gpus =
      gpuEvidence === null || o.policy?.gpu === 'any'
        ? undefined
        : await list.checkLater('GPU evidence is genuine, over the nonce, and the quote is over it', () =>
            verifyGpuSection(gpuEvidence, {
              nonce,
              ours: o.nonce !== undefined,
              keysetBytes,
              now: o.at,
              verifier: o.gpuVerifier ?? nvidiaVerifier,
            }),
          )
    const appraisal = o.policy && appraise({ facts, keyset: evidence.keyset, freshness, replayed, gpus, now: o.at }, o.policy)
    const verdict = verifiedVerdict({ ...facts, checks: [...list.passed, ...(gpus?.facts.checks ?? [])] }, appraisal)
    return { verdict, facts, appraisal, keyset: evidence.keyset, replayed, gpus: gpus?.facts }
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    return { verdict: failedVerdict(error), checks: error.checks }
  }
}

/** What ties the document to its quote. Throws {@link AttestationError} with what had passed. */
function bind(list: Checklist, evidence: ParsedEvidence, quote: Quote, { nonce, at }: { nonce: Uint8Array; at: number }): void {
  list.check('quote is over the nonce and these keys', () => {
    if (!equalBytes(reportData(nonce, evidence.keysetBytes, evidence.gpuEvidence), quote.report.reportData))
      throw new AttestationError('report-data-mismatch', 'the quote is not over this nonce and this keyset')
  })
  list.check('keys are within their time', () => {
    if (evidence.keyset.not_after <= at) throw new AttestationError('keyset-expired', 'the keyset is past its time')
  })
}

/** The nonce that a document names; `openEvidence` has checked its form. */
function ownNonce(document: Uint8Array): Buffer {
  return Buffer.from((JSON.parse(Buffer.from(document).toString('utf8')) as { nonce: string }).nonce, 'hex')
}
