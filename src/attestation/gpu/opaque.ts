/**
 * What a device says of itself in the opaque data of its signed report: entries of type u16, size u16 and value, little-endian,
 * each type at most once. GPUs and NVSwitches number the first 21 types alike.
 */
import { AttestationError } from '../errors.ts'

export interface DeviceInfo {
  /** Of the GPU's driver, such as `550.144.03`; switches have none. */
  readonly driver: string | null
  /** Firmware, five fields of two hex digits: `96.00.A5.00.01`. */
  readonly vbios: string
  /** The digest of the firmware that holds the attestation key, as the leaf certificate names it too. */
  readonly fwid: Uint8Array | null
  /** The first video decoder: where the device has it switched off, its measurement (35) is not compared. */
  readonly nvdec0: 'enabled' | 'disabled' | null
  /** `spt`: one GPU for one TD. `mpt`: several, NVLink between them encrypted. `ppcie`: several, NVLink in the clear. Older firmware does not say. */
  readonly mode: 'spt' | 'mpt' | 'ppcie' | null
}

const types = { driver: 3, vbios: 6, nvdec0: 11, fwid: 20, featureFlag: 36 }
const modes = ['mpt', 'spt', 'ppcie'] as const
const maxEntries = 64
const driverForm = /^\d{1,5}(?:\.\d{1,5}){1,3}$/
const vbiosForm = /^[0-9A-F]{2}(?:\.[0-9A-F]{2}){4}$/

/** Reads the opaque data of a GPU or a switch. Throws {@link AttestationError} `gpu-evidence-malformed`. */
export function readDeviceInfo(opaque: Uint8Array, kind: 'gpu' | 'switch'): DeviceInfo {
  const entries = readEntries(opaque)
  const vbiosBytes = entries.get(types.vbios)
  const vbios = vbiosBytes && (kind === 'gpu' ? vbiosOfGpu(vbiosBytes) : text(vbiosBytes))
  if (!vbios || !vbiosForm.test(vbios)) throw malformed('no VBIOS version')
  return {
    driver: kind === 'gpu' ? driver(entries.get(types.driver)) : null,
    vbios,
    fwid: fwid(entries.get(types.fwid), kind),
    nvdec0: kind === 'gpu' ? nvdec0(entries.get(types.nvdec0)) : null,
    mode: kind === 'gpu' ? mode(entries.get(types.featureFlag)) : null,
  }
}

function readEntries(opaque: Uint8Array): ReadonlyMap<number, Uint8Array> {
  const view = new DataView(opaque.buffer, opaque.byteOffset, opaque.byteLength)
  const found = new Map<number, Uint8Array>()
  for (let at = 0; at < opaque.length; ) {
    if (at + 4 > opaque.length) throw malformed('opaque data that is cut off')
    const type = view.getUint16(at, true)
    const end = at + 4 + view.getUint16(at + 2, true)
    if (end > opaque.length) throw malformed('opaque data that is cut off')
    if (found.has(type)) throw malformed(`opaque data with type ${type} twice`)
    if (found.size === maxEntries) throw malformed('too much opaque data')
    found.set(type, opaque.subarray(at + 4, end))
    at = end
  }
  return found
}

function driver(bytes: Uint8Array | undefined): string {
  const found = bytes && text(bytes)
  if (!found || !driverForm.test(found)) throw malformed('no driver version')
  return found
}

/** Eight bytes: the first four are fields one to four, last field first; the fifth is the fifth. */
function vbiosOfGpu(bytes: Uint8Array): string | undefined {
  if (bytes.length !== 8) return undefined
  return [3, 2, 1, 0, 4].map(index => bytes[index]!.toString(16).padStart(2, '0').toUpperCase()).join('.')
}

/** A GPU always names its firmware; a switch may leave it to its certificate. */
function fwid(bytes: Uint8Array | undefined, kind: 'gpu' | 'switch'): Uint8Array | null {
  if (!bytes && kind === 'switch') return null
  if (bytes?.length !== 48) throw malformed('no firmware digest')
  return bytes
}

function nvdec0(bytes: Uint8Array | undefined): DeviceInfo['nvdec0'] {
  if (!bytes) return null
  if (bytes.length === 1 && bytes[0] === 0xaa) return 'enabled'
  if (bytes.length === 1 && bytes[0] === 0x55) return 'disabled'
  throw malformed('an unknown NVDEC0 status')
}

function mode(bytes: Uint8Array | undefined): DeviceInfo['mode'] {
  if (!bytes) return null
  const value = bytes.reduceRight((sum, byte) => sum * 256 + byte, 0)
  const found = bytes.length > 0 && bytes.length <= 4 ? modes[value] : undefined
  if (!found) throw malformed('an unknown feature flag')
  return found
}

/** Text that ends in zeros. */
function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1').replace(/\0+$/, '')
}

function malformed(why: string): AttestationError {
  return new AttestationError('gpu-evidence-malformed', `GPU evidence that cannot be read: ${why}`)
}
