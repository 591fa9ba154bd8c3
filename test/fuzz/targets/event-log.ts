import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { nobleCrypto, nodeCrypto, readEventLog, replayEventLog } from '../../../src/attestation/index.ts'
import { goodLog } from '../../attestation/support/event-log.ts'
import { changeJson } from '../harness/json-change.ts'
import { type FuzzTarget, isAttestationRefusal } from '../harness/target.ts'

const text = (log: unknown) => new TextEncoder().encode(typeof log === 'string' ? log : JSON.stringify(log))

/** A dstack event log, to the registers that it comes out at. What it tells is in it, and of the boot. */
export const eventLogTarget: FuzzTarget = {
  name: 'event-log',
  seeds: corpus => [
    text(goodLog(1)),
    text(goodLog(2)),
    text(goodLog(2).map(({ digest, ...event }) => (event.imr === 3 ? { ...event, digest: '' } : { ...event, digest }))),
    ...(corpus === undefined ? [] : realLogs(join(corpus, 'eventlog'))),
  ],
  run(input) {
    const log = readEventLog(new TextDecoder().decode(input))
    const { events, later, rtmr3 } = replayEventLog(log, nodeCrypto)
    const runtime = log.filter(({ imr }) => imr === 3)
    if (events.length + later !== runtime.length) throw new Error('events were lost or made')
    if (events.slice(0, -1).some(({ name }) => name === 'system-ready')) throw new Error('read beyond the boot')
    if (runtime.length < 8 && !Buffer.from(replayEventLog(log, nobleCrypto).rtmr3).equals(rtmr3)) throw new Error('two ports, two values')
  },
  isRefusal: isAttestationRefusal,
  sources: ['event', 'digest', 'boot', 'replay'].map(name => `src/attestation/event-log/${name}.ts`),
  words: [
    '"imr":3',
    '"imr":0',
    '"digest":""',
    '"version":2',
    '"version":1',
    '134217729',
    '"system-ready"',
    '"compose-hash"',
    '\\ud800',
    ':',
  ],
  change: changeJson,
}

function realLogs(folder: string): Uint8Array[] {
  return readdirSync(folder).map(name => text((JSON.parse(readFileSync(join(folder, name), 'utf8')) as { event_log: unknown }).event_log))
}
