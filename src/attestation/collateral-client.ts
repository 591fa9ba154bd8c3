/**
 * Collateral from a service whose address is our configuration, never a worker's word. What was verified is held to its end,
 * fetched anew from half its window on, kept on disk so that a restart needs no network, and never used past its end.
 *
 * What comes later may be worse for a worker, and then it counts at once; it may never be older than what was seen before.
 */
import { LRUCache } from 'lru-cache'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { type CollateralUpdate, fetchParts, type PckCaName } from './collateral-service.ts'
import { forget, keep, readKept } from './collateral-store.ts'
import { AttestationError } from './errors.ts'
import type { Collateral, CollateralParts } from './tdx/collateral.ts'
import { loadCollateral } from './verifier.ts'

/** After a failed refresh the service is left alone: twice as long after each, up to the longest. */
const refreshPause = { firstMs: 60_000, longestMs: 60 * 60_000 }
/** The same while there is nothing to serve. One failure may be chance: after it the service is asked at once. */
const emptyPause = { firstMs: 1_000, longestMs: 60_000 }

export interface CollateralClientOptions {
  readonly baseUrl: string
  readonly fetch: typeof fetch
  /** The trusted root, DER. */
  readonly root: Uint8Array
  readonly clock: Clock
  /** `standard` unless something else is given. */
  readonly update?: CollateralUpdate
  /** Where verified collateral is kept over restarts. */
  readonly directory?: string
  /** 0 to 1; spreads refreshes of many proxies. */
  readonly draw?: () => number
  /** Called when what is served changed, or must not be served any more: whatever was judged by it is to be judged again. */
  readonly onChange?: () => void
}

/** What was seen of one platform. */
interface Entry {
  /** The last good one; undefined once a part of its chain is revoked. May be past its end. */
  collateral: Collateral | undefined
  /** The newest that was ever verified, for nothing older to be taken. */
  newest: Collateral | undefined
  /** Until then the service is left alone. */
  askAgainAt: number
  failures: number
  error: AttestationError | undefined
}

export class CollateralClient {
  readonly #options: CollateralClientOptions
  readonly #entries = new LRUCache<string, Entry>({ max: 64 })
  readonly #fetching = new Map<string, Promise<Collateral>>()

  constructor(options: CollateralClientOptions) {
    this.#options = options
  }

  /** Verified, current collateral for a platform. Throws {@link AttestationError} `collateral-unavailable`, or why what came was refused. */
  async get(fmspc: string, ca: PckCaName): Promise<Collateral> {
    const key = `${fmspc}-${ca}${this.#options.update === 'early' ? '-early' : ''}`
    const now = this.#options.clock.now()
    const entry = this.#entry(key, now)
    const { collateral } = entry
    if (!isCurrent(collateral, now)) {
      // A clock that was set back makes no pause longer.
      const pausing = now < entry.askAgainAt && entry.askAgainAt - now <= 2 * emptyPause.longestMs
      if (entry.error && pausing) throw entry.error
      return this.#fetchOnce(key, entry, fmspc, ca)
    }
    // The last good one serves until its end, whatever becomes of this.
    if (now >= entry.askAgainAt) this.#fetchOnce(key, entry, fmspc, ca).catch(() => {})
    return collateral
  }

  #entry(key: string, now: number): Entry {
    const known = this.#entries.get(key)
    if (known) return known
    const entry = this.#restore(key, now) ?? { collateral: undefined, newest: undefined, askAgainAt: 0, failures: 0, error: undefined }
    this.#entries.set(key, entry)
    return entry
  }

  /** What an earlier run kept, verified again as of its own time: past its end it still tells what is older. */
  #restore(key: string, now: number): Entry | undefined {
    const { directory, root } = this.#options
    const kept = directory === undefined ? undefined : readKept(directory, key)
    if (!kept) return undefined
    try {
      const collateral = loadCollateral(kept.parts, kept.verifiedAt, root)
      const since = Math.min(kept.verifiedAt, now)
      return { collateral, newest: collateral, askAgainAt: this.#refreshAt(collateral, since), failures: 0, error: undefined }
    } catch {
      return undefined
    }
  }

  #refreshAt(collateral: Collateral, since: number): number {
    return since + ((collateral.validUntil - since) / 2) * (0.9 + 0.2 * this.#draw())
  }

  #fetchOnce(key: string, entry: Entry, fmspc: string, ca: PckCaName): Promise<Collateral> {
    const running = this.#fetching.get(key)
    if (running) return running
    const fetching = this.#fetch(key, entry, fmspc, ca).finally(() => this.#fetching.delete(key))
    this.#fetching.set(key, fetching)
    return fetching
  }

  async #fetch(key: string, entry: Entry, fmspc: string, ca: PckCaName): Promise<Collateral> {
    const { directory, clock } = this.#options
    try {
      const parts = await fetchParts({ ...this.#options, update: this.#options.update ?? 'standard' }, fmspc, ca)
      const collateral = this.#judge(parts, entry.newest, fmspc, ca)
      const now = clock.now()
      Object.assign(entry, { collateral, newest: collateral, askAgainAt: this.#refreshAt(collateral, now), failures: 0, error: undefined })
      if (directory !== undefined) keep(directory, key, { parts, verifiedAt: now })
      this.#options.onChange?.()
      return collateral
    } catch (error) {
      throw this.#fail(key, entry, error)
    }
  }

  #judge(parts: CollateralParts, newest: Collateral | undefined, fmspc: string, ca: PckCaName): Collateral {
    const collateral = loadCollateral(parts, this.#options.clock.now(), this.#options.root)
    if (collateral.tcbInfo.fmspc !== fmspc || collateral.pckCa.commonName.includes('Processor') !== (ca === 'processor'))
      throw new AttestationError('collateral-mismatch', 'the collateral service sent collateral of another platform or CA')
    const older = newest && whatIsOlder(collateral, newest)
    if (older) throw new AttestationError('collateral-older', `the collateral service sent ${older} older than it was before`)
    return collateral
  }

  #fail(key: string, entry: Entry, cause: unknown): AttestationError {
    const { clock, directory } = this.#options
    const error = cause instanceof AttestationError ? cause : new AttestationError('collateral-unavailable', messageOf(cause), { cause })
    const now = clock.now()
    const revoked = error.code === 'certificate-revoked' && entry.collateral !== undefined
    // The root's own list, which is signed and current, names the CA or the TCB signer: nothing under it is good any more.
    if (revoked) entry.collateral = undefined
    const pause = isCurrent(entry.collateral, now) ? refreshPause : emptyPause
    const steps = entry.failures - (pause === emptyPause ? 1 : 0)
    entry.failures += 1
    entry.error = error
    const pauseMs = steps < 0 ? 0 : Math.min(pause.firstMs * 2 ** steps, pause.longestMs)
    entry.askAgainAt = now + pauseMs * (0.75 + 0.5 * this.#draw())
    if (revoked) {
      if (directory !== undefined) forget(directory, key)
      this.#options.onChange?.()
    }
    return error
  }

  #draw(): number {
    return (this.#options.draw ?? Math.random)()
  }
}

function isCurrent(collateral: Collateral | undefined, now: number): collateral is Collateral {
  return collateral !== undefined && now >= collateral.validFrom && now < collateral.validUntil
}

/** An old document is as well signed as a new one: the service could hide what Intel has found since. */
function whatIsOlder(given: Collateral, newest: Collateral): string | undefined {
  if (given.tcbInfo.evaluationNumber < newest.tcbInfo.evaluationNumber) return 'TCB info of an evaluation'
  if (given.qeIdentity.evaluationNumber < newest.qeIdentity.evaluationNumber) return 'a QE identity of an evaluation'
  if (given.pckCrl.thisUpdate < newest.pckCrl.thisUpdate) return 'a PCK revocation list'
  if (given.rootCrl.thisUpdate < newest.rootCrl.thisUpdate) return 'a root revocation list'
  return undefined
}
