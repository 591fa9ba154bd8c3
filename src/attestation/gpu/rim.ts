/**
 * Reference integrity manifests: what NVIDIA published a driver or a firmware to measure. They are SWID tags (ISO/IEC 19770-2)
 * with TCG's reference values, signed; who hands one over does not matter. The newer CoRIM form is not read, and refused.
 */
import { turn } from '../../lib/turn.ts'
import { AttestationError } from '../errors.ts'
import type { Certificate } from '../tdx/x509.ts'
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

/** A manifest whose signature is verified, with the chain of its signer, leaf first. */
export type VerifiedManifest = Omit<ReferenceManifest, 'revocation'> & { readonly chain: readonly Certificate[] }

/** Keeps verified manifests by the digests of their bytes; an `LRUCache`, or a `Map` in a test. */
export interface ManifestMemory {
  get(id: string): VerifiedManifest | undefined
  set(id: string, manifest: VerifiedManifest): unknown
}

const what = 'a reference manifest'

/** Verifies a manifest at `now` (ms), signature before contents, in turns of the event loop. Throws {@link AttestationError} `rim-untrusted`. */
export async function verifyManifest(
  bytes: Uint8Array,
  o: { root: TrustedRoot; now: number; crypto: GpuCrypto },
): Promise<VerifiedManifest> {
  try {
    const document = parseXml(bytes)
    await turn()
    const chain = await verifyRimSignature(document, { ...o, what })
    await turn()
    return { ...readManifest(document), chain, validUntil: Math.min(...chain.map(({ notAfter }) => notAfter)) }
  } catch (cause) {
    if (!(cause instanceof XmlError)) throw cause
    throw new AttestationError('rim-untrusted', `${what} cannot be read: ${cause.message}`, { cause })
  }
}

/** Whether the certificates of a manifest's signer are within their time at `now` (ms). */
export function isInTime({ chain }: VerifiedManifest, now: number): boolean {
  return chain.every(({ notBefore, notAfter }) => notBefore <= now && now <= notAfter)
}

/** The manifest with what is known of its signer's revocation. Throws `gpu-revoked`. */
export async function checkSigner(
  { chain, ...manifest }: VerifiedManifest,
  o: { checkRevocation: CheckRevocation; now: number },
): Promise<ReferenceManifest> {
  const revocation = await o.checkRevocation({ what: `the certificates of ${what}`, chain, leaf: true, now: o.now })
  return { ...manifest, revocation }
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
