/**
 * What a device measured against what NVIDIA published for its driver and its firmware: every value that a manifest lists as
 * active, by its index, must be one of the manifest's alternatives.
 */
import { equalBytes } from '../../lib/bytes.ts'
import { AttestationError } from '../errors.ts'
import type { Architecture } from './device.ts'
import type { DeviceInfo } from './opaque.ts'
import type { ReferenceManifest } from './rim.ts'

/** The measurement of the first video decoder, which means nothing where the decoder is off. */
const nvdec0Index = 35
/** What manifests call the chips of an architecture. */
const products: Record<Architecture, RegExp> = { HOPPER: /^GH100$/, BLACKWELL: /^GB[12]\d\d$/, LS10: /^LS_?10$/ }

/**
 * Compares where there are manifests for the device: for a GPU both that of its driver and that of its firmware, for a switch
 * that of its firmware; else `not-compared`. Manifests for other versions are passed over. NVIDIA publishes one firmware for
 * several boards, so there may be several of a version: one pair must match whole. Throws `gpu-measurement-mismatch` that
 * names every index, and `rim-untrusted` where two manifests claim one index.
 */
export function compareMeasurements(o: {
  name: string
  architecture: Architecture
  info: DeviceInfo
  measured: ReadonlyMap<number, Uint8Array>
  manifests: readonly ReferenceManifest[]
}): 'matched' | 'not-compared' {
  const { info, name } = o
  const find = (kind: ReferenceManifest['kind'], version: string | null) =>
    o.manifests.filter(rim => rim.kind === kind && rim.version === version && products[o.architecture].test(rim.product))
  const drivers = info.driver === null ? [undefined] : find('driver', info.driver)
  const pairs = find('firmware', info.vbios).flatMap(firmware => drivers.map(driver => ({ firmware, driver })))
  if (pairs.length === 0) return 'not-compared'

  const wrong = pairs.map(({ driver, firmware }) => differing([...(driver?.measurements ?? []), ...firmware.measurements], o))
  const fewest = wrong.reduce((best, found) => (found.length < best.length ? found : best))
  if (fewest.length === 0) return 'matched'
  throw new AttestationError('gpu-measurement-mismatch', `${name} does not measure as NVIDIA published: ${fewest.join(', ')}`, {
    reasons: fewest.map(index => `measurement ${index} of ${name} differs`),
  })
}

/** The indexes of `expected` where the device measured something else. */
function differing(
  expected: readonly (readonly [number, readonly Uint8Array[]])[],
  { name, info, measured }: { name: string; info: DeviceInfo; measured: ReadonlyMap<number, Uint8Array> },
): number[] {
  const indexes = expected.map(([index]) => index)
  if (new Set(indexes).size !== indexes.length)
    throw new AttestationError('rim-untrusted', `two reference manifests for ${name} claim one measurement`)
  const differs = ([index, alternatives]: readonly [number, readonly Uint8Array[]]): boolean => {
    if (index === nvdec0Index && info.nvdec0 === 'disabled') return false
    const value = measured.get(index)
    return !value || !alternatives.some(alternative => equalBytes(alternative, value))
  }
  return expected.filter(differs).map(([index]) => index)
}
