/**
 * RTMR3, which the guest fills itself: either of listed values, or by its event log, which names what went in. A log is worth
 * what its replay is: it must come out at the quote's RTMR3. The replay itself is the event log's reader's.
 */
import { z } from 'zod'
import { toHex } from '../../lib/bytes.ts'
import { hexOf, type Judgement, listOf } from './fields.ts'

const eventName = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, 'must be the name of an event')
const payload = z.string().regex(/^(?:[0-9a-f]{2}){0,4096}$/, 'must be whole bytes in lowercase hex')

export const rtmr3Rule = z.union(
  [
    listOf(hexOf(48)),
    z.strictObject({
      /** Each named event must stand in the log exactly once, with one of these payloads, or any. */
      events: z
        .record(eventName, z.union([z.literal('any'), listOf(payload)]))
        .refine(events => Object.keys(events).length > 0, 'no event is asked for; name one'),
    }),
  ],
  'must be a list of values, or name events',
)

export type Rtmr3Rule = z.output<typeof rtmr3Rule>

/** What replaying an event log gave. Only events of the boot count: what comes after it, any program in the guest can write. */
export interface ReplayedEvents {
  /** RTMR3 as the whole log makes it. */
  readonly rtmr3: Uint8Array
  /** Of the boot, in order. */
  readonly events: readonly { readonly name: string; readonly payload: Uint8Array }[]
}

/** Judges RTMR3 of a verified report. `replayed` is undefined where no event log was shown. */
export function judgeRtmr3(rtmr3: Uint8Array, replayed: ReplayedEvents | undefined, rule: Rtmr3Rule): Judgement[] {
  if (Array.isArray(rule)) {
    const reason = `RTMR3 is ${toHex(rtmr3)}, which is not in the policy`
    return [{ name: 'RTMR3 is in the policy', ok: rule.includes(toHex(rtmr3)), reason }]
  }
  const replays = replayed !== undefined && toHex(replayed.rtmr3) === toHex(rtmr3)
  const reason = replayed ? 'the event log does not replay to RTMR3' : 'no event log is shown, which RTMR3 is judged by'
  return [
    { name: 'event log replays to RTMR3', ok: replays, reason },
    // Events of a log that is not RTMR3's are nobody's word: none of them counts.
    ...Object.entries(rule.events).map(([name, allowed]) => judgeEvent(name, allowed, replays ? replayed.events : [])),
  ]
}

function judgeEvent(name: string, allowed: 'any' | readonly string[], events: ReplayedEvents['events']): Judgement {
  const found = events.filter(event => event.name === name).map(event => toHex(event.payload))
  const [only] = found
  return {
    name: `event ${name} is accepted`,
    ok: found.length === 1 && only !== undefined && (allowed === 'any' || allowed.includes(only)),
    reason: found.length === 1 ? `event ${name} is ${only}, which is not in the policy` : `event ${name} stands ${times(found.length)}`,
  }
}

function times(count: number): string {
  return count === 0 ? 'nowhere in the boot’s part of the event log' : `${count} times in the event log`
}
