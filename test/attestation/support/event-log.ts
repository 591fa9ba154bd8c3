/** Event logs as a dstack guest writes them, by code of the test's own: nothing here is the reader's. */
import { createHash } from 'node:crypto'

/** One entry of a log, as it stands in the JSON. */
export interface Entry {
  imr: number
  event_type: number
  digest?: string | undefined
  event: string
  event_payload: string
  version?: number
  preimage?: string
}

export const sha384 = (...parts: (string | Uint8Array)[]) => {
  const hash = createHash('sha384')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** An event of RTMR3. `payload` is hex. */
export function runtimeEvent(name: string, payload = '', version: 1 | 2 = 1): Entry {
  const body = { imr: 3, event_type: 0x08000001, event: name, event_payload: payload }
  if (version === 1) {
    const preimage = Buffer.concat([Buffer.from('01000008', 'hex'), Buffer.from(`:${name}:`), Buffer.from(payload, 'hex')])
    return { ...body, digest: sha384(preimage).toString('hex') }
  }
  const canonical = `{"name":${JSON.stringify(name)},"payload":"${payload}","type":134217729}`
  return { ...body, version: 2, digest: sha384(canonical).toString('hex'), preimage: Buffer.from(canonical).toString('hex') }
}

/** What firmware measures: nobody can compute its digest from its payload. */
export function firmwareEvent(imr: 0 | 1 | 2, text: string): Entry {
  return { imr, event_type: 0x80000001, digest: sha384(text).toString('hex'), event: '', event_payload: Buffer.from(text).toString('hex') }
}

export const composeHash = 'ab'.repeat(32)

/** A boot as dstack has it, and two events of the application after it. */
export function goodLog(version: 1 | 2 = 1): Entry[] {
  const runtime = (name: string, payload = '') => runtimeEvent(name, payload, version)
  return [
    firmwareEvent(0, 'td-shim'),
    firmwareEvent(0, 'acpi'),
    firmwareEvent(1, 'kernel'),
    firmwareEvent(2, 'command line'),
    runtime('system-preparing'),
    runtime('app-id', composeHash.slice(0, 40)),
    runtime('compose-hash', composeHash),
    runtime('init-script-hash', '11'.repeat(32)),
    runtime('init-script-hash', '22'.repeat(32)),
    runtime('instance-id', '0123'),
    runtime('boot-mr-done'),
    runtime('mr-kms', 'cd'.repeat(32)),
    runtime('os-image-hash', 'ef'.repeat(32)),
    runtime('key-provider', Buffer.from('{"name":"kms"}').toString('hex')),
    runtime('system-ready'),
    runtime('compose-hash', '00'.repeat(32)),
    runtime('MINER:KEY', 'ff'),
  ]
}

/** The registers that a log comes out at, from its digests. */
export function registersOf(log: readonly Entry[]): [Buffer, Buffer, Buffer, Buffer] {
  const registers: [Buffer, Buffer, Buffer, Buffer] = [Buffer.alloc(48), Buffer.alloc(48), Buffer.alloc(48), Buffer.alloc(48)]
  for (const { imr, digest } of log) registers[imr] = sha384(registers[imr]!, Buffer.from(digest!, 'hex'))
  return registers
}

/** The registers of {@link registersOf}, named as a TD report's fields. */
export function measuredBy(log: readonly Entry[]): { rtMr0: Buffer; rtMr1: Buffer; rtMr2: Buffer; rtMr3: Buffer } {
  const [rtMr0, rtMr1, rtMr2, rtMr3] = registersOf(log)
  return { rtMr0, rtMr1, rtMr2, rtMr3 }
}
