/**
 * From a log to what it proves: extended one after another from zeros, its events must come out at the registers of a verified
 * quote. A log is nobody's word until then.
 *
 *     RTMR = SHA-384(RTMR || digest)
 *
 * RTMR0 to RTMR2 are filled by firmware, boot loader and kernel, over bytes that are not in the log: their digests are taken as
 * the log has them, and prove which digests were measured, not what their payloads say. Of RTMR3 every digest is computed.
 */
import { AttestationError } from '../errors.ts'
import type { ReplayedEvents } from '../policy/events.ts'
import { sameBytes } from '../tdx/bytes.ts'
import type { CryptoPort } from '../tdx/crypto-port.ts'
import type { TdReport } from '../tdx/td-report.ts'
import { bootEvents } from './boot.ts'
import { runtimeDigest } from './digest.ts'
import { type LogEvent, readEventLog } from './event.ts'

/** What a log comes out at, and the events of the boot. Not compared with any quote yet. */
export interface ReplayedLog extends ReplayedEvents {
  /** RTMR0 to RTMR3; undefined for one of the first three that the log has no event of, and so says nothing about. */
  readonly rtmr: readonly [Uint8Array | undefined, Uint8Array | undefined, Uint8Array | undefined, Uint8Array]
  /** How many events of RTMR3 came after the boot. They count for its value, and are not read. */
  readonly later: number
}

/** Reads a log, its text or the array that the text says, replays it, and holds it to a verified report. Throws {@link AttestationError} `event-log-…`. */
export function verifyEventLog(log: unknown, report: Pick<TdReport, 'rtmr'>, crypto: Pick<CryptoPort, 'sha384'>): ReplayedLog {
  const replayed = replayEventLog(readEventLog(log), crypto)
  checkReplay(replayed, report)
  return replayed
}

/** Replays a log. Throws {@link AttestationError} `event-log-malformed`, `event-log-digest` or `event-log-order`. */
export function replayEventLog(log: readonly LogEvent[], crypto: Pick<CryptoPort, 'sha384'>): ReplayedLog {
  const measured = [0, 1, 2].map(imr => log.filter(event => event.imr === imr).map(claimedDigest))
  const runtime = log.filter(event => event.imr === 3)
  // In the order of their cost: nothing is hashed of a log that no boot has written.
  const boot = runtime.length === 0 ? [] : bootEvents(runtime)
  const extend = (digests: readonly Uint8Array[]) => digests.reduce((value, digest) => crypto.sha384(value, digest), new Uint8Array(48))
  const [rtmr0, rtmr1, rtmr2] = measured.map(digests => (digests.length === 0 ? undefined : extend(digests)))
  const rtmr3 = extend(runtime.map(event => runtimeDigest(event, crypto)))
  return {
    rtmr: [rtmr0, rtmr1, rtmr2, rtmr3],
    rtmr3,
    events: boot.map(({ name, payload }) => ({ name, payload })),
    later: runtime.length - boot.length,
  }
}

function claimedDigest({ digest, imr }: LogEvent): Uint8Array {
  if (!digest)
    throw new AttestationError('event-log-malformed', `an event log that cannot be read: an event of RTMR${imr} without its digest`)
  return digest
}

/** Holds a replayed log to the registers of a verified report. Throws {@link AttestationError} `event-log-mismatch`, with every register that differs. */
export function checkReplay(replayed: ReplayedLog, { rtmr }: Pick<TdReport, 'rtmr'>): void {
  const differ = replayed.rtmr.flatMap((value, index) => (value && !sameBytes(value, rtmr[index]!) ? [`RTMR${index}`] : []))
  if (differ.length > 0)
    throw new AttestationError('event-log-mismatch', `the event log does not replay to ${differ.join(', ')} of the quote`)
}
