/** What the end of an attempt means: for another worker, for the log, and for the caller. */
import { LinkError } from '../link/index.ts'
import type { AttemptOutcome } from './attempt.ts'
import { ApiError, WorkerReportedError } from './errors.ts'
import { noAttestedWorker } from './no-worker.ts'

/** A failure that another worker may not share: the line broke, the evidence lapsed, the engine failed. What the caller got wrong fails everywhere. */
export function worthAnotherWorker(outcome: AttemptOutcome): boolean {
  return outcome.kind === 'lost' || (outcome.kind === 'reported' && outcome.status >= 500)
}

/** Whether the worker has other keys than those of its lease. */
export function isUnknownKey(outcome: AttemptOutcome): boolean {
  return outcome.kind === 'lost' && outcome.error instanceof LinkError && outcome.error.problem === 'unknown-key'
}

/** Whether it is this side that did not send: the worker's lease ended, or its channel does not cover the request. No fault in its service. */
export function isOurs(outcome: AttemptOutcome): boolean {
  return outcome.kind === 'lost' && (outcome.error.code === 'withdrawn' || outcome.error.code === 'unpayable')
}

/** Whether the worker may have worked: it had the request, and did not refuse it unopened. */
export function reachedWorker(outcome: AttemptOutcome): boolean {
  return outcome.kind !== 'lost' || !['withdrawn', 'unpayable', 'unreachable', 'refused'].includes(outcome.error.code)
}

/** Whether the worker refused because nobody pays it enough. */
export function isUnpaid(outcome: AttemptOutcome): boolean {
  return (
    outcome.kind === 'lost' &&
    outcome.error instanceof LinkError &&
    ['uncovered', 'unknown-channel', 'bad-signature'].includes(outcome.error.problem ?? '')
  )
}

/** Why there was no answer, in a word or two for the log; undefined where there was one. */
export function causeOf(outcome: AttemptOutcome): string | undefined {
  if (outcome.kind === 'answered') return undefined
  if (outcome.kind === 'reported') return `reported:${outcome.status}`
  const { error } = outcome
  return error instanceof LinkError && error.problem ? `${error.code}:${error.problem}` : error.code
}

/** What the caller is told of an attempt that failed, with the receipt id `rid`. */
export function callerError(outcome: Exclude<AttemptOutcome, { kind: 'answered' }>, rid: string): ApiError | WorkerReportedError {
  const error = bareError(outcome)
  return Object.assign(error, { headers: { ...('headers' in error ? error.headers : {}), 'x-chrysalis-receipt': rid } })
}

function bareError(outcome: Exclude<AttemptOutcome, { kind: 'answered' }>): ApiError | WorkerReportedError {
  if (outcome.kind === 'reported') return new WorkerReportedError(outcome.status, outcome.error)
  if (isOurs(outcome)) return noAttestedWorker()
  const headers = { 'retry-after-ms': '500' }
  return new ApiError('worker_failed', 'The worker failed before the answer was whole.', { cause: outcome.error, headers })
}
