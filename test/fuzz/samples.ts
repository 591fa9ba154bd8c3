/** Genuine evidence to begin from: what a quoting authority of ours issues, and real quotes and collateral where somebody has them. */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  type Collateral,
  type CollateralParts,
  type CryptoPort,
  intelRootDer,
  loadCollateral,
  nodeCrypto,
} from '../../src/attestation/index.ts'
import {
  type AuthorityEdits,
  developmentMeasurements,
  keyUsage,
  keyUsageBits,
  platformStatuses,
  type QuoteRequest,
  SoftwareQuotingAuthority,
  teeTcbSvnFor,
} from '../../src/tee/index.ts'
import { seededRandom } from '../tee/support/seeded-random.ts'

export const now = Date.UTC(2026, 5, 1, 12)
export const authority = SoftwareQuotingAuthority.create({ now, random: seededRandom('fuzz') })

/** A port to which every signature is good, so that what stands behind a signature is reached by inputs that nobody signed. */
export const credulous: CryptoPort = { ...nodeCrypto, verifyP256: () => true }

const older = (offset: number, svn: number): NonNullable<QuoteRequest['body']> => {
  const teeTcbSvn = Buffer.from(developmentMeasurements.teeTcbSvn)
  teeTcbSvn[offset] = svn
  return { teeTcbSvn }
}

/** Quotes of every form, and quotes that end at other places of the code: what is refused is a good beginning too. */
const requests: readonly QuoteRequest[] = [
  { version: 4 },
  { version: 5, bodyType: 2 },
  { version: 5, bodyType: 3 },
  { edit: parts => ({ ...parts, qeAuthData: new Uint8Array() }) },
  ...platformStatuses.map(status => ({ body: { teeTcbSvn: teeTcbSvnFor(status) } })),
  ...platformStatuses.map(status => ({
    version: 5 as const,
    body: { teeTcbSvn: teeTcbSvnFor('OutOfDate'), teeTcbSvn2: teeTcbSvnFor(status) },
  })),
  ...[0, 2, 3, 4].map(svn => ({ body: older(0, svn) })),
  ...[0, 2, 3].map(version => ({ body: older(1, version) })),
  { body: older(2, 0) },
  { body: { mrSignerSeam: Buffer.alloc(48, 1) } },
  { body: { seamAttributes: Buffer.alloc(8, 1) } },
  ...[0, 2, 3].map(isvSvn => ({ qeReport: { isvSvn } })),
  { qeReport: { isvProdId: 1 } },
  { qeReport: { miscSelect: 1 } },
  { header: { qeVendorId: Buffer.alloc(16) } },
]
const others: readonly AuthorityEdits[] = [
  { sgx: ({ platformInstanceId, configuration, ...sgx }) => sgx },
  { sgx: sgx => ({ ...sgx, pceSvn: 1 }) },
  { sgx: sgx => ({ ...sgx, fmspc: Buffer.alloc(6) }) },
  { pck: spec => ({ ...spec, notAfter: now - 1000 }) },
  { pck: spec => ({ ...spec, subject: [['CN', 'Somebody']] }) },
  { pck: spec => ({ ...spec, issuer: spec.subject }) },
  { pck: spec => ({ ...spec, extensions: [] }) },
  { pckCa: spec => ({ ...spec, extensions: [keyUsage(keyUsageBits.digitalSignature)] }) },
  { root: spec => ({ ...spec, serial: Buffer.of(1) }) },
]

/** Quotes of every form. */
export function quotes(corpus: string | undefined): Uint8Array[] {
  const ours = [...requests.map(request => authority.issueQuote(request)), ...others.map(edits => authority.with(edits).issueQuote())]
  if (corpus === undefined) return ours
  const folder = join(corpus, 'quotes')
  return [...ours, ...readdirSync(folder).map(name => readFileSync(join(folder, name)))]
}

export interface CollateralSet {
  readonly parts: CollateralParts
  readonly root: Uint8Array
  /** A time at which all of it is current, in ms. */
  readonly at: number
  readonly collateral: Collateral
}

const ourParts = authority.collateral(now)
export const ourCollateral: CollateralSet = {
  parts: ourParts,
  root: authority.rootDer,
  at: now,
  collateral: loadCollateral(ourParts, now, authority.rootDer),
}

/** Our collateral, and every whole set of the corpus. */
export function collateralSets(corpus: string | undefined): CollateralSet[] {
  if (corpus === undefined) return [ourCollateral]
  const folder = join(corpus, 'collateral')
  const real = readdirSync(folder)
    .filter(name => existsSync(join(folder, name, 'pck_crl.der')) && existsSync(join(folder, name, 'root_ca_crl.der')))
    .map(name => realSet(join(folder, name)))
  return [ourCollateral, ...real]
}

function realSet(folder: string): CollateralSet {
  const text = (file: string) => readFileSync(join(folder, file), 'utf8')
  const parts = {
    tcbInfo: text('tcb_info.json'),
    qeIdentity: text('qe_identity.json'),
    pckCrl: readFileSync(join(folder, 'pck_crl.der')),
    rootCaCrl: readFileSync(join(folder, 'root_ca_crl.der')),
    tcbIssuerChain: text('tcb_issuer_chain.pem'),
    pckCrlIssuerChain: text('pck_crl_issuer_chain.pem'),
  }
  const dates = [parts.tcbInfo, parts.qeIdentity].map(document =>
    [/"issueDate":"([^"]+)"/, /"nextUpdate":"([^"]+)"/].map(member => Date.parse(member.exec(document)![1]!)),
  )
  const at = (Math.max(...dates.map(([from]) => from!)) + Math.min(...dates.map(([, until]) => until!))) / 2
  return { parts, root: intelRootDer, at, collateral: loadCollateral(parts, at, intelRootDer) }
}
