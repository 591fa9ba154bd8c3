/**
 * A dstack event log as it travels: a JSON array, or the text of one, of what was measured into RTMR0 to RTMR3, in order.
 *
 *     {"imr":3,"event_type":134217729,"digest":"…","event":"app-id","event_payload":"…","version":2,"preimage":"…"}
 *
 * `digest`, `event_payload` and `preimage` are lowercase hex. `digest` may be empty or absent for an event of RTMR3, whose digest
 * is computed here; `version` is absent for version 1, `preimage` may be. Other members are passed over: nothing of them is measured.
 * Sizes are checked before anything is hashed.
 */
import { defaultJsonBounds, isLightJson } from '../../lib/json-weight.ts'
import { AttestationError } from '../errors.ts'
import { fromHex, fromUtf8 } from '../tdx/bytes.ts'

/** One line of a log. Nothing in it is verified: `digest` and `preimage` are what it claims of itself. */
export interface LogEvent {
  /** Index of the register. */
  readonly imr: number
  readonly type: number
  /** Empty for what firmware and boot loader measure. */
  readonly name: string
  readonly payload: Uint8Array
  /** 48 bytes. */
  readonly digest: Uint8Array | undefined
  /** How the digest of an event of RTMR3 is made. */
  readonly version: 1 | 2
  readonly preimage: Uint8Array | undefined
}

const maxText = 512 * 1024
/** Members that are passed over may be nested, but not so that parsing them takes its time. */
const jsonBounds = { ...defaultJsonBounds, depth: 32 }
/** Logs of real guests have some thirty events; so many are replayed within the block of the event loop that a hostile worker may cost. */
const maxEvents = 1024
const maxName = 256
const maxPayload = 32 * 1024
/** A preimage of version 2 has the payload in hex, and the name with escapes. */
const maxPreimage = 2 * maxPayload + 8 * maxName

/** Reads a log: its text, or the array that the text says. Throws {@link AttestationError} `event-log-malformed`. */
export function readEventLog(log: unknown): LogEvent[] {
  const list = typeof log === 'string' ? parseJson(log) : log
  if (!Array.isArray(list)) throw malformed('it is no list')
  if (list.length > maxEvents) throw malformed(`${list.length} events`)
  let room = maxText
  return list.map((value: unknown, index) => {
    const event = readEvent(value, `event ${index}`)
    room -= event.payload.length + (event.preimage?.length ?? 0)
    if (room < 0) throw malformed('its payloads are too large')
    return event
  })
}

function parseJson(text: string): unknown {
  if (text.length > maxText) throw malformed(`${text.length} characters`)
  if (!isLightJson(fromUtf8(text), jsonBounds)) throw malformed('it is nested too deeply or has too many members')
  try {
    return JSON.parse(text)
  } catch {
    throw malformed('it is not JSON')
  }
}

function readEvent(value: unknown, what: string): LogEvent {
  if (typeof value !== 'object' || value === null) throw malformed(`${what} is no object`)
  const member = (name: string): unknown => (Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined)
  const version = member('version') ?? 1
  if (version !== 1 && version !== 2) throw malformed(`${what} is of an unknown version`)
  const digest = bytesOf(member('digest') ?? '', 48, `the digest of ${what}`)
  if (digest.length !== 0 && digest.length !== 48) throw malformed(`the digest of ${what} has ${digest.length} bytes`)
  const preimage = member('preimage') ?? undefined
  return {
    imr: unsigned(member('imr'), 3, `the register of ${what}`),
    type: unsigned(member('event_type'), 0xffff_ffff, `the type of ${what}`),
    name: nameOf(member('event'), `the name of ${what}`),
    payload: bytesOf(member('event_payload'), maxPayload, `the payload of ${what}`),
    digest: digest.length === 0 ? undefined : digest,
    version,
    preimage: preimage === undefined ? undefined : bytesOf(preimage, maxPreimage, `the preimage of ${what}`),
  }
}

function unsigned(value: unknown, max: number, what: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 0 || value > max)
    throw malformed(`${what} is no number up to ${max}`)
  return value
}

/** A text that UTF-8 can say: half a surrogate pair is another text to each writer of it. */
function nameOf(value: unknown, what: string): string {
  if (typeof value !== 'string' || value.length > maxName || !value.isWellFormed())
    throw malformed(`${what} is no text of up to ${maxName} characters`)
  return value
}

function bytesOf(value: unknown, max: number, what: string): Uint8Array {
  if (typeof value !== 'string' || value.length > 2 * max || value.length % 2 !== 0 || !/^[0-9a-f]*$/.test(value))
    throw malformed(`${what} is not lowercase hex of up to ${max} bytes`)
  return fromHex(value)
}

function malformed(why: string): AttestationError {
  return new AttestationError('event-log-malformed', `an event log that cannot be read: ${why}`)
}
