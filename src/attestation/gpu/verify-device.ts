/** Is this a genuine NVIDIA device that answered our nonce? One item of evidence in, what it proves out. */
import { equalBytes } from '../../lib/bytes.ts'
import { AttestationError } from '../errors.ts'
import type { GpuCrypto } from './crypto-port.ts'
import { type Architecture, verifyDeviceIdentity } from './device.ts'
import type { GpuItem } from './items.ts'
import { compareMeasurements } from './measurements.ts'
import type { GpuRoots } from './nvidia-roots.ts'
import { type DeviceInfo, readDeviceInfo } from './opaque.ts'
import type { CheckRevocation, RevocationStatus } from './revocation.ts'
import type { ReferenceManifest } from './rim.ts'
import { parseSpdmReport } from './spdm.ts'

/** What a verified device says. Nothing here was judged yet. */
export interface DeviceFacts {
  /** `GPU 0`, `switch 1`: its place in the evidence. */
  readonly name: string
  readonly architecture: Architecture
  readonly kind: 'gpu' | 'switch'
  /** The chip as its certificate names it. */
  readonly hardware: string
  /** Serial number of its certificate, decimal. */
  readonly serial: string
  readonly driver: string | null
  readonly vbios: string
  readonly mode: DeviceInfo['mode']
  /** Whether what it measured is what NVIDIA published for its driver and firmware. */
  readonly measurements: 'matched' | 'not-compared'
  readonly revocation: RevocationStatus
  /** Milliseconds since the epoch. */
  readonly validUntil: number
}

export interface DeviceOptions {
  readonly name: string
  /** What the report must be over; null where the asker gave no nonce, and the report proves nothing about now. */
  readonly nonce: Uint8Array | null
  readonly roots: GpuRoots
  /** Verified already. */
  readonly manifests: readonly ReferenceManifest[]
  readonly checkRevocation: CheckRevocation
  readonly now: number
  readonly crypto: GpuCrypto
}

/**
 * Verifies one item at `o.now` (ms).
 *
 * 1. The certificates lead to the trusted root and are of one known chip, the one the evidence names; 2. the report is in its
 * form; 3. it is signed by the device's key; 4. it is over our nonce; 5. the firmware that signed is the one certified;
 * 6. no certificate is revoked, where that can be asked; 7. its measurements match the reference values, where they are given.
 *
 * Throws {@link AttestationError}.
 */
export async function verifyDevice(item: GpuItem, o: DeviceOptions): Promise<DeviceFacts> {
  const { name, now, crypto } = o
  const identity = await verifyDeviceIdentity(item.certificatePem, { name, root: o.roots.device, now, crypto }) // 1
  const { architecture, kind, hardware, serial, validUntil } = identity
  if (item.arch !== architecture) throw new AttestationError('gpu-untrusted', `${name} is called ${item.arch} and is ${architecture}`)

  const report = parseSpdmReport(item.report) // 2
  if (!(await crypto.verifyP384(identity.publicKey, report.signedBytes, report.signature)))
    throw new AttestationError('gpu-untrusted', `the report of ${name} is not signed by its key`) // 3
  if (o.nonce && !equalBytes(o.nonce, report.nonce))
    throw new AttestationError('gpu-nonce-mismatch', `the report of ${name} is not over our nonce`) // 4

  const info = readDeviceInfo(report.opaque, kind)
  if (info.fwid && !equalBytes(info.fwid, identity.fwid))
    throw new AttestationError('gpu-untrusted', `the firmware of ${name} is not the one that its certificate names`) // 5
  const revocation = await o.checkRevocation({ what: `the certificates of ${name}`, chain: identity.chain, leaf: false, now }) // 6
  const measurements = compareMeasurements({ name, architecture, info, measured: report.measurements, manifests: o.manifests }) // 7
  const { driver, vbios, mode } = info
  return { name, architecture, kind, hardware, serial, driver, vbios, mode, measurements, revocation, validUntil }
}
