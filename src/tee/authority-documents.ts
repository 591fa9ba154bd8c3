/**
 * What a software quoting authority issues, as descriptions to be signed: four certificates, two revocation lists, TCB info and QE
 * identity. Each right description comes from the authority's profile; a caller may edit it before it is signed, which is how
 * every defect that a verifier must catch is made.
 */
import { createPublicKey } from 'node:crypto'
import { concat, sha256, utf8 } from '../lib/bytes.ts'
import type { AuthorityKeys, Random } from './authority-keys.ts'
import { type SgxExtension, sgxExtension } from './sgx-extension.ts'
import {
  developmentQeIdentity,
  developmentTcbInfo,
  type QeIdentity,
  type QeMeasurements,
  type SignedDocument,
  type TcbInfo,
  type Window,
} from './tcb-info.ts'
import {
  authorityKeyIdentifier,
  basicConstraints,
  type CertificateSpec,
  type CrlSpec,
  crlDistributionPoint,
  crlNumber,
  type Extension,
  keyUsage,
  keyUsageBits,
  type Name,
  rawPoint,
  subjectKeyIdentifier,
} from './x509.ts'

/** Changes a good description into another, usually by one member. */
export type Edit<Value> = (good: Value) => Value

export const certificateNames = ['root', 'pckCa', 'pck', 'tcbSigner'] as const
export type CertificateName = (typeof certificateNames)[number]

/** Edits by document. What is absent stays as it should be. */
export type AuthorityEdits = Partial<
  Record<CertificateName, Edit<CertificateSpec>> & {
    /** Goes into the PCK certificate, before an edit of `pck`. */
    sgx: Edit<SgxExtension>
    rootCaCrl: Edit<CrlSpec>
    pckCrl: Edit<CrlSpec>
    tcbInfo: Edit<SignedDocument<TcbInfo>>
    qeIdentity: Edit<SignedDocument<QeIdentity>>
  }
>

/** What makes one authority differ from another, beside its keys. */
export interface AuthorityProfile {
  /** When the certificates were made, in milliseconds. */
  readonly createdAt: number
  readonly serials: Readonly<Record<CertificateName, Uint8Array>>
  readonly sgx: SgxExtension & Required<Pick<SgxExtension, 'sgxType'>>
  /** The QE's id, 16 bytes, as the quote header's user data carries it. */
  readonly qeId: Uint8Array
}

const day = 24 * 60 * 60 * 1000
/** How long revocation lists, TCB info and QE identity last, as Intel's JSON documents do. */
export const documentLifetimeMs = 30 * day
const caLifetimeMs = 25 * 365 * day
const leafLifetimeMs = 20 * 365 * day

/** FMSPC of the development platform: no processor's. */
export const developmentFmspc = Buffer.from('c0de43485259', 'hex')

/** The development quoting enclave: Intel's product id and attributes, a signer that is a hash of a label. */
export const developmentQe: QeMeasurements & { readonly mrEnclave: Uint8Array } = {
  miscSelect: 0,
  attributes: Buffer.from('1500000000000000e700000000000000', 'hex'),
  mrEnclave: sha256(utf8('chrysalis development quoting enclave')),
  mrSigner: sha256(utf8('chrysalis development quoting enclave signer')),
  isvProdId: 2,
  isvSvn: 4,
}

/** A profile with fresh serial numbers and platform identifiers. */
export function generateProfile(now: number, random: Random): AuthorityProfile {
  const serial = () => concat(Buffer.from([0x40 | (random(1)[0]! & 0x3f)]), random(19))
  const tcbComponents = [3, 3, 2, 2, 4, 1, 0, 5, 0, 0, 0, 0, 0, 0, 0, 0]
  return {
    createdAt: now,
    serials: { root: serial(), pckCa: serial(), pck: serial(), tcbSigner: serial() },
    sgx: {
      ppid: random(16),
      tcbComponents,
      pceSvn: 13,
      cpuSvn: Buffer.from(tcbComponents),
      pceId: Buffer.alloc(2),
      fmspc: developmentFmspc,
      sgxType: 1,
      platformInstanceId: random(16),
      configuration: { dynamicPlatform: true, cachedKeys: true, smtEnabled: true },
    },
    qeId: random(16),
  }
}

const named = (what: string): Name => [
  ['CN', `Chrysalis Development SGX ${what}`],
  ['O', 'Chrysalis Development'],
  ['L', 'Simulated'],
  ['ST', 'NA'],
  ['C', 'XX'],
]
const subjects: Readonly<Record<CertificateName, Name>> = {
  root: named('Root CA'),
  pckCa: named('PCK Platform CA'),
  pck: named('PCK Certificate'),
  tcbSigner: named('TCB Signing'),
}
const issuers: Readonly<Record<CertificateName, 'root' | 'pckCa'>> = { root: 'root', pckCa: 'root', pck: 'pckCa', tcbSigner: 'root' }
const crlAddress = (issuer: 'root' | 'pckCa') =>
  `https://pccs.invalid/sgx/certification/v4/${issuer === 'root' ? 'rootcacrl' : 'pckcrl?ca=platform&encoding=der'}`

/** The good description of a certificate, edited where `edits` says so. */
export function certificateSpec(
  name: CertificateName,
  profile: AuthorityProfile,
  keys: AuthorityKeys,
  edits: AuthorityEdits,
): CertificateSpec {
  const issuer = issuers[name]
  const lifetimeMs = name === 'root' || name === 'pckCa' ? caLifetimeMs : leafLifetimeMs
  const good: CertificateSpec = {
    serial: profile.serials[name],
    issuer: subjects[issuer],
    subject: subjects[name],
    // A day back, so that a caller whose clock is behind ours can use them at once.
    notBefore: profile.createdAt - day,
    notAfter: profile.createdAt + lifetimeMs,
    publicKey: createPublicKey(keys[name]),
    extensions: [
      authorityKeyIdentifier(keyIdOf(issuer, keys)),
      crlDistributionPoint(crlAddress(issuer)),
      subjectKeyIdentifier(keyIdOf(name, keys)),
      ...roleExtensions(name),
      ...(name === 'pck' ? [sgxExtension(edited(profile.sgx, edits.sgx))] : []),
    ],
    issuerKey: keys[issuer],
  }
  return edited(good, edits[name])
}

function roleExtensions(name: CertificateName): Extension[] {
  const { keyCertSign, cRLSign, digitalSignature, nonRepudiation } = keyUsageBits
  if (name === 'root') return [keyUsage(keyCertSign, cRLSign), basicConstraints(true, 1)]
  if (name === 'pckCa') return [keyUsage(keyCertSign, cRLSign), basicConstraints(true, 0)]
  return [keyUsage(digitalSignature, nonRepudiation), basicConstraints(false)]
}

/** 20 bytes that stand for a public key. RFC 7093 §2 method 1 on the bare point; any stable choice does. */
function keyIdOf(name: CertificateName, keys: AuthorityKeys): Buffer {
  return sha256(Buffer.from([4]), rawPoint(keys[name])).subarray(0, 20)
}

/** The good description of an issuer's revocation list, edited where `edits` says so: nothing is revoked. */
export function crlSpec(issuer: 'root' | 'pckCa', window: Window, keys: AuthorityKeys, edits: AuthorityEdits): CrlSpec {
  const good: CrlSpec = {
    issuer: subjects[issuer],
    thisUpdate: window.from,
    nextUpdate: window.until,
    revoked: [],
    // RFC 5280 §5.2.3 wants a number that grows; seconds do, and need no memory.
    extensions: [crlNumber(Math.floor(window.from / 1000)), authorityKeyIdentifier(keyIdOf(issuer, keys))],
    issuerKey: keys[issuer],
  }
  return edited(good, issuer === 'root' ? edits.rootCaCrl : edits.pckCrl)
}

/** TCB info for the PCK certificate's platform, edited where `edits` says so. An edit of `sgx` does not reach it: the two then disagree. */
export function tcbInfoDocument(
  profile: AuthorityProfile,
  window: Window,
  keys: AuthorityKeys,
  edits: AuthorityEdits,
): SignedDocument<TcbInfo> {
  return edited({ body: developmentTcbInfo(profile.sgx, window), key: keys.tcbSigner }, edits.tcbInfo)
}

/** Identity of {@link developmentQe}, edited where `edits` says so. */
export function qeIdentityDocument(window: Window, keys: AuthorityKeys, edits: AuthorityEdits): SignedDocument<QeIdentity> {
  return edited({ body: developmentQeIdentity(developmentQe, window), key: keys.tcbSigner }, edits.qeIdentity)
}

function edited<Value>(good: Value, edit: Edit<Value> | undefined): Value {
  return edit ? edit(good) : good
}
