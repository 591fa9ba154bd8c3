/**
 * A device's identity: five certificates from NVIDIA's root through the maker's authorities to the key that the device's boot
 * ROM made for its firmware. What chip it is stands in three of the names, and the firmware's digest in the last certificate;
 * what the evidence says beside them is a hint only.
 */
import { AttestationError } from '../errors.ts'
import { DerError, expect, readAll, readOid, readOne, tags } from '../tdx/der.ts'
import type { Certificate } from '../tdx/x509.ts'
import { parseP384Chain, verifyP384Chain } from './chain.ts'
import type { GpuCrypto } from './crypto-port.ts'
import type { TrustedRoot } from './nvidia-roots.ts'

/** The names that NVIDIA's evidence uses. */
export const architectures = ['HOPPER', 'BLACKWELL', 'LS10'] as const
export type Architecture = (typeof architectures)[number]

export interface DeviceIdentity {
  readonly architecture: Architecture
  readonly kind: 'gpu' | 'switch'
  /** The chip as its certificate names it: `GH100 A01 GSP BROM`. */
  readonly hardware: string
  /** Serial number of the device's certificate in decimal, which NVIDIA's tokens call `ueid`. */
  readonly serial: string
  /** Uncompressed P-384 point that signs reports. */
  readonly publicKey: Uint8Array
  /** SHA-384 of the firmware that got this key. */
  readonly fwid: Uint8Array
  /** Milliseconds since the epoch: the chain is valid until then. */
  readonly validUntil: number
  /** Leaf first. */
  readonly chain: readonly Certificate[]
}

const chainLength = 5
/** TCG DICE: the firmware's digest, as a CompositeDeviceID (Hopper and its switches) or in a TcbInfo. */
const compositeDeviceId = '2.23.133.5.4.1'
const tcbInfo = '2.23.133.5.4.1.1'
const sha384Oid = '2.16.840.1.101.3.4.2.2'
const tcbInfoFwids = 0xa6

/** Verifies the chain of a device at `now` (ms). Throws `gpu-evidence-malformed`, `gpu-untrusted` or `gpu-certificate-expired`. */
export async function verifyDeviceIdentity(
  pem: string,
  o: { name: string; root: TrustedRoot; now: number; crypto: GpuCrypto },
): Promise<DeviceIdentity> {
  const chain = parseP384Chain(pem, chainLength, 'gpu-evidence-malformed')
  const what = `the certificates of ${o.name}`
  await verifyP384Chain(chain, o.root, o.now, o.crypto, { what, untrusted: 'gpu-untrusted', expired: 'gpu-certificate-expired' })
  const [leaf, rom, provisioner] = chain as [Certificate, Certificate, Certificate]
  const chip = rom.commonName.split(' ')[0]!
  const architecture = architectureOf(chip)
  // The provisioning authority of one chip may not vouch for another, nor a ROM for other silicon than its own.
  if (!architecture || !leaf.commonName.startsWith(`${chip} `) || !provisioner.commonName.startsWith(`NVIDIA ${chip} Provisioner ICA `))
    throw new AttestationError('gpu-untrusted', `${what}: they are not those of one known chip`)
  return {
    architecture,
    kind: architecture === 'LS10' ? 'switch' : 'gpu',
    hardware: rom.commonName,
    serial: leaf.serial.toString(),
    publicKey: leaf.publicKey,
    fwid: readFwid(leaf),
    validUntil: Math.min(...chain.map(({ notAfter }) => notAfter)),
    chain,
  }
}

/** What kind of device a chip is, by the name that certificates and NVIDIA’s tokens give it. */
export function architectureOf(chip: string): Architecture | undefined {
  if (chip === 'GH100') return 'HOPPER'
  if (/^GB[12]\d\d$/.test(chip)) return 'BLACKWELL'
  return chip === 'LS_10' ? 'LS10' : undefined
}

/** The digest of the device's firmware in its leaf certificate. */
function readFwid(leaf: Certificate): Uint8Array {
  const value = leaf.extensions.get(compositeDeviceId) ?? leaf.extensions.get(tcbInfo)
  if (!value) throw new AttestationError('gpu-evidence-malformed', 'a device certificate that does not name its firmware')
  try {
    const fields = readAll(readOne(value, tags.sequence).contents, 16)
    // CompositeDeviceID: version, key, FWID. TcbInfo: tagged fields, of which [6] lists FWIDs; the first is the firmware's.
    const list = fields.find(({ tag }) => tag === tcbInfoFwids)
    const fwid = list ? readAll(list.contents, 16)[0] : fields[2]
    const [algorithm, digest] = readAll(expect(fwid, tags.sequence).contents, 2)
    const { contents } = expect(digest, tags.octetString)
    if (readOid(algorithm) !== sha384Oid || contents.length !== 48) throw new DerError('a firmware digest that is not SHA-384')
    return contents
  } catch (cause) {
    if (!(cause instanceof DerError)) throw cause
    throw new AttestationError('gpu-evidence-malformed', `a device certificate that cannot be read: ${cause.message}`, { cause })
  }
}
