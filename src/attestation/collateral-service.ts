/**
 * Asking a PCCS-shaped service (Intel PCS API v4) for the parts of collateral. Nothing that comes is believed here; this only
 * brings the forms that such services use to one: chains URL-encoded in headers, in either order; lists in DER, hex or PEM.
 */
import { messageOf } from '../lib/coded-error.ts'
import { AttestationError } from './errors.ts'
import { sameBytes } from './tdx/bytes.ts'
import type { CollateralParts } from './tdx/collateral.ts'
import { parsePemChain } from './tdx/x509.ts'

/** A PCK CA: of machines with several packages, or with one. */
export type PckCaName = 'platform' | 'processor'

/** `early`: evaluations as soon as Intel publishes them. `standard`: when platforms had some months to follow. */
export type CollateralUpdate = 'standard' | 'early'

export interface CollateralService {
  readonly baseUrl: string
  readonly fetch: typeof fetch
  readonly update: CollateralUpdate
}

const maxAnswer = 1024 * 1024
const timeoutMs = 20_000
const intelPcs = 'https://api.trustedservices.intel.com'
const intelRootCrl = 'https://certificates.trustedservices.intel.com/IntelSGXRootCA.der'

/** All parts for a platform. Throws {@link AttestationError} `collateral-unavailable`, or `collateral-malformed` where a header is missing or broken. */
export async function fetchParts(service: CollateralService, fmspc: string, ca: PckCaName): Promise<CollateralParts> {
  // Standard is what the API gives where nothing is said: services that never heard of `update` still work.
  const update = service.update === 'early' ? 'update=early' : ''
  const [tcb, qe, pckCrl, rootCaCrl] = await Promise.all([
    ask(service, `/tdx/certification/v4/tcb?fmspc=${fmspc}${update && `&${update}`}`),
    ask(service, `/tdx/certification/v4/qe/identity${update && `?${update}`}`),
    ask(service, `/sgx/certification/v4/pckcrl?ca=${ca}&encoding=der`),
    ask(service, '/sgx/certification/v4/rootcacrl'),
  ])
  return {
    tcbInfo: tcb.body.toString('utf8'),
    qeIdentity: qe.body.toString('utf8'),
    pckCrl: asDer(pckCrl.body),
    rootCaCrl: asDer(rootCaCrl.body),
    tcbIssuerChain: chainIn(tcb.headers, 'tcb-info-issuer-chain', 'sgx-tcb-info-issuer-chain'),
    pckCrlIssuerChain: chainIn(pckCrl.headers, 'sgx-pck-crl-issuer-chain'),
  }
}

async function ask({ baseUrl, fetch }: CollateralService, path: string): Promise<{ body: Buffer; headers: Headers }> {
  const base = baseUrl.replace(/\/$/, '')
  const url = base === intelPcs && path.endsWith('/rootcacrl') ? intelRootCrl : base + path
  try {
    const response = await fetch(url, { signal: AbortSignal.timeout(timeoutMs), redirect: 'error' })
    if (!response.ok) throw new Error(`it answered ${response.status}`)
    return { body: await readBody(response), headers: response.headers }
  } catch (cause) {
    throw new AttestationError('collateral-unavailable', `the collateral service did not give ${path.split('?')[0]}: ${messageOf(cause)}`, {
      cause,
    })
  }
}

/** The body, as far as it may go: leaving the loop hangs up on a service that goes on. */
async function readBody(response: Response): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > maxAnswer) throw new Error(`it answered more than ${maxAnswer} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** PCS gives lists as DER or PEM, PCCS as hex text. */
function asDer(body: Buffer): Buffer {
  const start = body.subarray(0, 5).toString('latin1')
  if (start.startsWith('30')) {
    const text = body.toString('latin1').trim()
    if (/^(?:[0-9a-fA-F]{2})+$/.test(text)) return Buffer.from(text, 'hex')
  }
  if (start === '-----') {
    const pem = /^-----BEGIN X509 CRL-----\s+([A-Za-z0-9+/=\s]+)-----END X509 CRL-----\s*$/.exec(body.toString('latin1'))
    if (pem) return Buffer.from(pem[1]!, 'base64')
  }
  return body
}

/** A chain out of the first header that is there, signer first. */
function chainIn(headers: Headers, ...names: readonly [string, ...string[]]): string {
  const value = names.map(name => headers.get(name)).find(found => found !== null)
  if (value === undefined) throw new AttestationError('collateral-malformed', `the collateral service sent no ${names[0]}`)
  try {
    // Form encoding writes a space as a plus sign; in base64 a plus sign is then %2B.
    return signerFirst(decodeURIComponent(value.includes('BEGIN+CERTIFICATE') ? value.replaceAll('+', '%20') : value))
  } catch (cause) {
    throw new AttestationError('collateral-malformed', `the collateral service sent a broken ${names[0]}`, { cause })
  }
}

/** Some mirrors put the root first. What cannot be read stays as it is, for the verification to refuse by its own name. */
function signerFirst(chain: string): string {
  const blocks = chain.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  const [first, second] = blocks
  if (blocks.length !== 2 || first === undefined || second === undefined) return chain
  try {
    const [certificate] = parsePemChain(first, 1)
    return sameBytes(certificate!.issuer, certificate!.subject) ? `${second}\n${first}\n` : chain
  } catch {
    return chain
  }
}
