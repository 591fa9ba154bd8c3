import { describe, expect, test } from 'vitest'
import { SoftwareQuotingAuthority } from '../../src/tee/index.ts'
import { seededRandom } from './support/seeded-random.ts'

const now = Date.UTC(2026, 5, 1)
const authority = SoftwareQuotingAuthority.create({ now, random: seededRandom('pccs') })
let time = now
const handler = authority.pccs({ now: () => time })
const get = (path: string, init?: RequestInit) => handler(new Request(`http://pccs.test${path}`, init))
const parts = authority.collateral(now)

describe('the endorsement service', () => {
  test('serves TCB info with the chain of its signer, whatever the case of the FMSPC', async () => {
    for (const fmspc of ['c0de43485259', 'C0DE43485259']) {
      const response = get(`/tdx/certification/v4/tcb?fmspc=${fmspc}`)
      expect(response.status).toBe(200)
      expect(response.headers.get('content-type')).toBe('application/json')
      const chain = response.headers.get('TCB-Info-Issuer-Chain')!
      expect(chain).toMatch(/^-----BEGIN%20CERTIFICATE-----%0A[A-Za-z0-9%-]+$/)
      expect(decodeURIComponent(chain)).toBe(parts.tcbIssuerChain)
      expect(await response.text()).toBe(parts.tcbInfo)
    }
  })

  test('serves the QE identity with its chain', async () => {
    const response = get('/tdx/certification/v4/qe/identity')
    expect(decodeURIComponent(response.headers.get('SGX-Enclave-Identity-Issuer-Chain')!)).toBe(parts.tcbIssuerChain)
    expect(await response.text()).toBe(parts.qeIdentity)
  })

  test('serves the PCK revocation list as DER or as hex, with its chain', async () => {
    const response = get('/sgx/certification/v4/pckcrl?ca=platform&encoding=der')
    expect(decodeURIComponent(response.headers.get('SGX-PCK-CRL-Issuer-Chain')!)).toBe(parts.pckCrlIssuerChain)
    expect(response.headers.get('content-type')).toBe('application/pkix-crl')
    expect(Buffer.from(await response.arrayBuffer())).toEqual(parts.pckCrl)
    expect(await get('/sgx/certification/v4/pckcrl?ca=platform').text()).toBe(parts.pckCrl.toString('hex'))
  })

  test('serves the root revocation list as hex, as PCCS does, or as DER', async () => {
    expect(await get('/sgx/certification/v4/rootcacrl').text()).toBe(parts.rootCaCrl.toString('hex'))
    expect(Buffer.from(await get('/sgx/certification/v4/rootcacrl?encoding=DER').arrayBuffer())).toEqual(parts.rootCaCrl)
  })

  test.each([
    [404, '/tdx/certification/v4/tcb?fmspc=90c06f000000'],
    [400, '/tdx/certification/v4/tcb?fmspc=90c06f'],
    [400, '/tdx/certification/v4/tcb'],
    [404, '/sgx/certification/v4/pckcrl?ca=processor&encoding=der'],
    [400, '/sgx/certification/v4/pckcrl?ca=other'],
    [404, '/sgx/certification/v4/tcb?fmspc=c0de43485259'],
    [200, '/tdx/certification/v4/tcb?fmspc=c0de43485259&update=early'],
    [200, '/tdx/certification/v4/qe/identity?update=standard'],
    [400, '/tdx/certification/v4/qe/identity?update=soon'],
    [404, '/'],
    [404, '/constructor'],
  ])('answers %i to %s', (status, path) => {
    expect(get(path).status).toBe(status)
  })

  test('answers 405 to a post', () => {
    const response = get('/tdx/certification/v4/qe/identity', { method: 'POST' })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD'])
  })

  test('serves fresh documents when time has passed', async () => {
    time = now + 100 * 24 * 60 * 60 * 1000
    expect(JSON.parse(await get('/tdx/certification/v4/qe/identity').text()).enclaveIdentity.issueDate).toBe('2026-09-09T00:00:00Z')
    time = now
  })
})
