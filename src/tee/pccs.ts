/**
 * Endorsements over HTTP, the authority's own or a mirror's, at the paths and with the headers of Intel's provisioning certification service, version 4,
 * and of the caching service (PCCS) in front of it. A fetch-style handler: who listens, and where, is the caller's business.
 */
import type { CollateralParts } from './authority.ts'

/** What the service serves. `fmspc` is the only platform it knows, `ca` the only PCK CA (`platform` unless told otherwise). */
export interface Endorsements {
  readonly fmspc: Uint8Array
  readonly ca?: 'platform' | 'processor'
  collateral(now: number): CollateralParts
}

type Answer = (parts: CollateralParts, query: URLSearchParams, known: Endorsements) => Response

const routes: Readonly<Record<string, Answer>> = {
  '/sgx/certification/v4/pckcrl': (parts, query, known) => {
    const ca = query.get('ca')
    if (ca !== 'platform' && ca !== 'processor') return problem(400, 'ca must be platform or processor')
    if (ca !== (known.ca ?? 'platform')) return problem(404, 'no such certification authority here')
    const headers = { 'SGX-PCK-CRL-Issuer-Chain': encodeURIComponent(parts.pckCrlIssuerChain) }
    return revocationList(parts.pckCrl, query, headers)
  },
  '/sgx/certification/v4/rootcacrl': (parts, query) => revocationList(parts.rootCaCrl, query, {}),
  '/tdx/certification/v4/qe/identity': parts =>
    json(parts.qeIdentity, { 'SGX-Enclave-Identity-Issuer-Chain': encodeURIComponent(parts.tcbIssuerChain) }),
  '/tdx/certification/v4/tcb': parts => json(parts.tcbInfo, { 'TCB-Info-Issuer-Chain': encodeURIComponent(parts.tcbIssuerChain) }),
}

/** Both give the same here: there is one evaluation. */
const updates = ['early', 'standard']

/**
 * Answers GET (and HEAD) for `pckcrl?ca=platform`, `rootcacrl`, `tcb?fmspc=` and `qe/identity`. Revocation lists are hex text, as PCCS
 * sends them, and DER with `encoding=der`. 404 for another FMSPC or path, 400 for a malformed query, 405 for another method.
 */
export function pccsHandler(endorsements: Endorsements, now: () => number): (request: Request) => Response {
  const known = Buffer.from(endorsements.fmspc).toString('hex')
  return request => {
    const { pathname, searchParams } = new URL(request.url)
    const answer = Object.hasOwn(routes, pathname) ? routes[pathname] : undefined
    if (!answer) return problem(404, 'no such resource')
    if (request.method !== 'GET' && request.method !== 'HEAD') return problem(405, 'only GET', { allow: 'GET, HEAD' })
    if (!updates.includes(searchParams.get('update') ?? 'standard')) return problem(400, 'update must be early or standard')
    if (pathname === '/tdx/certification/v4/tcb') {
      const fmspc = searchParams.get('fmspc') ?? ''
      if (!/^[0-9a-fA-F]{12}$/.test(fmspc)) return problem(400, 'fmspc must be 12 hex digits')
      if (fmspc.toLowerCase() !== known) return problem(404, 'no TCB info for this FMSPC')
    }
    return answer(endorsements.collateral(now()), searchParams, endorsements)
  }
}

function json(body: string, headers: Record<string, string>): Response {
  return new Response(body, { headers: { 'content-type': 'application/json', ...headers } })
}

function revocationList(der: Buffer, query: URLSearchParams, headers: Record<string, string>): Response {
  if (query.get('encoding')?.toLowerCase() === 'der') {
    return new Response(new Uint8Array(der), { headers: { 'content-type': 'application/pkix-crl', ...headers } })
  }
  return new Response(der.toString('hex'), { headers: { 'content-type': 'text/plain', ...headers } })
}

function problem(status: number, message: string, headers: Record<string, string> = {}): Response {
  return new Response(`${message}\n`, { status, headers: { 'content-type': 'text/plain', ...headers } })
}
