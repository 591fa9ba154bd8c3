/**
 * Fetching collateral from a PCCS-shaped service (Intel PCS API v4) whose address is our configuration, never a worker's
 * word. What was verified is held to its end, fetched anew from half its window on, kept on disk so that a restart needs no
 * network, and never used past its end.
 */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { AttestationError } from './errors.ts'
import type { Collateral, CollateralParts } from './tdx/collateral.ts'
import { loadCollateral } from './verifier.ts'

const maxAnswer = 1024 * 1024
const timeoutMs = 20_000
/** After a failed refresh the service is left alone for so long. */
const pauseMs = 60_000
const intelPcs = 'https://api.trustedservices.intel.com'
const intelRootCrl = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'

export interface CollateralClientOptions {
  readonly baseUrl: string
  readonly fetch: typeof fetch
  /** The trusted root, DER. */
  readonly root: Uint8Array
  readonly clock: Clock
  /** Where verified collateral is kept over restarts. */
  readonly directory?: string
  /** 0 to 1; spreads refreshes of many proxies. */
  readonly draw?: () => number
}

type Ca = 'platform' | 'processor'

interface Held {
  readonly collateral: Collateral
  /** From then on it is fetched anew, in the background. */
  refreshAt: number
}

export class CollateralClient {
  readonly #options: CollateralClientOptions
  readonly #held = new LRUCache<string, Held>({ max: 64 })
  readonly #fetching = new Map<string, Promise<Collateral>>()

  constructor(options: CollateralClientOptions) {
    this.#options = options
  }

  /** Verified, current collateral for a platform. Throws {@link AttestationError} `collateral-unavailable`, or why what came was refused. */
  async get(fmspc: string, ca: Ca): Promise<Collateral> {
    const key = `${fmspc}-${ca}`
    const now = this.#options.clock.now()
    const held = this.#held.get(key) ?? this.#restore(key, now)
    if (!held || now >= held.collateral.validUntil || now < held.collateral.validFrom) return this.#fetchOnce(key, fmspc, ca)
    if (now >= held.refreshAt) {
      held.refreshAt = now + pauseMs
      // The last good one serves until its end, whatever becomes of this.
      this.#fetchOnce(key, fmspc, ca).catch(() => {})
    }
    return held.collateral
  }

  #fetchOnce(key: string, fmspc: string, ca: Ca): Promise<Collateral> {
    const running = this.#fetching.get(key)
    if (running) return running
    const fetching = this.#fetch(key, fmspc, ca).finally(() => this.#fetching.delete(key))
    this.#fetching.set(key, fetching)
    return fetching
  }

  async #fetch(key: string, fmspc: string, ca: Ca): Promise<Collateral> {
    const [tcb, qe, pckCrl, rootCaCrl] = await Promise.all([
      this.#ask(`/tdx/certification/v4/tcb?fmspc=${fmspc}`),
      this.#ask('/tdx/certification/v4/qe/identity'),
      this.#ask(`/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`),
      this.#ask('/sgx/certification/v4/rootcacrl'),
    ])
    const parts: CollateralParts = {
      tcbInfo: tcb.body.toString('utf8'),
      qeIdentity: qe.body.toString('utf8'),
      pckCrl: asDer(pckCrl.body),
      rootCaCrl: asDer(rootCaCrl.body),
      tcbIssuerChain: chain(tcb.headers, 'tcb-info-issuer-chain'),
      pckCrlIssuerChain: chain(pckCrl.headers, 'sgx-pck-crl-issuer-chain'),
    }
    const held = this.#hold(key, parts, this.#options.clock.now())
    this.#persist(key, parts)
    return held.collateral
  }

  #hold(key: string, parts: CollateralParts, now: number): Held {
    const collateral = loadCollateral(parts, now, this.#options.root)
    const half = (collateral.validUntil - now) / 2
    const held = { collateral, refreshAt: now + half * (0.9 + 0.2 * (this.#options.draw ?? Math.random)()) }
    this.#held.set(key, held)
    return held
  }

  async #ask(path: string): Promise<{ body: Buffer; headers: Headers }> {
    const { baseUrl } = this.#options
    const base = baseUrl.replace(/\/$/, '')
    const url = base === intelPcs && path.endsWith('/rootcacrl') ? intelRootCrl : base + path
    try {
      const response = await this.#options.fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' })
      if (!response.ok) throw new Error(`it answered ${response.status}`)
      return { body: await readBody(response), headers: response.headers }
    } catch (cause) {
      throw new AttestationError(
        'collateral-unavailable',
        `the collateral service did not give ${path.split('?')[0]}: ${messageOf(cause)}`,
        { cause },
      )
    }
  }

  /** What an earlier run kept, verified again: a file proves nothing by being ours. */
  #restore(key: string, now: number): Held | undefined {
    if (this.#options.directory === undefined) return undefined
    try {
      const kept = JSON.parse(readFileSync(join(this.#options.directory, `${key}.json`), 'utf8')) as Record<keyof CollateralParts, string>
      const parts = { ...kept, pckCrl: Buffer.from(kept.pckCrl, 'base64'), rootCaCrl: Buffer.from(kept.rootCaCrl, 'base64') }
      return this.#hold(key, parts, now)
    } catch {
      return undefined
    }
  }

  /** Keeps them for the next run. A disk that is full costs a restart its head start, and no worker its lease. */
  #persist(key: string, parts: CollateralParts): void {
    if (this.#options.directory === undefined) return
    const file = join(this.#options.directory, `${key}.json`)
    const text = JSON.stringify({
      ...parts,
      pckCrl: Buffer.from(parts.pckCrl).toString('base64'),
      rootCaCrl: Buffer.from(parts.rootCaCrl).toString('base64'),
    })
    try {
      writeFileSync(`${file}.new`, text)
      renameSync(`${file}.new`, file)
    } catch {
      // What is not kept is fetched again.
    }
  }
}

/** The body, as far as it may go: leaving the loop hangs up on a service that goes on. */
async function readBody(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxAnswer) throw new Error(`it answered more than ${maxAnswer} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** PCCS gives some CRLs as hex text, PCS as DER. */
function asDer(body: Buffer): Buffer {
  const text = body.subarray(0, 2).toString('latin1') === '30' ? body.toString('latin1').trim() : ''
  return /^(?:[0-9a-fA-F]{2})+$/.test(text) ? Buffer.from(text, 'hex') : body
}

function chain(headers: Headers, name: string): string {
  const value = headers.get(name)
  if (value === null) throw new AttestationError('collateral-malformed', `the collateral service sent no ${name}`)
  try {
    return decodeURIComponent(value)
  } catch (cause) {
    throw new AttestationError('collateral-malformed', `the collateral service sent a broken ${name}`, { cause })
  }
}
