/**
 * Which events of RTMR3 are the boot's: those up to `system-ready`. The guest's own software measures them, before anything of the
 * application runs; after it, any program in the guest can measure an event of any name, so none of those is read.
 */
import { AttestationError } from '../errors.ts'
import type { LogEvent } from './event.ts'

/** Nothing can stand for this event in another spelling: its preimage ends where its name does. */
const lastOfBoot = 'system-ready'

/** What dstack measures, in its order. A name that is not here may stand anywhere: other versions of the guest have others. */
const order: readonly string[] = [
  'system-preparing',
  'app-id',
  'compose-hash',
  'init-script-hash',
  'gpu-policy-hash',
  'gpu-attestation',
  'instance-id',
  'boot-mr-done',
  'mr-kms',
  'os-image-hash',
  'key-provider',
  'storage-fs',
  lastOfBoot,
]
const repeated = 'init-script-hash'

/**
 * The events of the boot among those of RTMR3, `system-ready` included. Throws {@link AttestationError} `event-log-order` where it
 * is not there, and for a known event that comes twice or not in its turn.
 */
export function bootEvents(events: readonly LogEvent[]): readonly LogEvent[] {
  const end = events.findIndex(event => event.name === lastOfBoot)
  if (end < 0) throw wrong(`it has events of RTMR3 and no ${lastOfBoot} among them`)
  const boot = events.slice(0, end + 1)
  let last = -1
  for (const { name, version } of boot) {
    // `a:b` with payload `c` and `a` with payload `b:c` have one digest in version 1: what was measured is not known.
    if (version === 1 && name.includes(':')) throw wrong(`${JSON.stringify(name)} can be read in two ways`)
    const turn = order.indexOf(name)
    if (turn < 0) continue
    if (turn === last && name !== repeated) throw wrong(`${name} comes twice`)
    if (turn < last) throw wrong(`${name} comes after ${order[last]}`)
    last = turn
  }
  return boot
}

function wrong(why: string): AttestationError {
  return new AttestationError('event-log-order', `an event log of no genuine boot: ${why}`)
}
