/**
 * From GPU evidence to what it proves. Signatures are checked in the thread pool, and between two devices or manifests the event loop
 * gets its turn. One bad device refuses all.
 *
 * What this cannot prove: that the GPUs are in the same machine as the TD. Nothing in hardware says so today. A worker that
 * relays to GPUs elsewhere shows good evidence; only measured software in the TD that refuses such GPUs stands against it.
 */
import { toHex } from '../../lib/bytes.ts'
import { turn } from '../../lib/turn.ts'
import { AttestationError } from '../errors.ts'
import type { GpuCrypto } from './crypto-port.ts'
import type { GpuEvidence } from './items.ts'
import { type NrasFacts, verifyNras } from './nras.ts'
import type { NrasKeys } from './nras-keys.ts'
import type { GpuRoots } from './nvidia-roots.ts'
import type { CheckRevocation } from './revocation.ts'
import { checkSigner, isInTime, type ManifestMemory, type ReferenceManifest, verifyManifest } from './rim.ts'
import { type DeviceFacts, verifyDevice } from './verify-device.ts'

/** `report-data`: hashed into the quote, over our nonce. `nonce-only`: over our nonce. `none`: it may be from any time and anybody. */
export type GpuBinding = 'report-data' | 'nonce-only' | 'none'

/** What verified GPU evidence says. Nothing here was judged yet. */
export interface GpuFacts {
  readonly bound: GpuBinding
  /** Verified here. */
  readonly devices: readonly DeviceFacts[]
  /** Verified by NVIDIA's service; null where no token was shown, or there are no keys to check one with. */
  readonly nras: NrasFacts | null
  /** Each check that passed, in order, for people. */
  readonly checks: readonly { readonly name: string; readonly ok: boolean }[]
  /** Milliseconds since the epoch. */
  readonly validUntil: number
}

/** What a verifier of GPUs has of its own. */
export interface GpuVerifierOptions {
  readonly roots: GpuRoots
  readonly crypto: GpuCrypto
  readonly checkRevocation: CheckRevocation
  /** Manifests that were verified under these roots, by their digests; without it each is verified each time. */
  readonly manifests?: ManifestMemory
  /** Keys of NVIDIA's service; null where its tokens are not used. */
  readonly nrasKeys: NrasKeys | null
}

/**
 * Verifies GPU evidence at `now` (ms) over `nonce`; null where the asker gave none. `inReportData` says that the quote holds the
 * evidence's hash. Throws {@link AttestationError} for the first device, manifest or token that is not right.
 */
export async function verifyGpuEvidence(
  evidence: GpuEvidence,
  o: GpuVerifierOptions & { nonce: Uint8Array | null; inReportData: boolean; now: number },
): Promise<GpuFacts> {
  const manifests: ReferenceManifest[] = []
  for (const bytes of evidence.rims) {
    manifests.push(await verifyManifestOnce(bytes, o))
    await turn()
  }

  const devices: DeviceFacts[] = []
  const count = { gpu: 0, switch: 0 }
  for (const item of evidence.items) {
    const kind = item.arch === 'LS10' ? 'switch' : 'gpu'
    const name = `${kind === 'gpu' ? 'GPU' : 'switch'} ${count[kind]++}`
    const facts = await verifyDevice(item, { ...o, name, manifests })
    // One GPU shown twice would be counted twice.
    if (devices.some(({ serial }) => serial === facts.serial)) throw new AttestationError('gpu-untrusted', `${name} is shown twice`)
    devices.push(facts)
    await turn()
  }
  const nras =
    evidence.nras && o.nrasKeys && (await verifyNras(evidence.nras, { keys: o.nrasKeys, nonce: o.nonce, now: o.now, crypto: o.crypto }))
  if (nras && devices.length > 0) checkSameDevices(devices, nras)
  return {
    bound: o.nonce === null ? 'none' : o.inReportData ? 'report-data' : 'nonce-only',
    devices,
    nras,
    checks: describe(devices, nras),
    validUntil: Math.min(...devices.map(({ validUntil }) => validUntil), ...(nras ? [nras.validUntil] : [])),
  }
}

/** A manifest as it was found before, if it is still in its time; whether its signer is revoked is asked each time. */
async function verifyManifestOnce(bytes: Uint8Array, o: GpuVerifierOptions & { now: number }): Promise<ReferenceManifest> {
  const options = { ...o, root: o.roots.rim }
  if (!o.manifests) return checkSigner(await verifyManifest(bytes, options), options)
  const id = toHex(o.crypto.sha256(bytes))
  const known = o.manifests.get(id)
  const verified = known && isInTime(known, o.now) ? known : await verifyManifest(bytes, options)
  o.manifests.set(id, verified)
  return checkSigner(verified, options)
}

/** A token over our nonce could be of other devices than those shown beside it. */
function checkSameDevices(devices: readonly DeviceFacts[], nras: NrasFacts): void {
  const shown = devices.filter(({ kind }) => kind === 'gpu').map(({ serial }) => serial)
  const told = nras.devices.map(({ serial }) => serial)
  if (shown.length !== told.length || shown.some(serial => !told.includes(serial)))
    throw new AttestationError('nras-untrusted', 'NVIDIA’s token is of other devices than those that are shown')
}

function describe(devices: readonly DeviceFacts[], nras: NrasFacts | null): { name: string; ok: boolean }[] {
  const passed: string[] = []
  for (const { name, hardware, measurements, revocation } of devices) {
    passed.push(`${name} (${hardware}): certificates lead to NVIDIA’s root, report is signed by its key`)
    if (measurements === 'matched') passed.push(`${name}: measures as NVIDIA published for its driver and firmware`)
    if (revocation === 'good') passed.push(`${name}: no certificate is revoked`)
  }
  if (nras) passed.push(`NVIDIA’s attestation service vouches for ${nras.devices.length} devices`)
  return passed.map(name => ({ name, ok: true }))
}
