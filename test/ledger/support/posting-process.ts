/**
 * Posts until it is killed. Arguments: the ledger's file, and a prefix for request ids. Prints `ready`, then every id once its post
 * is acknowledged; between posts it leaves reservations open under ids that begin with `open-`.
 */
import { writeSync } from 'node:fs'
import { openLedger } from '../../../src/ledger/index.ts'
import { utf8 } from '../../../src/lib/bytes.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { nanoton } from '../../../src/lib/nanoton.ts'

const [file, prefix] = process.argv.slice(2) as [string, string]
const channel = 'EQchannel'
const much = nanoton(1_000_000_000n)
const ledger = await openLedger({ file, clock: systemClock })
await ledger.openChannel({ address: channel, terms: '{}', payerKey: Buffer.alloc(32), payeeKeyId: '' })
ledger.noteChain(channel, { status: 1, deposited: much, settled: nanoton(0n) })
await ledger.authorise(channel, { ceiling: much, signature: Buffer.alloc(64) })
writeSync(1, 'ready\n')

const expiresAt = systemClock.now() + 3_600_000
for (let turn = 0; ; turn++) {
  const posts = Array.from({ length: 1 + (turn % 5) }, async (_, index) => {
    const rid = `${prefix}-${turn}-${index}`
    ledger.reserve({ rid, channel, amount: nanoton(10n), expiresAt })
    await ledger.post({
      rid,
      cost: nanoton(7n),
      receipt: utf8(`receipt of ${rid}`),
      usage: { prompt: 1, cached: 0, completion: 1, reasoning: 0 },
      ...{ model: 'tiny', worker: 'worker-1', evidence: '', finish: 'stop' },
    })
    writeSync(1, `${rid}\n`)
  })
  ledger.reserve({ rid: `open-${prefix}-${turn}`, channel, amount: nanoton(10n), expiresAt })
  await Promise.all(posts)
}
