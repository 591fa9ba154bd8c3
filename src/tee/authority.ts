/**
 * A quoting authority in software: a whole PKI of our own, in the shape of Intel's, that vouches for any TD it is told of. The
 * development enclave's evidence comes from it, so that the very code that judges real evidence judges ours; tests make every
 * defect with it. Nothing it issues chains to Intel's root, so no verifier accepts it unless it was given our root on purpose.
 */
import { randomBytes } from 'node:crypto'
import { systemClock } from '../lib/clock.ts'
import {
  type AuthorityEdits,
  type AuthorityProfile,
  type CertificateName,
  certificateSpec,
  crlSpec,
  developmentQe,
  documentLifetimeMs,
  generateProfile,
  qeIdentityDocument,
  tcbInfoDocument,
} from './authority-documents.ts'
import { type AuthorityKeys, generateAuthorityKeys, type Random } from './authority-keys.ts'
import { type AuthorityState, loadState, saveState } from './authority-store.ts'
import { TeeError } from './errors.ts'
import { pccsHandler } from './pccs.ts'
import {
  bodyTypes,
  encodeQuote,
  intelQeVendorId,
  type QeReport,
  type QuoteHeader,
  type QuoteParts,
  qeReportData,
  quoteCertificateChain,
  tdBody,
} from './quote.ts'
import { type Quoter, softwareQuoter } from './quoter.ts'
import { signedDocument } from './tcb-info.ts'
import { developmentMeasurements, type TdMeasurements, type TdReport } from './td-report.ts'
import { certificate, certificateRevocationList, pem } from './x509.ts'

/** The endorsements that a verifier needs beside a quote, as Intel's service gives them. */
export interface CollateralParts {
  /** `{"tcbInfo":…,"signature":hex}` */
  readonly tcbInfo: string
  /** `{"enclaveIdentity":…,"signature":hex}` */
  readonly qeIdentity: string
  /** DER. */
  readonly pckCrl: Buffer
  /** DER. */
  readonly rootCaCrl: Buffer
  /** PEM: TCB signer, root. */
  readonly tcbIssuerChain: string
  /** PEM: PCK CA, root. */
  readonly pckCrlIssuerChain: string
}

/** What a quote should say; everything absent is as a good development quote has it. */
export interface QuoteRequest {
  /** 4 (default) or 5. Shorthand for `header.version`. */
  readonly version?: 4 | 5
  /** Version 5: 2 is TD 1.0, 3 (default there) is TD 1.5. Version 4 has 2 and no other. */
  readonly bodyType?: 2 | 3
  /** Fields of the TD report; the rest is of the development TD, with REPORTDATA zero. */
  readonly body?: Partial<TdReport>
  readonly header?: Partial<QuoteHeader>
  /** Fields of the QE report. Its `reportData` is the right one for the attestation key unless given. */
  readonly qeReport?: Partial<QeReport>
  /** Anything else: `attestationKey`, `quoteSigningKey`, `qeAuthData`, `qeSigningKey`, `certificateChain`, or a whole `body`. */
  readonly edit?: (good: QuoteParts) => QuoteParts
}

export class SoftwareQuotingAuthority {
  readonly keys: AuthorityKeys
  readonly profile: AuthorityProfile
  /** DER of the four certificates. */
  readonly certificates: AuthorityState['certificates']
  readonly #edits: AuthorityEdits
  #held: { readonly from: number; readonly parts: CollateralParts } | undefined

  /** From its state; use {@link create}, {@link load} or {@link open}. */
  constructor(o: AuthorityState & { edits?: AuthorityEdits }) {
    this.keys = o.keys
    this.profile = o.profile
    this.certificates = o.certificates
    this.#edits = o.edits ?? {}
  }

  /**
   * A new authority: fresh keys, serial numbers and platform identifiers. `now` in milliseconds; certificates last twenty years
   * from it. With `random` replaced everything but the signatures is repeatable (ECDSA draws a nonce of its own).
   */
  static create(o: { now: number; random?: Random }): SoftwareQuotingAuthority {
    const random = o.random ?? randomBytes
    const keys = generateAuthorityKeys(random)
    const profile = generateProfile(o.now, random)
    const issue = (name: CertificateName) => certificate(certificateSpec(name, profile, keys, {}))
    return new SoftwareQuotingAuthority({
      keys,
      profile,
      certificates: { root: issue('root'), pckCa: issue('pckCa'), pck: issue('pck'), tcbSigner: issue('tcbSigner') },
    })
  }

  /** The authority that {@link save} wrote. Throws `TeeError`: `authority-missing`, `authority-exposed`, `authority-unreadable`. */
  static async load(directory: string): Promise<SoftwareQuotingAuthority> {
    return new SoftwareQuotingAuthority(await loadState(directory))
  }

  /**
   * The authority in `directory`, made and saved there if there is none yet. Processes that open the same directory at the same time
   * get the same one. Throws as {@link load}, but not `authority-missing`.
   */
  static async open(directory: string, o: { now: number; random?: Random }): Promise<SoftwareQuotingAuthority> {
    try {
      return await SoftwareQuotingAuthority.load(directory)
    } catch (error) {
      if (!(error instanceof TeeError && error.code === 'authority-missing')) throw error
    }
    await saveState(directory, SoftwareQuotingAuthority.create(o), { replace: false })
    return SoftwareQuotingAuthority.load(directory)
  }

  /**
   * Writes `authority.json` (mode 0600: it holds the private keys) and `root-ca.pem` into `directory`, each whole or not at all, in
   * place of what was there. Throws `TypeError` for an authority with edits: a defect is for one test, not for keeping.
   */
  async save(directory: string): Promise<void> {
    if (Object.keys(this.#edits).length > 0) throw new TypeError('an edited authority is not stored')
    await saveState(directory, this, { replace: true })
  }

  /** The trusted root for whoever is to believe this authority, DER. */
  get rootDer(): Buffer {
    return this.certificates.root
  }

  /**
   * The same authority with some documents issued anew after `edits`, which add to those it has: same keys, and every certificate
   * that is not edited stays as it is, byte for byte. This is how one thing at a time is made wrong.
   */
  with(edits: AuthorityEdits): SoftwareQuotingAuthority {
    const all = { ...this.#edits, ...edits }
    const reissue = (name: CertificateName) =>
      edits[name] || (name === 'pck' && edits.sgx)
        ? certificate(certificateSpec(name, this.profile, this.keys, all))
        : this.certificates[name]
    return new SoftwareQuotingAuthority({
      keys: this.keys,
      profile: this.profile,
      certificates: { root: reissue('root'), pckCa: reissue('pckCa'), pck: reissue('pck'), tcbSigner: reissue('tcbSigner') },
      edits: all,
    })
  }

  /** A quote over the TD report that `request` describes. Throws `RangeError` for a field of the wrong size. */
  issueQuote(request: QuoteRequest = {}): Buffer {
    const version = request.header?.version ?? request.version ?? 4
    const bodyType = request.bodyType ?? (version === 5 ? bodyTypes.td15 : bodyTypes.td10)
    const { attestation } = this.keys
    const qeAuthData = Buffer.from(Array.from({ length: 32 }, (_, index) => index)) // what Intel's QE writes too
    const parts: QuoteParts = {
      header: { ...this.#header(), version, ...request.header },
      body: tdBody({ ...developmentMeasurements, reportData: Buffer.alloc(64), ...request.body }, bodyType),
      attestationKey: attestation,
      quoteSigningKey: attestation,
      qeReport: {
        ...developmentQe,
        cpuSvn: this.profile.sgx.cpuSvn,
        reportData: qeReportData(attestation, qeAuthData),
        ...request.qeReport,
      },
      qeAuthData,
      qeSigningKey: this.keys.pck,
      certificateChain: quoteCertificateChain(this.certificates.pck, this.certificates.pckCa, this.certificates.root),
    }
    return encodeQuote(request.edit ? request.edit(parts) : parts)
  }

  #header(): QuoteHeader {
    const userData = Buffer.alloc(20)
    userData.set(this.profile.qeId)
    return { version: 4, attestationKeyType: 2, teeType: 0x81, reserved: Buffer.alloc(4), qeVendorId: intelQeVendorId, userData }
  }

  /**
   * Revocation lists, TCB info and QE identity that are valid at `now` (milliseconds), with their chains. They last 30 days; the
   * same ones are given out for the first half of that, then fresh ones, so whoever asks has at least 15 days.
   */
  collateral(now: number): CollateralParts {
    const held = this.#held
    if (held && now >= held.from && now - held.from < documentLifetimeMs / 2) return held.parts
    const from = Math.floor(now / 1000) * 1000
    const window = { from, until: from + documentLifetimeMs }
    const { root, pckCa, tcbSigner } = this.certificates
    const parts: CollateralParts = {
      tcbInfo: signedDocument('tcbInfo', tcbInfoDocument(this.profile, window, this.keys, this.#edits)),
      qeIdentity: signedDocument('enclaveIdentity', qeIdentityDocument(window, this.keys, this.#edits)),
      pckCrl: certificateRevocationList(crlSpec('pckCa', window, this.keys, this.#edits)),
      rootCaCrl: certificateRevocationList(crlSpec('root', window, this.keys, this.#edits)),
      tcbIssuerChain: pem(tcbSigner, root),
      pckCrlIssuerChain: pem(pckCa, root),
    }
    this.#held = { from, parts }
    return parts
  }

  /** Quotes of a TD with these measurements. */
  quoter(td?: Partial<TdMeasurements>): Quoter {
    return softwareQuoter(this, td)
  }

  /** A handler that serves {@link collateral} as Intel's service would; see `pccs.ts`. */
  pccs(clock: { now(): number } = systemClock): (request: Request) => Response {
    return pccsHandler({ fmspc: this.profile.sgx.fmspc, collateral: now => this.collateral(now) }, () => clock.now())
  }
}
