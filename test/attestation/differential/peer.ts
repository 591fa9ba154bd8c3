/** The other verifier, `@phala/dcap-qvl`, asked the same as ours: a quote, its collateral, a root and a moment in; a status or a refusal out. */
import { QuoteVerifier } from '@phala/dcap-qvl'
import { type CollateralParts, loadCollateral, parseQuote, verifyQuote } from '../../../src/attestation/index.ts'

export interface Question {
  readonly quote: Uint8Array
  readonly parts: CollateralParts
  readonly root: Uint8Array
  /** ms */
  readonly now: number
}

/** A status, or why it is refused. */
export type Answer = { readonly status: string } | { readonly refused: string }

export function askPeer({ quote, parts, root, now }: Question): Answer {
  try {
    const inner = (text: string, member: string) =>
      text.slice(text.indexOf(`"${member}":`) + member.length + 3, text.lastIndexOf(',"signature"'))
    const signature = (text: string) => (JSON.parse(text) as { signature: string }).signature
    const collateral = {
      tcb_info: inner(parts.tcbInfo, 'tcbInfo'),
      tcb_info_signature: signature(parts.tcbInfo),
      tcb_info_issuer_chain: parts.tcbIssuerChain,
      qe_identity: inner(parts.qeIdentity, 'enclaveIdentity'),
      qe_identity_signature: signature(parts.qeIdentity),
      qe_identity_issuer_chain: parts.tcbIssuerChain,
      pck_crl: Buffer.from(parts.pckCrl).toString('hex'),
      pck_crl_issuer_chain: parts.pckCrlIssuerChain,
      root_ca_crl: Buffer.from(parts.rootCaCrl).toString('hex'),
    }
    const { status } = QuoteVerifier.newWithRootCa(Buffer.from(root)).verify(Buffer.from(quote), collateral, now / 1000)
    return { status }
  } catch (error) {
    return { refused: (error as Error).message }
  }
}

export function askOurs({ quote, parts, root, now }: Question): Answer {
  try {
    return { status: verifyQuote(parseQuote(quote), loadCollateral(parts, now, root), now).status }
  } catch (error) {
    return { refused: (error as { code: string }).code }
  }
}

export const isSame = (a: Answer, b: Answer): boolean => ('status' in a ? 'status' in b && a.status === b.status : 'refused' in b)
