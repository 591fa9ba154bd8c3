/** Who can charge: a proxy that proves it by evidence, and every way in which it does not. Nothing is sent before. */
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { developmentPolicy, encodeProxyStatement, type ProxyStatement, proxyReportData } from '../../src/attestation/index.ts'
import { openChain } from '../../src/channel/chain.ts'
import { networks } from '../../src/channel/networks.ts'
import { open } from '../../src/channel/open.ts'
import type { World } from '../../src/channel/world.ts'
import { type PccsServer, servePccs } from '../../src/dev/pccs-server.ts'
import { DEV_GLOBAL_ID } from '../../src/dev-chain/index.ts'
import { toBase64, toHex } from '../../src/lib/bytes.ts'
import { keyPairOf } from '../../src/payment-channel/index.ts'
import { encodeItem, type Item, registryAddress, registryInit } from '../../src/policy-registry/index.ts'
import { developmentMeasurements, SoftwareQuotingAuthority } from '../../src/tee/index.ts'
import { testAddress } from '../support/ton.ts'
import { seededRandom } from '../tee/support/seeded-random.ts'
import { Payer, ton } from './support/payer.ts'

let payer: Payer
let authority: SoftwareQuotingAuthority
let stranger: SoftwareQuotingAuthority
let pccs: PccsServer
/** What the proxy answers where it is asked for evidence. */
let shows: (nonce: Buffer) => Response

beforeAll(async () => {
  const first = await Payer.create()
  const { clock } = first.chain
  await first.close()
  const now = clock.now()
  authority = SoftwareQuotingAuthority.create({ now, random: seededRandom('prove') })
  stranger = SoftwareQuotingAuthority.create({ now, random: seededRandom('prove, stranger') })
  pccs = await servePccs(authority.pccs(clock))
})
afterAll(() => pccs?.close())

beforeEach(async () => {
  payer = await Payer.create()
  writeFileSync(join(payer.folder, 'root.der'), authority.rootDer)
  writeFileSync(join(payer.folder, 'policy.json'), JSON.stringify(developmentPolicy(developmentMeasurements)))
  writeFileSync(
    join(payer.folder, 'other.json'),
    JSON.stringify({ ...developmentPolicy(developmentMeasurements), mr_td: ['ab'.repeat(48)] }),
  )
  shows = nonce => Response.json(evidence({ nonce }))
})
afterEach(() => payer.close())

interface Spec {
  readonly nonce: Buffer
  readonly statement?: Partial<ProxyStatement>
  readonly by?: SoftwareQuotingAuthority
}

function evidence({ nonce, statement, by = authority }: Spec) {
  const bytes = encodeProxyStatement({
    role: 'proxy',
    not_after: payer.chain.clock.now() + 3_600_000,
    chain: DEV_GLOBAL_ID,
    payee: payer.desk.payee.toRawString(),
    payee_key: toHex(payer.desk.payeeKey.publicKey),
    tls_spki: null,
    software: { image_digest: `sha256:${'ef'.repeat(32)}`, version: '1.0.0' },
    ...statement,
  })
  const quote = by.issueQuote({ body: { ...developmentMeasurements, reportData: proxyReportData(nonce, bytes) } })
  return { version: 1, nonce: toHex(nonce), proxy: toBase64(bytes), tee: { type: 'tdx', quote: toBase64(quote) } }
}

const at = (name: string) => join(payer.folder, name)
const trust = (more: object = {}) => ({ trustOperator: false, policy: at('policy.json'), root: at('root.der'), pccs: pccs.url, ...more })

/** The payer's world, in which the proxy answers for its evidence, and the PCCS is a real server. */
const asking = (world: World): World => ({
  ...world,
  fetch: (input, init) => {
    const url = new URL(String(input))
    if (url.pathname === '/v1/attestation') return Promise.resolve(shows(Buffer.from(url.searchParams.get('nonce')!, 'hex')))
    return url.hostname === '127.0.0.1' ? fetch(input, init) : world.fetch(input, init)
  },
})
const opening = (more: object = {}) => payer.failure(world => open(payer.openFlags({ trust: trust(more) }), asking(world)))

describe('a proxy whose enclave vouches for the key that charges', () => {
  test('is opened a channel with, and no operator has to be trusted', async () => {
    const { json } = await payer.run(world => open(payer.openFlags({ trust: trust() }), asking(world)))
    expect(json).toMatchObject({ status: 'open' })
    expect(payer.notes.join('\n')).toMatch(
      /payee key {3}held by an enclave that .*policy\.json accepts, under the root .*root\.der, which is not Intel’s/,
    )
  })
})

describe('a proxy is sent nothing', () => {
  test.each<[string, () => object | undefined, RegExp]>([
    ['where no policy says what may hold the key', () => ({ policy: undefined }), /no --policy says which software/],
    ['under Intel’s root, where its evidence is of another', () => ({ root: undefined }), /not verified: .*\(.*\)/],
    ['where the policy refuses its enclave', () => ({ policy: at('other.json') }), /the policy refuses its enclave: MRTD/],
  ])('%s', async (_, more, why) => {
    await refused(more() ?? {}, why)
  })

  test.each<[string, (nonce: Buffer) => Response, RegExp]>([
    ['that runs in no enclave', () => new Response('{}', { status: 404 }), /it runs in no enclave/],
    ['that fails', () => new Response('{}', { status: 503 }), /it answers 503/],
    ['that shows nonsense', () => new Response('<html>'), /evidence-malformed/],
    ['that shows an answer without end', () => new Response(new Uint8Array(3_000_000)), /an answer without end/],
    ['that shows evidence over another nonce', () => Response.json(evidence({ nonce: Buffer.alloc(32, 1) })), /report-data-mismatch/],
    ['whose quote is somebody else’s', nonce => Response.json(evidence({ nonce, by: stranger })), /chain-untrusted|not verified/],
    [
      'whose enclave vouches for another key',
      nonce => Response.json(evidence({ nonce, statement: { payee_key: 'cd'.repeat(32) } })),
      /another key than the one that would charge/,
    ],
    [
      'whose enclave vouches for another payee',
      nonce => Response.json(evidence({ nonce, statement: { payee: `0:${'cd'.repeat(32)}` } })),
      /another payee/,
    ],
    ['whose enclave is on another chain', nonce => Response.json(evidence({ nonce, statement: { chain: -239 } })), /another payee/],
    ['whose statement is past its time', nonce => Response.json(evidence({ nonce, statement: { not_after: 1 } })), /keyset-expired/],
  ])('%s', async (_, answer, why) => {
    shows = answer
    await refused({}, why)
  })
})

describe('a registry that the payer names', () => {
  const items = async (...listed: Item[]) => {
    const birth = { owner: payer.chain.wallet.address, delay: 60, entries: listed.map(item => ({ cell: encodeItem(item), activeAt: 0 })) }
    const to = registryAddress(birth)
    const wallet = openChain([payer.chain.chain.url], networks.dev, payer.clock).wallet(keyPairOf(Buffer.alloc(32, 7)))
    await payer.run(() => wallet.send([{ to, value: ton(0.2), init: registryInit(birth), bounce: false }]))
    await payer.chain.clock.advance(10_000)
    return to.toString()
  }
  const proxy = (key = payer.desk.payeeKey.publicKey, payee = payer.desk.payee): Item => ({ kind: 'proxy', payee, key: toHex(key) })

  test('lets a channel be opened with a proxy that it lists', async () => {
    const registry = await items(proxy())
    const { json } = await payer.run(world => open(payer.openFlags({ trust: trust({ registry }) }), asking(world)))
    expect(json).toMatchObject({ status: 'open' })
  })

  test('refuses one that it does not list, or with another key or payee', async () => {
    for (const listed of [[], [proxy(Buffer.alloc(32, 1))], [proxy(undefined, testAddress('other'))]])
      await refused({ registry: await items(...listed) }, /does not list a proxy/, '')
    await refused({ registry: 'nowhere' }, /no TON address/, '')
  })

  test('does not stand in for the proof', async () => {
    await refused({ registry: await items(proxy()), policy: undefined }, /no --policy says/)
  })
})

async function refused(more: object, why: RegExp, advice = '--trust-operator'): Promise<void> {
  const { wallet } = payer.chain
  const before = await payer.chain.client.getBalance(wallet.address)
  const refusal = await opening(more)
  expect(refusal.code).toBe('evidence')
  expect(refusal.message).toMatch(why)
  expect(refusal.message).toContain(advice)
  expect([await payer.chain.client.getBalance(wallet.address), existsSync(payer.file)]).toEqual([before, false])
}
