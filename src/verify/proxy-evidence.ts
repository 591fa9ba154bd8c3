/** A proxy's own document, step by step to a verdict: the quote, then what binds its keys and freshness to it, then the policy. Pure. */
import {
  AttestationError,
  appraise,
  Checklist,
  type Collateral,
  type Freshness,
  nodeCrypto,
  type Policy,
  parseProxyEvidence,
  parseQuote,
  proxyReportData,
  type Quote,
  verifyEventLog,
  verifyQuote,
} from '../attestation/index.ts'
import { equalBytes } from '../lib/bytes.ts'
import type { OtherEnd } from './connected-fetch.ts'
import type { Judged } from './judge.ts'
import { failedVerdict, verifiedVerdict } from './verdict.ts'

/** The name under which a policy may allow a proxy's document without a nonce of the verifier's. */
const format = 'chrysalis-proxy'

/** Judges a proxy's document at `at` (ms) as `judgeEvidence` judges a worker's. What else than a refusal is thrown, passes. */
export async function judgeProxyEvidence(o: {
  document: Uint8Array
  nonce: Uint8Array | undefined
  collateral: (quote: Quote) => Promise<Collateral>
  at: number
  policy: Policy | undefined
  connection?: OtherEnd | undefined
}): Promise<Judged> {
  try {
    const { statement, statementBytes, quote: quoteBytes, eventLog } = parseProxyEvidence(o.document)
    const quote = parseQuote(quoteBytes)
    const facts = verifyQuote(quote, await o.collateral(quote), o.at)
    const list = new Checklist(facts.checks)
    list.check('quote is over the nonce and these keys of a proxy', () => {
      const nonce = o.nonce ?? ownNonce(o.document)
      if (!equalBytes(proxyReportData(nonce, statementBytes), quote.report.reportData))
        throw new AttestationError('report-data-mismatch', 'the quote is not over this nonce and this statement of a proxy')
    })
    list.check('keys are within their time', () => {
      if (statement.not_after <= o.at) throw new AttestationError('keyset-expired', 'the statement is past its time')
    })
    const { connection } = o
    const { tls_spki } = statement
    if (connection && tls_spki !== null)
      list.check('this connection ends at the TLS key of the proxy', () => checkEnd(connection, tls_spki))
    const replayed =
      eventLog === undefined
        ? undefined
        : list.check('event log replays to the quote', () => verifyEventLog(eventLog, quote.report, nodeCrypto))
    const freshness: Freshness = o.nonce ? 'our-nonce' : { withoutNonce: format }
    // A proxy serves no models of its own: there are no weights to judge.
    const software = { software: statement.software, models: [] }
    const appraisal = o.policy && appraise({ facts, keyset: software, freshness, replayed, now: o.at }, o.policy)
    const verdict = verifiedVerdict({ ...facts, checks: list.passed }, appraisal)
    return { verdict, facts, appraisal, replayed, statement, endsInside: connection !== undefined && tls_spki !== null }
  } catch (error) {
    if (!(error instanceof AttestationError)) throw error
    return { verdict: failedVerdict(error), checks: error.checks }
  }
}

function checkEnd({ tlsSpki }: OtherEnd, expected: string): void {
  if (tlsSpki === null)
    throw new AttestationError(
      'connection-mismatch',
      'it was asked over plain HTTP, and the quote vouches for a TLS key: something in between ends TLS',
    )
  if (tlsSpki !== expected)
    throw new AttestationError(
      'connection-mismatch',
      `this connection ends at the TLS key ${tlsSpki}, and not at the one that the quote vouches for`,
    )
}

function ownNonce(document: Uint8Array): Buffer {
  return Buffer.from((JSON.parse(Buffer.from(document).toString('utf8')) as { nonce: string }).nonce, 'hex')
}
