/**
 * Reference integrity manifests: what NVIDIA published a driver or a firmware to measure. They are SWID tags (ISO/IEC 19770-2)
 * with TCG's reference values, signed; who hands one over does not matter. The newer CoRIM form is not read, and refused.
 */
import { AttestationError } from '../errors.ts'
import type { GpuCrypto } from './crypto-port.ts'
import type { TrustedRoot } from './nvidia-roots.ts'
import type { CheckRevocation, RevocationStatus } from './revocation.ts'
import { verifyRimSignature } from './rim-signature.ts'
import { attributeOf, childOf, parseXml, type XmlElement, XmlError } from './xml.ts'

export interface ReferenceManifest {
  readonly kind: 'driver' | 'firmware'
  /** The chip: `GH100`. */
  readonly product: string
  /** As the device's report says it. */
  readonly version: string
  /** Alternatives, of which a device has one, by index; active ones only. */
  readonly measurements: ReadonlyMap<number, readonly Uint8Array[]>
  readonly revocation: RevocationStatus
  /** Milliseconds since the epoch. */
  readonly validUntil: number
}

const swid = 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd'
const sha384 = 'http://www.w3.org/2001/04/xmlenc#sha384'
const firmwareForm = /^[0-9A-F]{2}(?:\.[0-9A-F]{2}){4}$/
const maxAlternatives = 32

/** Verifies a manifest at `now` (ms), signature before contents. Throws {@link AttestationError} `rim-untrusted`, or `gpu-revoked` for its signer. */
export async function verifyManifest(
  bytes: Uint8Array,
  o: { root: TrustedRoot; now: number; crypto: GpuCrypto; checkRevocation: CheckRevocation },
): Promise<ReferenceManifest> {
  const what = 'a reference manifest'
  try {
    const document = parseXml(bytes)
    const chain = await verifyRimSignature(document, { ...o, what })
    const manifest = readManifest(document)
    const revocation = await o.checkRevocation({ what: `the certificates of ${what}`, chain, leaf: true, now: o.now })
    return { ...manifest, revocation, validUntil: Math.min(...chain.map(({ notAfter }) => notAfter)) }
  } catch (cause) {
    if (!(cause instanceof XmlError)) throw cause
    throw new AttestationError('rim-untrusted', `${what} cannot be read: ${cause.message}`, { cause })
  }
}

function readManifest(document: XmlElement): Pick<ReferenceManifest, 'kind' | 'product' | 'version' | 'measurements'> {
  if (document.local !== 'SoftwareIdentity' || document.namespace !== swid) throw new XmlError('not a SWID tag')
  const meta = childOf(document, swid, 'Meta')
  const version = attributeOf(meta, 'colloquialVersion')
  const measurements = new Map<number, readonly Uint8Array[]>()
  const seen = new Set<number>()
  for (const resource of childOf(document, swid, 'Payload').children) {
    if (typeof resource === 'string') {
      if (resource.trim() !== '') throw new XmlError('text in the payload')
      continue
    }
    const { index, active, alternatives } = readResource(resource)
    if (seen.has(index)) throw new XmlError(`measurement ${index} twice`)
    seen.add(index)
    if (active) measurements.set(index, alternatives)
  }
  if (measurements.size === 0) throw new XmlError('a manifest without measurements')
  return { kind: firmwareForm.test(version) ? 'firmware' : 'driver', product: attributeOf(meta, 'product'), version, measurements }
}

/** One measurement. A resource of another type is a rule that this verifier does not know, and so cannot keep. */
function readResource(resource: XmlElement): { index: number; active: boolean; alternatives: Uint8Array[] } {
  if (resource.namespace !== swid || resource.local !== 'Resource' || attributeOf(resource, 'type') !== 'Measurement')
    throw new XmlError('a resource that is not a measurement')
  const active = attributeOf(resource, 'active')
  if (active !== 'True' && active !== 'False') throw new XmlError('a measurement neither active nor not')
  const count = small(attributeOf(resource, 'alternatives'), maxAlternatives)
  if (count === 0 || small(attributeOf(resource, 'size'), 48) !== 48) throw new XmlError('a measurement that is not SHA-384')
  const alternatives = Array.from({ length: count }, (_, number) => {
    const text = attributeOf(resource, `Hash${number}`, sha384)
    if (!/^[0-9a-f]{96}$/i.test(text)) throw new XmlError('a measurement that is not hex')
    return Buffer.from(text, 'hex')
  })
  return { index: small(attributeOf(resource, 'index'), 254), active: active === 'True', alternatives }
}

function small(text: string, most: number): number {
  if (!/^(?:0|[1-9]\d{0,2})$/.test(text) || Number(text) > most) throw new XmlError(`${text} is not a number up to ${most}`)
  return Number(text)
}
