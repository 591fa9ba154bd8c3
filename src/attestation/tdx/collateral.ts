/**
 * Collateral: what Intel says about platforms and the quoting enclave. It is fetched by whoever, from wherever; all of it is
 * signed, and `loadCollateral` checks it once, from the trusted root down. What it returns may be used until `validUntil`.
 */

import { AttestationError } from '../errors.ts'
import type { CryptoPort } from './crypto-port.ts'
import { nodeCrypto } from './crypto-port.ts'
import { type Json, JsonError, readSigned } from './json.ts'
import { type QeIdentity, readQeIdentity, readTcbInfo, type TcbInfo } from './tcb-info.ts'
import { type Certificate, type Crl, checkRevocation, parseCrl, parsePemChain, roles, verifyCrl, verifyIssued, verifyRoot } from './x509.ts'

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
}

const maxJson = 256 * 1024

/**
 * Verifies collateral at `now` (ms) under the trusted root (DER).
 *
 * 1. Both chains end in the very root that is trusted; 2. the root's CRL is the root's and current, and names none of them;
 * 3. the PCK CA's CRL is that CA's and current; 4. TCB info and QE identity are signed, over their exact bytes, by the TCB
 * signer; 5. both are current.
 *
 * Throws {@link AttestationError}.
 */
export function loadCollateral(parts: CollateralParts, now: number, trustedRoot: Uint8Array, crypto: CryptoPort = nodeCrypto): Collateral {
  const [signer, signerRoot] = parsePemChain(parts.tcbIssuerChain, 2) as [Certificate, Certificate]
  const [pckCa, pckRoot] = parsePemChain(parts.pckCrlIssuerChain, 2) as [Certificate, Certificate]
  for (const root of [signerRoot, pckRoot]) verifyRoot(root, trustedRoot, now) // 1
  verifyIssued(signer, signerRoot, roles.tcbSigner, now, crypto)
  verifyIssued(pckCa, pckRoot, roles.pckCa, now, crypto)
  const rootCrl = parseCrl(parts.rootCaCrl) // 2
  verifyCrl(rootCrl, pckRoot, 'root CA CRL', now, crypto)
  checkRevocation(signer, rootCrl, roles.tcbSigner)
  checkRevocation(pckCa, rootCrl, roles.pckCa)
  const pckCrl = parseCrl(parts.pckCrl) // 3
  verifyCrl(pckCrl, pckCa, 'PCK CRL', now, crypto)
  const tcbInfo = readTcbInfo(signed(parts.tcbInfo, 'tcbInfo', signer, crypto)) // 4
  const qeIdentity = readQeIdentity(signed(parts.qeIdentity, 'enclaveIdentity', signer, crypto))
  checkCurrent(tcbInfo, 'TCB info', now) // 5
  checkCurrent(qeIdentity, 'QE identity', now)
  const starts = [
    signer.notBefore,
    pckCa.notBefore,
    pckRoot.notBefore,
    rootCrl.thisUpdate,
    pckCrl.thisUpdate,
    tcbInfo.issueDate,
    qeIdentity.issueDate,
  ]
  const ends = [
    signer.notAfter,
    pckCa.notAfter,
    pckRoot.notAfter,
    rootCrl.nextUpdate,
    pckCrl.nextUpdate,
    tcbInfo.nextUpdate,
    qeIdentity.nextUpdate,
  ]
  return { root: pckRoot, rootCrl, pckCa, pckCrl, tcbInfo, qeIdentity, validFrom: Math.max(...starts), validUntil: Math.min(...ends) }
}

/** The member `name` of a signed document, after its signature over the member's exact bytes was checked. */
function signed(text: string, name: string, signer: Certificate, crypto: CryptoPort): Json | undefined {
  if (text.length > maxJson) throw new AttestationError('collateral-malformed', `${name} of ${text.length} characters`)
  const { values, sources } = document(text, name)
  const signature = values.get('signature')
  const source = sources.get(name)
  if (values.size !== 2 || source === undefined || typeof signature !== 'string' || !/^[0-9a-fA-F]{128}$/.test(signature))
    throw new AttestationError('collateral-malformed', `${name} is not a signed document`)
  if (!crypto.verifyP256(signer.publicKey, Buffer.from(source, 'utf8'), Buffer.from(signature, 'hex')))
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
