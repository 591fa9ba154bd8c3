/**
 * Reference manifests as NVIDIA writes them, signed by an authority of ours. The canonical form is written by hand beside the
 * form that travels, so that the signer does not share code with what is tested.
 */
import { type KeyObject, sign } from 'node:crypto'
import { sha384, toHex, utf8 } from '../../../../src/lib/bytes.ts'
import { goodMeasurements, type NvidiaAuthority } from './authority.ts'

export interface RimSpec {
  version?: string
  product?: string
  measurements?: ReadonlyMap<number, readonly Uint8Array[]>
  /** Indexes that are listed and not active, with zeros. */
  inactive?: readonly number[]
  /** In the payload, as it stands; both forms. */
  extra?: string
  algorithms?: Partial<Record<'canonicalization' | 'signature' | 'digest' | 'enveloped' | 'transform' | 'uri', string>>
  chain?: readonly Uint8Array[]
  key?: KeyObject
  /** The finished text. */
  text?: (xml: string) => string
}

const swid = 'http://standards.iso.org/iso/19770/-2/2015/schema.xsd'
const hashes = 'http://www.w3.org/2001/04/xmlenc#sha384'
const ds = 'http://www.w3.org/2000/09/xmldsig#'
const c14n11 = 'http://www.w3.org/2006/12/xml-c14n11'

export const driverIndexes = [7, 21, 22, 23, 35]
export const firmwareIndexes = [0, 1, 2, 8]
export const measured = (indexes: readonly number[]): ReadonlyMap<number, readonly Uint8Array[]> =>
  new Map(indexes.map(index => [index, [goodMeasurements.get(index)!]]))

/** A driver's manifest unless the version is a firmware's. */
export function rim(authority: NvidiaAuthority, spec: RimSpec = {}): Buffer {
  const version = spec.version ?? '550.144.03'
  const product = spec.product ?? 'GH100'
  const measurements = spec.measurements ?? measured(version.split('.').length === 5 ? firmwareIndexes : driverIndexes)
  const entries = [
    ...Array.from(measurements, ([index, values]) => resource(index, 'True', values)),
    ...(spec.inactive ?? [40]).map(index => resource(index, 'False', [Buffer.alloc(48)])),
  ]
  const scope = `xmlns="${swid}"`
  const rest = `xmlns:ns0="${swid}" xmlns:ns2="${hashes}"`
  // NVIDIA's order and spelling; and Canonical XML's: attributes in order, no element without an end.
  const sent = {
    open: `<SoftwareIdentity ${scope} ${rest} version="1.0" corpus="false" name="${product}">\n`,
    meta: `    <ns0:Meta product="${product}" edition="GPU" colloquialVersion="${version}"/>\n`,
    resources: entries.map(({ sent }) => `        ${sent}\n`).join(''),
  }
  const canonical = {
    open: `<SoftwareIdentity ${scope} ${rest} corpus="false" name="${product}" version="1.0">\n`,
    meta: `    <ns0:Meta colloquialVersion="${version}" edition="GPU" product="${product}"></ns0:Meta>\n`,
    resources: entries.map(({ canonical }) => `        ${canonical}\n`).join(''),
  }
  const whole = (form: typeof sent, signature: string) =>
    `${form.open}${form.meta}    <ns0:Payload>\n${form.resources}${spec.extra ?? ''}    </ns0:Payload>\n${signature}</SoftwareIdentity>`

  const a = {
    canonicalization: c14n11,
    signature: 'http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha384',
    digest: 'http://www.w3.org/2001/04/xmldsig-more#sha384',
    enveloped: `${ds}enveloped-signature`,
    transform: c14n11,
    uri: '',
    ...spec.algorithms,
  }
  const digest = sha384(utf8(whole(canonical, ''))).toString('base64')
  const info = (namespaces: string) =>
    `<ds:SignedInfo${namespaces}><ds:CanonicalizationMethod Algorithm="${a.canonicalization}"></ds:CanonicalizationMethod>` +
    `<ds:SignatureMethod Algorithm="${a.signature}"></ds:SignatureMethod><ds:Reference URI="${a.uri}"><ds:Transforms>` +
    `<ds:Transform Algorithm="${a.enveloped}"></ds:Transform><ds:Transform Algorithm="${a.transform}"></ds:Transform></ds:Transforms>` +
    `<ds:DigestMethod Algorithm="${a.digest}"></ds:DigestMethod><ds:DigestValue>${digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>`
  const toSign = utf8(info(` ${scope} xmlns:ds="${ds}" ${rest}`))
  const value = sign('sha384', toSign, { key: spec.key ?? authority.rimKey, dsaEncoding: 'ieee-p1363' }).toString('base64')
  const certificates = (spec.chain ?? authority.rimChain())
    .map(bytes => `<ds:X509Certificate>${Buffer.from(bytes).toString('base64').replace(/.{64}/g, '$&\n')}</ds:X509Certificate>`)
    .join('')
  const signature = `<ds:Signature xmlns:ds="${ds}">${info('').replaceAll(/><\/ds:(?:\w+Method|Transform)>/g, '/>')}<ds:SignatureValue>${value}</ds:SignatureValue><ds:KeyInfo><ds:X509Data>${certificates}</ds:X509Data></ds:KeyInfo></ds:Signature>`
  return utf8((spec.text ?? (same => same))(whole(sent, signature)))
}

function resource(index: number, active: string, values: readonly Uint8Array[]): { sent: string; canonical: string } {
  const all = values.map((value, number) => `ns2:Hash${number}="${toHex(value)}"`).join(' ')
  const first = `active="${active}" alternatives="${values.length}" index="${index}"`
  return {
    sent: `<ns0:Resource type="Measurement" index="${index}" active="${active}" alternatives="${values.length}" ${all} name="Measurement_${index}" size="48"/>`,
    canonical: `<ns0:Resource ${first} name="Measurement_${index}" size="48" type="Measurement" ${all}></ns0:Resource>`,
  }
}
