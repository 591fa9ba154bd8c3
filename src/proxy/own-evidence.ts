/** The proxy's own evidence, where it runs in a TD: which keys are its own, over a caller's nonce. */
import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { encodeProxyStatement, type ProxyEvidenceDocument, proxyReportData } from '../attestation/index.ts'
import type { ProxyConfig } from '../config.ts'
import { BoundedTurns } from '../lib/bounded-turns.ts'
import { toBase64, toHex } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import { runningSoftware } from '../lib/running-software.ts'
import { spkiDigest } from '../lib/spki-digest.ts'
import type { KeyPair, Wallet } from '../payment-channel/index.ts'
import { openQuoter } from '../quoter.ts'

/** Anybody may ask: quotes are dear, and the kernel makes one at a time. */
const perSecond = 5
const mostWaiting = 16
/** A statement is made anew for every nonce; it says until when its keys are meant to be in use. */
const lifetimeMs = 24 * 3_600_000

export interface OwnEvidenceOptions {
  readonly config: ProxyConfig
  readonly at: (path: string) => string
  readonly clock: Clock
  readonly payee: KeyPair
  readonly wallet: Wallet
}

/** Makes the document over a nonce of 32 bytes; undefined for too many at once. */
export type OwnEvidence = (nonce: Uint8Array) => Promise<string | undefined>

/** Opens the proxy's evidence; undefined where its config names no `tee`. Throws where a software quoting authority cannot be read. */
export async function openOwnEvidence({ config, at, clock, payee, wallet }: OwnEvidenceOptions): Promise<OwnEvidence | undefined> {
  const { tee, tls, payments } = config
  if (!tee) return undefined
  const quoter = await openQuoter(tee.type === 'software' ? { ...tee, directory: at(tee.directory) } : tee)
  const fixed = {
    chain: payments.chain.global_id,
    payee: wallet.address.toRawString(),
    payee_key: toHex(payee.publicKey),
    tls_spki: tls ? spkiDigest(new X509Certificate(readFileSync(at(tls.cert)))) : null,
    software: runningSoftware(),
  }
  const turns = new BoundedTurns({ clock, perSecond, mostWaiting })
  return nonce =>
    turns.run(async () => {
      const statement = encodeProxyStatement({ role: 'proxy', not_after: clock.now() + lifetimeMs, ...fixed })
      const bound = proxyReportData(nonce, statement)
      const { quote, eventLog } = quoter.quoteWithLog ? await quoter.quoteWithLog(bound) : { quote: await quoter.quote(bound) }
      const document: ProxyEvidenceDocument = {
        version: 1,
        nonce: toHex(nonce),
        proxy: toBase64(statement),
        tee: { type: 'tdx', quote: toBase64(quote) },
        ...(eventLog === undefined ? {} : { event_log: eventLog }),
      }
      return JSON.stringify(document)
    })
}
