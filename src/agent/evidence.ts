/**
 * Answers to "prove who you are": a fresh quote over the caller's own nonce and the present keyset (envelope spec, "Evidence
 * document"). Quotes are made one at a time, because the hardware does, and at a bounded rate, because they are dear.
 */
import { type EvidenceDocument, gpuNonce, reportData } from '../attestation/index.ts'
import { BoundedTurns } from '../lib/bounded-turns.ts'
import { toBase64, toHex } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import type { Quoter } from '../tee/index.ts'
import { type GpuSource, makeGpuEvidence } from './gpu-evidence.ts'
import type { Generation } from './identity.ts'

const maxWaiting = 64

export interface EvidenceOptions {
  readonly quoter: Quoter
  /** Where the GPUs' evidence comes from; undefined on a machine that shows none. */
  readonly gpu: GpuSource | undefined
  readonly generation: () => Generation
  readonly clock: Clock
  /** Quotes per second in the long run; twice as many may come at once. */
  readonly perSecond: number
}

export class EvidenceMaker {
  readonly #options: EvidenceOptions
  readonly #turns: BoundedTurns

  constructor(options: EvidenceOptions) {
    this.#options = options
    this.#turns = new BoundedTurns({ clock: options.clock, perSecond: options.perSecond, mostWaiting: maxWaiting })
  }

  /** The evidence document over `nonce` (32 bytes), or undefined where too much is asked: **retry** in a second. Throws what the quoter and the GPU's collector throw. */
  make(nonce: Uint8Array): Promise<EvidenceDocument | undefined> {
    return this.#turns.run(() => this.#quote(nonce))
  }

  async #quote(nonce: Uint8Array): Promise<EvidenceDocument> {
    const { gpu, quoter, generation } = this.#options
    // One keyset for all of it: keys may change while the GPUs are asked.
    const { keysetBytes } = generation()
    const gpuEvidence = gpu ? await makeGpuEvidence(gpu, gpuNonce(nonce, keysetBytes)) : null
    const bound = reportData(nonce, keysetBytes, gpuEvidence)
    const { quote, eventLog } = quoter.quoteWithLog ? await quoter.quoteWithLog(bound) : { quote: await quoter.quote(bound) }
    return {
      version: 1,
      nonce: toHex(nonce),
      keyset: toBase64(keysetBytes),
      gpu_evidence: gpuEvidence && toBase64(gpuEvidence),
      tee: { type: 'tdx', quote: toBase64(quote) },
      ...(eventLog === undefined ? {} : { event_log: eventLog }),
    }
  }
}
