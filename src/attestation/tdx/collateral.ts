/**
 * Collateral: what Intel says about platforms and the quoting enclave. It is fetched by whoever, from wherever; all of it is
 * signed, and `loadCollateral` checks it once, from the trusted root down. What it returns may be used until `validUntil`.
 */

import { AttestationError, type Check } from '../errors.ts'
import { fromHex, fromUtf8 } from './bytes.ts'
import { Checklist } from './checklist.ts'
import type { CryptoPort } from './crypto-port.ts'
import { type Json, JsonError, readSigned } from './json.ts'
import { type QeIdentity, readQeIdentity, readTcbInfo, type TcbInfo } from './tcb-info.ts'
import {
  type Certificate,
  type Crl,
  checkRevocation,
  parseCrl,
  parsePemChain,
  type Role,
  roles,
  verifyCrl,
  verifyIssued,
  verifyRoot,
} from './x509.ts'

/** The parts as they travel: JSON texts and PEM chains as they came, CRLs in DER. */
export interface CollateralParts {
  readonly tcbInfo: string
  readonly qeIdentity: string
  readonly pckCrl: Uint8Array
  readonly rootCaCrl: Uint8Array
  readonly tcbIssuerChain: string
  readonly pckCrlIssuerChain: string
}

/** Verified collateral. */
export interface Collateral {
  readonly root: Certificate
  readonly rootCrl: Crl
  readonly pckCa: Certificate
  readonly pckCrl: Crl
  readonly tcbInfo: TcbInfo
  readonly qeIdentity: QeIdentity
  /** Milliseconds since the epoch: within this window everything above is current. */
  readonly validFrom: number
  readonly validUntil: number
  /** What was checked of it, in order. */
  readonly checks: readonly Check[]
}

const maxJson = 256 * 1024

/**
 * Verifies collateral at `now` (ms) under the trusted root (DER).
 *
 * 1. The TCB signer and 2. the PCK CA lead to the very root that is trusted; 3. the root's CRL is the root's and current, and
 * names neither of them; 4. the PCK CA's CRL is that CA's and current; 5. TCB info and 6. QE identity are signed, over their
 * exact bytes, by the TCB signer, and are current.
 *
 * Throws {@link AttestationError} at the first that fails, with what had passed.
 */
export function loadCollateral(
  parts: CollateralParts,
  now: number,
  trustedRoot: Uint8Array,
  { crypto }: { crypto: CryptoPort },
): Collateral {
  const list = new Checklist()
  const issued = (pem: string, role: Role, parsed: readonly Certificate[] = []): { root: Certificate; certificate: Certificate } => {
    const [certificate, root] = parsePemChain(pem, 2, parsed) as [Certificate, Certificate]
    verifyRoot(root, trustedRoot, now)
    verifyIssued(certificate, root, role, now, crypto)
    return { root, certificate }
  }
  const { root, certificate: signer } = list.check(
    'TCB signer leads to the trusted root',
    () => issued(parts.tcbIssuerChain, roles.tcbSigner), // 1
  )
  const { certificate: pckCa } = list.check(
    'PCK CA leads to the trusted root',
    () => issued(parts.pckCrlIssuerChain, roles.pckCa, [root]), // 2
  )
  const rootCrl = list.check('root’s revocation list is current and clears TCB signer and PCK CA', () => {
    const crl = parseCrl(parts.rootCaCrl) // 3
    verifyCrl(crl, root, 'root CA CRL', now, crypto)
    checkRevocation(signer, crl, roles.tcbSigner)
    checkRevocation(pckCa, crl, roles.pckCa)
    return crl
  })
  const pckCrl = list.check('PCK CA’s revocation list is signed and current', () => {
    const crl = parseCrl(parts.pckCrl) // 4
    verifyCrl(crl, pckCa, 'PCK CRL', now, crypto)
    return crl
  })
  const tcbInfo = list.check('TCB info is signed and current', () => {
    const info = readTcbInfo(signed(parts.tcbInfo, 'tcbInfo', signer, crypto)) // 5
    checkCurrent(info, 'TCB info', now)
    return info
  })
  const qeIdentity = list.check('QE identity is signed and current', () => {
    const identity = readQeIdentity(signed(parts.qeIdentity, 'enclaveIdentity', signer, crypto)) // 6
    checkCurrent(identity, 'QE identity', now)
    return identity
  })
  const certificates = [signer, pckCa, root]
  const lists = [rootCrl, pckCrl]
  const documents = [tcbInfo, qeIdentity]
  return {
    root,
    rootCrl,
    pckCa,
    pckCrl,
    tcbInfo,
    qeIdentity,
    validFrom: Math.max(...certificates.map(c => c.notBefore), ...lists.map(l => l.thisUpdate), ...documents.map(d => d.issueDate)),
    validUntil: Math.min(...certificates.map(c => c.notAfter), ...lists.map(l => l.nextUpdate), ...documents.map(d => d.nextUpdate)),
    checks: list.passed,
  }
}

/** The member `name` of a signed document, after its signature over the member's exact bytes was checked. */
function signed(text: string, name: string, signer: Certificate, crypto: CryptoPort): Json | undefined {
  if (text.length > maxJson) throw new AttestationError('collateral-malformed', `${name} of ${text.length} characters`)
  const { values, sources } = document(text, name)
  const signature = values.get('signature')
  const source = sources.get(name)
  if (values.size !== 2 || source === undefined || typeof signature !== 'string' || !/^[0-9a-fA-F]{128}$/.test(signature))
    throw new AttestationError('collateral-malformed', `${name} is not a signed document`)
  if (!crypto.verifyP256(signer.publicKey, fromUtf8(source), fromHex(signature)))
    throw new AttestationError('collateral-untrusted', `the signature of ${name} is not the TCB signer's`)
  return values.get(name)
}

function document(text: string, name: string): ReturnType<typeof readSigned> {
  try {
    return readSigned(text)
  } catch (cause) {
    if (cause instanceof JsonError)
      throw new AttestationError('collateral-malformed', `${name} is not strict JSON: ${cause.message}`, { cause })
    throw cause
  }
}

function checkCurrent(document: { issueDate: number; nextUpdate: number }, name: string, now: number): void {
  if (now < document.issueDate || now >= document.nextUpdate)
    throw new AttestationError('collateral-expired', `the ${name} is outside its window`)
}
