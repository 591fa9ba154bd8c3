/** Fetching collateral over real HTTP from a service that a test can break: held to its end, renewed ahead, and closed after it. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { CollateralClient, type CollateralClientOptions } from '../../src/attestation/index.ts'
import { eventually } from '../support/eventually.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { eventualOutcome } from './support/outcome.ts'
import { authority, day, now, processorAuthority, stranger } from './support/sample.ts'

const fmspc = 'c0de43485259'
const paths = {
  tcb: '/tdx/certification/v4/tcb',
  qe: '/tdx/certification/v4/qe/identity',
  pckCrl: '/sgx/certification/v4/pckcrl',
  rootCrl: '/sgx/certification/v4/rootcacrl',
}
type Part = keyof typeof paths
type Fault = (response: ServerResponse, good: Response) => void | Promise<void>

/** The authority's endorsements on a loopback socket, with faults by path, and a client of it. */
async function setUp(options: Partial<CollateralClientOptions> = {}, by = authority) {
  const clock = new ManualClock(now)
  const endorse = by.pccs(clock)
  const asked: string[] = []
  const faults = new Map<string, Fault>()
  const answer = async (request: IncomingMessage, response: ServerResponse) => {
    asked.push(request.url!)
    const good = endorse(new Request(`http://pccs.test${request.url}`))
    const fault = faults.get(request.url!.split('?')[0]!)
    if (fault) return fault(response, good)
    response.writeHead(good.status, Object.fromEntries(good.headers)).end(Buffer.from(await good.arrayBuffer()))
  }
  const server = createServer((request, response) => void answer(request, response))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const stop = async () => {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
  onTestFinished(stop)
  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const open = (more: Partial<CollateralClientOptions> = {}) =>
    new CollateralClient({ baseUrl, fetch, root: authority.rootDer, clock, draw: () => 0.5, ...options, ...more })
  const client = open()
  return { clock, asked, faults, stop, open, baseUrl, client, get: () => client.get(fmspc, 'platform') }
}

describe('collateral', () => {
  test('is asked for at Intel’s paths, once, and verified', async () => {
    const { asked, get } = await setUp()
    const collateral = await get()
    expect(collateral.tcbInfo.fmspc).toBe(fmspc)
    expect([collateral.validFrom, collateral.validUntil]).toEqual([now, now + 30 * day])
    expect(await get()).toBe(collateral)
    expect(asked.toSorted()).toEqual([`${paths.pckCrl}?ca=platform&encoding=der`, paths.rootCrl, paths.qe, `${paths.tcb}?fmspc=${fmspc}`])
  })

  test('is fetched once for all who ask at once', async () => {
    const { asked, get } = await setUp()
    const all = await Promise.all([get(), get(), get(), get(), get()])
    expect(new Set(all).size).toBe(1)
    expect(asked).toHaveLength(4)
  })

  test('is fetched again after a failure, which is told to all who asked at once', async () => {
    const { asked, faults, get } = await setUp()
    faults.set(paths.tcb, response => void response.writeHead(503).end())
    expect(await Promise.all([get(), get()].map(eventualOutcome))).toEqual(['collateral-unavailable', 'collateral-unavailable'])
    expect(asked.filter(url => url.startsWith(paths.tcb))).toHaveLength(1)
    faults.clear()
    expect(await eventualOutcome(get())).toBe('accepted')
  })

  test('may come from an address that ends in a slash, with lists in hex of either case or in DER', async () => {
    const { open, faults, baseUrl } = await setUp()
    const { pckCrl, rootCaCrl } = authority.collateral(now)
    faults.set(paths.rootCrl, response => void response.end(rootCaCrl))
    expect(await eventualOutcome(open({ baseUrl: `${baseUrl}/` }).get(fmspc, 'platform'))).toBe('accepted')
    faults.set(paths.rootCrl, response => void response.end(`${rootCaCrl.toString('hex').toUpperCase()}\n`))
    faults.set(paths.pckCrl, (response, good) => void response.setHeaders(good.headers).end(pckCrl.toString('hex')))
    expect(await eventualOutcome(open().get(fmspc, 'platform'))).toBe('accepted')
  })

  test('may be asked for early, from a service that knows the word', async () => {
    const { asked, open } = await setUp()
    expect(await eventualOutcome(open({ update: 'early' }).get(fmspc, 'platform'))).toBe('accepted')
    expect(asked.toSorted().slice(2)).toEqual([`${paths.qe}?update=early`, `${paths.tcb}?fmspc=${fmspc}&update=early`])
  })

  test('of a platform that the service does not know is not to be had', async () => {
    const { client } = await setUp()
    await expect(client.get('90c06f000000', 'platform')).rejects.toMatchObject({
      code: 'collateral-unavailable',
      message: expect.stringContaining('it answered 404'),
    })
    expect(await eventualOutcome(client.get(fmspc, 'processor'))).toBe('collateral-unavailable')
  })

  test('is asked of Intel itself where that is the address, with the root’s list from its other house', async () => {
    const urls: string[] = []
    const { open } = await setUp()
    const none: typeof fetch = async url => {
      urls.push(String(url))
      return new Response(null, { status: 404 })
    }
    expect(await eventualOutcome(open({ baseUrl: 'https://api.trustedservices.intel.com', fetch: none }).get(fmspc, 'platform'))).toBe(
      'collateral-unavailable',
    )
    expect(urls).toContain('https://certificates.trustedservices.intel.com/IntelSGXRootCA.der')
    expect(urls).toContain(`https://api.trustedservices.intel.com${paths.tcb}?fmspc=${fmspc}`)
  })
})

describe('time', () => {
  test.each([
    [0, 0.45],
    [0.5, 0.5],
    [1, 0.55],
  ])('with a draw of %f it is fetched anew from %f of its window on, while the last one serves', async (draw, share) => {
    const { clock, asked, get } = await setUp({ draw: () => draw })
    const first = await get()
    await clock.advance(30 * day * share - 1)
    expect(await get()).toBe(first)
    expect(asked).toHaveLength(4)
    await clock.advance(1)
    expect(await get()).toBe(first)
    await eventually(async () => (asked.length === 8 && (await get()) !== first) || undefined)
    if (share >= 0.5) expect((await get()).validUntil).toBe(now + 30 * day * share + 30 * day)
  })

  test('a service that is down is left alone for a minute, and the last good one serves to its end, then nothing does', async () => {
    const { clock, asked, faults, client, get, stop } = await setUp()
    const ours = () => asked.filter(url => url === `${paths.tcb}?fmspc=${fmspc}`)
    const first = await get()
    for (const path of Object.values(paths)) faults.set(path, response => void response.writeHead(500).end())
    await clock.advance(20 * day)
    for (let again = 0; again < 5; again++) expect(await get()).toBe(first)
    await eventually(async () => asked.length === 8 || undefined)
    await clock.advance(59_999)
    expect(await get()).toBe(first)
    // Whatever that had set off would have been asked before this is answered.
    await eventualOutcome(client.get('90c06f000000', 'platform'))
    expect(ours()).toHaveLength(2)
    await clock.advance(1)
    expect(await get()).toBe(first)
    await eventually(async () => ours().length === 3 || undefined)
    await stop()
    await clock.advance(10 * day - 60_000 - 1)
    expect(await get()).toBe(first)
    await clock.advance(1)
    expect(await eventualOutcome(get())).toBe('collateral-unavailable')
  })

  test('what is worse does not replace what is good', async () => {
    const { clock, asked, faults, get } = await setUp()
    const first = await get()
    faults.set(paths.tcb, (response, good) => void response.setHeaders(good.headers).end(stranger.collateral(now).tcbInfo))
    await clock.advance(20 * day)
    expect(await get()).toBe(first)
    await eventually(async () => asked.length === 8 || undefined)
    await clock.advance(1000)
    expect(await get()).toBe(first)
  })

  test('is not used before it begins, where the clock was set back', async () => {
    let at = now
    const { get } = await setUp({ clock: { now: () => at, after: () => ({ cancel: () => {} }) } })
    const first = await get()
    at = now - day
    expect(await eventualOutcome(get())).toBe('crl-expired')
    at = now
    expect(await get()).toBe(first)
  })
})

describe('what a service sends', () => {
  const replaced = (change: (body: string) => string | Buffer): Fault => {
    return async (response, good) => void response.setHeaders(good.headers).end(change(await good.text()))
  }
  const bare: Fault = async (response, good) => void response.end(Buffer.from(await good.arrayBuffer()))
  const headed = (name: string, value: string): Fault => {
    return async (response, good) =>
      void response
        .setHeaders(good.headers)
        .setHeader(name, value)
        .end(Buffer.from(await good.arrayBuffer()))
  }
  const other = stranger.collateral(now)
  const elsewhere = authority.with({ tcbInfo: info => ({ ...info, body: { ...info.body, fmspc: '00806f050000' } }) }).collateral(now)
  const processor = processorAuthority.collateral(now)
  const ofProcessor: Fault = (response, good) =>
    void response
      .setHeaders(good.headers)
      .setHeader('sgx-pck-crl-issuer-chain', encodeURIComponent(processor.pckCrlIssuerChain))
      .end(processor.pckCrl)
  const [signer, root] = authority.collateral(now).tcbIssuerChain.match(/-----BEGIN[^-]+-----[^-]+-----END[^-]+-----\n/g)!

  test.each<[string, string, Part, Fault]>([
    ['TCB info of words', 'collateral-malformed', 'tcb', replaced(() => '<html>')],
    ['TCB info that is cut off', 'collateral-malformed', 'tcb', replaced(body => body.slice(0, -10))],
    ['TCB info of nothing', 'collateral-malformed', 'tcb', replaced(() => '')],
    ['TCB info that was changed', 'collateral-untrusted', 'tcb', replaced(body => body.replace('OutOfDate', 'UpToDate'))],
    ['TCB info of a stranger', 'collateral-untrusted', 'tcb', replaced(() => other.tcbInfo)],
    ['TCB info without the chain of its signer', 'collateral-malformed', 'tcb', bare],
    ['TCB info with a broken chain', 'collateral-malformed', 'tcb', headed('tcb-info-issuer-chain', '%E0%A4%A')],
    ['TCB info with a chain of words', 'certificate-malformed', 'tcb', headed('tcb-info-issuer-chain', 'chain')],
    [
      'TCB info with a stranger’s chain',
      'chain-untrusted',
      'tcb',
      headed('tcb-info-issuer-chain', encodeURIComponent(other.tcbIssuerChain)),
    ],
    ['a QE identity of a stranger', 'collateral-untrusted', 'qe', replaced(() => other.qeIdentity)],
    ['a QE identity of words', 'collateral-malformed', 'qe', replaced(() => 'QE')],
    ['a list of nothing', 'collateral-malformed', 'pckCrl', replaced(() => '')],
    ['a list of a stranger', 'crl-untrusted', 'pckCrl', replaced(() => other.pckCrl)],
    ['a list without the chain of its issuer', 'collateral-malformed', 'pckCrl', bare],
    ['half a digit of hex', 'collateral-malformed', 'rootCrl', replaced(body => body.slice(0, -1))],
    ['a root’s list that is the other one', 'crl-untrusted', 'rootCrl', replaced(() => authority.collateral(now).pckCrl)],
    ['a server error', 'collateral-unavailable', 'qe', response => void response.writeHead(500).end('{}')],
    ['not found', 'collateral-unavailable', 'rootCrl', response => void response.writeHead(404).end()],
    ['nothing, and hangs up', 'collateral-unavailable', 'pckCrl', response => void response.destroy()],
    [
      'half of what it promised',
      'collateral-unavailable',
      'tcb',
      response => void response.writeHead(200, { 'content-length': 100 }).write('{', () => response.destroy()),
    ],
    ['collateral of another platform', 'collateral-mismatch', 'tcb', replaced(() => elsewhere.tcbInfo)],
    ['collateral of the other CA', 'collateral-mismatch', 'pckCrl', ofProcessor],
    ['a login that it wants first', 'collateral-unavailable', 'tcb', response => void response.writeHead(401).end()],
    ['a page in place of a list', 'collateral-malformed', 'pckCrl', replaced(() => '<html><body>Welcome</body></html>')],
    ['a list in PEM that is cut off', 'collateral-malformed', 'pckCrl', replaced(() => '-----BEGIN X509 CRL-----\nMII=')],
    ['a chain of one certificate', 'certificate-malformed', 'tcb', headed('tcb-info-issuer-chain', encodeURIComponent(root!))],
    ['a chain of the root twice', 'chain-untrusted', 'tcb', headed('tcb-info-issuer-chain', encodeURIComponent(root! + root!))],
    ['more than a megabyte', 'collateral-unavailable', 'qe', replaced(body => body + ' '.repeat(1024 * 1024))],
  ])('%s: %s', async (_, code, part, fault) => {
    const { faults, get } = await setUp()
    faults.set(paths[part], fault)
    expect(await eventualOutcome(get())).toBe(code)
    faults.clear()
    expect(await eventualOutcome(get())).toBe('accepted')
  })

  test.each<[string, Part, Fault]>([
    ['chains with the root first', 'tcb', headed('tcb-info-issuer-chain', encodeURIComponent(root! + signer!))],
    [
      'chains with spaces as plus signs',
      'tcb',
      headed('tcb-info-issuer-chain', encodeURIComponent(signer! + root!).replaceAll('%20', '+')),
    ],
    [
      'the chain under its older name',
      'tcb',
      async (response, good) =>
        void response
          .setHeader('sgx-tcb-info-issuer-chain', good.headers.get('tcb-info-issuer-chain')!)
          .end(Buffer.from(await good.arrayBuffer())),
    ],
    ['lists in PEM', 'rootCrl', response => void response.end(pemOf(authority.collateral(now).rootCaCrl))],
  ])('may have %s', async (_, part, fault) => {
    const { faults, get } = await setUp()
    faults.set(paths[part], fault)
    expect(await eventualOutcome(get())).toBe('accepted')
  })

  test('from another place is not taken, also where it is good', async () => {
    const { asked, faults, get } = await setUp()
    let turned = false
    faults.set(paths.tcb, async (response, good) => {
      if (turned) return void response.setHeaders(good.headers).end(await good.text())
      turned = true
      response.writeHead(302, { location: `${paths.tcb}?fmspc=${fmspc}` }).end()
    })
    expect(await eventualOutcome(get())).toBe('collateral-unavailable')
    expect(asked.filter(url => url.startsWith(paths.tcb))).toHaveLength(1)
  })

  test('without end is not read without end', async () => {
    const { faults, get } = await setUp()
    let sent = 0
    const most = 64 * 1024 * 1024
    faults.set(paths.qe, response => {
      const chunk = Buffer.alloc(64 * 1024, 0x20)
      const more = () => {
        while (sent < most && !response.destroyed) {
          sent += chunk.length
          if (!response.write(chunk)) return void response.once('drain', more)
        }
        response.end()
      }
      more()
    })
    expect(await eventualOutcome(get())).toBe('collateral-unavailable')
    expect(sent).toBeLessThan(most / 2)
  })

  test.each<[string, Fault]>([
    ['at all', () => {}],
    ['to the end', response => void response.writeHead(200).write('{')],
  ])('that does not come %s is not waited for without end', async (_, fault) => {
    const original = AbortSignal.timeout.bind(AbortSignal)
    const timeouts = vi.spyOn(AbortSignal, 'timeout').mockImplementation(() => original(50))
    onTestFinished(() => timeouts.mockRestore())
    const { faults, get } = await setUp()
    faults.set(paths.tcb, fault)
    expect(await eventualOutcome(get())).toBe('collateral-unavailable')
    expect(timeouts).toHaveBeenCalledWith(20_000)
  })

  test('nothing, because nobody listens: says which document and why', async () => {
    const { get, stop } = await setUp()
    await stop()
    await expect(get()).rejects.toMatchObject({
      code: 'collateral-unavailable',
      message: expect.stringMatching(/the collateral service did not give \/(tdx|sgx)\/certification\/v4\//),
    })
  })
})

function pemOf(list: Buffer): string {
  return `-----BEGIN X509 CRL-----\n${list.toString('base64').replace(/.{64}/g, '$&\n')}\n-----END X509 CRL-----\n`
}
