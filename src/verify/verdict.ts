/** What is said of one quote, as scripts read it: members, their order and the exit codes are fixed. */
import {
  type Appraisal,
  AttestationError,
  type AttestationErrorCode,
  type Check,
  type Facts,
  type TcbStatus,
  type TcbVerdict,
} from '../attestation/index.ts'

/** A genuine quote. `policy` is null where none was given to judge by. */
export interface Verified {
  readonly verified: true
  readonly status: TcbStatus
  readonly platform: TcbVerdict['platform']
  readonly module: TcbVerdict['module']
  readonly qe: TcbVerdict['qe']
  readonly advisories: readonly string[]
  readonly tcbDate: string
  readonly evaluationNumber: number
  readonly fmspc: string
  readonly policy: { readonly accepted: boolean; readonly reasons: readonly string[] } | null
  readonly checks: readonly Check[]
}

export interface NotVerified {
  readonly verified: false
  readonly code: AttestationErrorCode
  readonly message: string
}

export type Verdict = Verified | NotVerified

export const exitCodes = { accepted: 0, usage: 2, refused: 3, notVerified: 4 } as const

/** The verdict on verified facts and what a policy said of them. `checks` come before those of the policy. */
export function verifiedVerdict(facts: Facts, appraisal: Appraisal | undefined, checks: readonly Check[] = []): Verified {
  const { status, platform, module, qe, advisories, tcbDate, evaluationNumber, fmspc } = facts
  return {
    verified: true,
    status,
    platform,
    module,
    qe,
    advisories,
    tcbDate,
    evaluationNumber,
    fmspc,
    policy: policyOf(facts, appraisal),
    checks: [...facts.checks, ...checks, ...(appraisal?.checks ?? [])].map(({ name, ok }) => ({ name, ok })),
  }
}

/** Without a policy nothing is refused but what no policy can accept: a platform that Intel has revoked. */
function policyOf({ status }: Facts, appraisal: Appraisal | undefined): Verified['policy'] {
  if (appraisal) return { accepted: appraisal.accepted, reasons: appraisal.reasons }
  return status === 'Revoked' ? { accepted: false, reasons: ['the TCB status is Revoked, which no policy can accept'] } : null
}

/** The verdict on evidence that was not believed. Any other error is thrown on: a bug is no verdict. */
export function failedVerdict(error: unknown): NotVerified {
  if (!(error instanceof AttestationError)) throw error
  return { verified: false, code: error.code, message: error.message }
}

/** The process's exit code for a verdict. */
export function exitCodeOf(verdict: { readonly verified: boolean; readonly policy?: Verified['policy'] }): number {
  if (!verdict.verified) return exitCodes.notVerified
  return verdict.policy?.accepted === false ? exitCodes.refused : exitCodes.accepted
}
