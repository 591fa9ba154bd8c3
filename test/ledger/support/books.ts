/** Ledgers in folders that vanish after each test, and sample records for them. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type ChannelStatus, type Ledger, LedgerError, type PostRecord } from '../../../src/ledger/index.ts'
import { utf8 } from '../../../src/lib/bytes.ts'
import { type Nanoton, nanoton } from '../../../src/lib/nanoton.ts'

export const startMs = 1_800_000_000_000
export const channel = 'EQchannel'

export function n(amount: number | bigint): Nanoton {
  return nanoton(BigInt(amount))
}

/** A ledger's file in a folder of its own. */
export function temporaryFile(): string {
  const folder = mkdtempSync(join(tmpdir(), 'chrysalis-ledger-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  return join(folder, 'ledger.db')
}

/** Opens a channel and makes `funds` of it available, or what the options say. */
export async function fund(
  ledger: Ledger,
  funds: number | bigint,
  options: { channel?: string; status?: ChannelStatus; deposited?: number; ceiling?: number } = {},
): Promise<void> {
  const address = options.channel ?? channel
  await ledger.openChannel({ address, terms: '{}', payerKey: Buffer.alloc(32, 1), payeeKeyId: '02'.repeat(32) })
  ledger.noteChain(address, { status: options.status ?? 1, deposited: n(options.deposited ?? funds), settled: n(0) })
  await ledger.authorise(address, { ceiling: n(options.ceiling ?? funds), signature: Buffer.alloc(64, 3) })
}

export function postOf(rid: string, cost: number | bigint, changes: Partial<PostRecord> = {}): PostRecord {
  return {
    rid,
    cost: n(cost),
    receipt: utf8(`receipt of ${rid}`),
    usage: { prompt: 5, cached: 1, completion: 7, reasoning: 2 },
    model: 'tiny',
    worker: 'worker-1',
    evidence: 'e1'.repeat(32),
    finish: 'stop',
    ...changes,
  }
}

/** Sets an amount aside that only a test's end frees. */
export function hold(ledger: Ledger, rid: string, amount: number | bigint, options: { channel?: string; expiresAt?: number } = {}): void {
  ledger.reserve({ rid, channel: options.channel ?? channel, amount: n(amount), expiresAt: options.expiresAt ?? startMs + 600_000 })
}

/** The code of the ledger's error that `action` throws; anything else fails the test. */
export function codeOf(action: () => unknown): string | undefined {
  try {
    action()
    return undefined
  } catch (error) {
    if (error instanceof LedgerError) return error.code
    throw error
  }
}
