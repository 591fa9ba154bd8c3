/** Collateral as Intel signed it, mirrored over HTTP on loopback and fetched from there: each case of the data set through the client. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { CollateralClient, collateralFor, intelRootDer, parseQuote, verifyQuote } from '../../src/attestation/index.ts'
import { type PccsServer, servePccs } from '../../src/dev/pccs-server.ts'
import { pccsHandler } from '../../src/tee/pccs.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { realCollateral, tdxData, whySkipped } from '../tee/support/tdx-data.ts'

interface Case {
  readonly quote: string
  readonly collateral: string
  /** Seconds. */
  readonly now: number
  readonly tcbStatus: string
}

const cases: Case[] =
  tdxData === undefined ? [] : (JSON.parse(readFileSync(join(tdxData, 'index.json'), 'utf8')) as { cases: Case[] }).cases
const sets = new Map(realCollateral().map(set => [set.name, set]))

/** The set that the mirror serves now. */
let served = ''
let mirror: PccsServer

beforeAll(async () => {
  mirror = await servePccs(request => {
    const { text, bytes } = sets.get(served)!
    const parts = {
      tcbInfo: text('tcb_info.json'),
      qeIdentity: text('qe_identity.json'),
      pckCrl: bytes('pck_crl.der'),
      rootCaCrl: bytes('root_ca_crl.der'),
      tcbIssuerChain: text('tcb_issuer_chain.pem'),
      pckCrlIssuerChain: text('pck_crl_issuer_chain.pem'),
    }
    return pccsHandler({ fmspc: Buffer.from(served.slice(0, 12), 'hex'), collateral: () => parts }, () => 0)(request)
  })
})
afterAll(() => mirror.close())

describe.skipIf(whySkipped)(`Intel’s own collateral, through a mirror${whySkipped}`, () => {
  test.each(cases)('$quote with $collateral is $tcbStatus', async ({ quote, collateral: set, now, tcbStatus }) => {
    served = set
    const clock = new ManualClock(now * 1000)
    const client = new CollateralClient({ baseUrl: mirror.url, fetch, root: intelRootDer, clock })
    const parsed = parseQuote(readFileSync(join(tdxData!, 'quotes', `${quote}.bin`)))
    const { fmspc, ca } = collateralFor(parsed)
    const collateral = await client.get(fmspc, ca)
    expect(collateral.validUntil).toBeGreaterThan(now * 1000)
    if (tcbStatus === 'NotSupported') expect(() => verifyQuote(parsed, collateral, now * 1000)).toThrow('TCB')
    else expect(verifyQuote(parsed, collateral, now * 1000).status).toBe(tcbStatus)
  })
})
