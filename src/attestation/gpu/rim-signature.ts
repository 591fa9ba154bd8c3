/**
 * The signature of a reference manifest: XMLDSIG in the one form that NVIDIA uses. Enveloped, over the whole document, with
 * Canonical XML 1.1, SHA-384 and ECDSA on P-384. The reference is to the document itself (URI=""), never to an id, so there is
 * no element to take for another; every algorithm is compared, none is chosen by the document.
 *
 * General libraries do not know three of these algorithms, and choose what to check by what the document says: a reader for
 * one form is shorter than the code that would have to be added to them and the checks around it.
 */
import { turn } from '../../lib/turn.ts'
import { AttestationError } from '../errors.ts'
import type { Certificate } from '../tdx/x509.ts'
import { canonicalize } from './canonical-xml.ts'
import { parseP384, verifyP384Chain } from './chain.ts'
import type { GpuCrypto } from './crypto-port.ts'
import type { TrustedRoot } from './nvidia-roots.ts'
import { attributeOf, childOf, childrenOf, textOf, type XmlElement } from './xml.ts'

const ds = 'http://www.w3.org/2000/09/xmldsig#'
const algorithms = {
  canonicalization: 'http://www.w3.org/2006/12/xml-c14n11',
  signature: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384',
  digest: 'http://www.w3.org/2001/04/xmldsig-more#sha384',
  enveloped: 'http://www.w3.org/2000/09/xmldsig#enveloped-signature',
}
const chainLength = 4

/**
 * Verifies the signature in `document` at `now` (ms), and returns the signer's chain, leaf first.
 *
 * 1. One signature, in the root, of exactly the expected form; 2. its certificates lead to the trusted root; 3. SignedInfo is
 * signed by the leaf; 4. the document less the signature has the digest in SignedInfo.
 *
 * Throws {@link AttestationError} `rim-untrusted`, and `XmlError` for what is not of that form.
 */
export async function verifyRimSignature(
  document: XmlElement,
  o: { what: string; root: TrustedRoot; now: number; crypto: GpuCrypto },
): Promise<readonly Certificate[]> {
  const signature = childOf(document, ds, 'Signature') // 1
  const info = childOf(signature, ds, 'SignedInfo')
  const digest = readSignedInfo(info, o.what)
  const value = decode(textOf(childOf(signature, ds, 'SignatureValue')), o.what)
  const data = childOf(childOf(signature, ds, 'KeyInfo'), ds, 'X509Data')
  const certificates = childrenOf(data, ds, 'X509Certificate').map(element => textOf(element).replace(/\s+/g, ''))
  if (certificates.length !== chainLength) throw untrusted(o.what, `${certificates.length} certificates in place of ${chainLength}`)
  const chain = certificates.map(base64 => parseP384(base64, 'rim-untrusted'))

  const codes = { what: `the certificates of ${o.what}`, untrusted: 'rim-untrusted', expired: 'rim-untrusted' } as const
  await verifyP384Chain(chain, o.root, o.now, o.crypto, codes) // 2
  await turn()
  if (!(await o.crypto.verifyP384(chain[0]!.publicKey, Buffer.from(canonicalize(info), 'utf8'), value)))
    throw untrusted(o.what, 'its signature is not its signer’s') // 3
  const found = Buffer.from(o.crypto.sha384(Buffer.from(canonicalize(document, signature), 'utf8')))
  if (!found.equals(digest)) throw untrusted(o.what, 'it was changed after it was signed') // 4
  return chain
}

/** The digest that SignedInfo gives the document, once every algorithm in it is the expected one. */
function readSignedInfo(info: XmlElement, what: string): Buffer {
  const reference = childOf(info, ds, 'Reference')
  const transforms = childOf(reference, ds, 'Transforms')
  const applied = childrenOf(transforms, ds, 'Transform').map(transform => attributeOf(transform, 'Algorithm'))
  const named = (parent: XmlElement, local: string) => attributeOf(childOf(parent, ds, local), 'Algorithm')
  const known =
    named(info, 'CanonicalizationMethod') === algorithms.canonicalization &&
    named(info, 'SignatureMethod') === algorithms.signature &&
    named(reference, 'DigestMethod') === algorithms.digest &&
    attributeOf(reference, 'URI') === '' &&
    applied.join(' ') === `${algorithms.enveloped} ${algorithms.canonicalization}`
  if (!known) throw untrusted(what, 'it is signed in another way than NVIDIA signs')
  return decode(textOf(childOf(reference, ds, 'DigestValue')), what)
}

function decode(text: string, what: string): Buffer {
  const base64 = text.replace(/\s+/g, '')
  const bytes = Buffer.from(base64, 'base64')
  if (bytes.toString('base64') !== base64) throw untrusted(what, 'not canonical base64')
  return bytes
}

function untrusted(what: string, why: string): AttestationError {
  return new AttestationError('rim-untrusted', `${what} is not believed: ${why}`)
}
