/** `chrysalis verify --evidence` and `chrysalis verify URL`: documents of workers, from a file or asked for now. */
import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { developmentPolicy, encodeGpuEvidence, encodeKeyset, gpuNonce, nvidiaVerifier } from '../../src/attestation/index.ts'
import { developmentMeasurements } from '../../src/tee/index.ts'
import { goodMeasurements } from '../attestation/gpu/support/authority.ts'
import { rim } from '../attestation/gpu/support/rim.ts'
import { authority as gpus } from '../attestation/gpu/support/verify.ts'
import { composeHash, goodLog, measuredBy, runtimeEvent } from '../attestation/support/event-log.ts'
import { evidenceOf, goodKeyset, goodNonce, now, proxyEvidenceOf, stranger } from '../attestation/support/sample.ts'
import { at, collateral, file, root, verify } from './support/world.ts'

const nonce = goodNonce.toString('hex')
const policy = file('policy.json', JSON.stringify(developmentPolicy(developmentMeasurements)))
const stale = file(
  'stale.json',
  JSON.stringify({ ...developmentPolicy(developmentMeasurements), freshness: { without_nonce: ['chrysalis'] } }),
)
const save = (name: string, document: unknown) => file(name, typeof document === 'string' ? document : JSON.stringify(document))
const good = { evidence: save('good.json', evidenceOf()), collateral, at, root, json: true }
const json = async (flags: Parameters<typeof verify>[0], world: Parameters<typeof verify>[1] = {}) => {
  const { code, output } = await verify(flags, world)
  return { code, verdict: JSON.parse(output) as Record<string, unknown> & { checks: unknown[]; subjects: Record<string, unknown>[] } }
}

describe('an evidence document', () => {
  test('over our nonce is verified, and a policy accepts it', async () => {
    const { code, verdict } = await json({ ...good, nonce, policy })
    expect(code).toBe(0)
    expect(verdict).toMatchObject({ verified: true, status: 'UpToDate', policy: { accepted: true, reasons: [] } })
    expect(verdict.checks).toContainEqual({ name: 'quote is over the nonce and these keys', ok: true })
    expect(verdict.checks).toContainEqual({ name: 'evidence is fresh', ok: true })
  })

  test('without our nonce is verified, but a policy refuses it as not fresh, unless it says otherwise', async () => {
    const refused = await json({ ...good, policy })
    expect(refused).toMatchObject({ code: 3, verdict: { verified: true, policy: { accepted: false } } })
    expect(refused.verdict.policy).toMatchObject({ reasons: ['the evidence is not over a nonce of ours (chrysalis)'] })
    expect(await json({ ...good, policy: stale })).toMatchObject({ code: 0 })
    expect((await verify({ ...good, json: false })).output).toContain('That it is fresh')
    expect((await verify({ ...good, nonce, json: false })).output).not.toContain('That it is fresh')
  })

  test('tells whose keys the quote vouches for', async () => {
    const { output } = await verify({ ...good, nonce, json: false })
    expect(output).toContain('Keys, vouched for by the quote')
    for (const words of ['worker-1', 'X-Wing', 'X25519', 'Ed25519', 'weights not measured']) expect(output).toContain(words)
  })

  test.each<[string, string, object | string, object]>([
    ['another nonce than ours', 'report-data-mismatch', evidenceOf(), { nonce: '00'.repeat(32) }],
    [
      'other keys than the quote is over',
      'report-data-mismatch',
      { ...evidenceOf(), keyset: evidenceOf({ keyset: { ...goodKeyset, worker: 'other' } }).keyset },
      {},
    ],
    ['a nonce changed in the document', 'report-data-mismatch', { ...evidenceOf(), nonce: '00'.repeat(32) }, {}],
    ['keys past their time', 'keyset-expired', evidenceOf({ keyset: { ...goodKeyset, not_after: now } }), { nonce }],
    ['a quote of somebody else', 'chain-untrusted', evidenceOf({ by: stranger }), { nonce }],
    ['no JSON', 'evidence-malformed', 'hello', {}],
    ['another document', 'evidence-malformed', { version: 2 }, {}],
    ['more bytes than any document', 'evidence-malformed', ' '.repeat(5_000_000), {}],
  ])('with %s is not verified: %s', async (name, code, document, flags) => {
    expect(await json({ ...good, evidence: save(`bad-${name}.json`, document), ...flags })).toMatchObject({
      code: 4,
      verdict: { verified: false, code },
    })
  })

  test('that fails shows what had passed before', async () => {
    const { output } = await verify({ ...good, nonce: '00'.repeat(32), json: false })
    expect(output).toContain('✓ quote is signed by the attestation key')
    expect(output).toContain('✗ quote is over the nonce and these keys')
    expect(output).toContain('this is what an attack looks like')
  })

  const log = goodLog(2)
  const logged = { ...good, nonce, evidence: save('logged.json', evidenceOf({ body: measuredBy(log), eventLog: JSON.stringify(log) })) }
  const judging = (events: object) =>
    file('events.json', JSON.stringify({ ...developmentPolicy({ ...developmentMeasurements, ...measuredBy(log) }), rtmr3: { events } }))

  test('shows what the guest measured, by its event log', async () => {
    const { output } = await verify({ ...logged, json: false })
    expect(output).toContain('✓ event log replays to the quote')
    expect(output).toContain('Event log, which replays to RTMR3')
    expect(output).toMatch(new RegExp(`^ {2}compose-hash {4}${composeHash}$`, 'm'))
    expect(output).toMatch(/^ {2}key-provider {4}\{"name":"kms"\}$/m)
    expect(output).toMatch(/^ {2}later {11}2 measured after the boot/m)
    expect(output).not.toContain('MINER')
    expect((await verify({ ...good, nonce, json: false })).output).not.toContain('vent log')
  })

  test('is judged by the events that a policy names', async () => {
    const accepted = await json({ ...logged, policy: judging({ 'compose-hash': [composeHash] }) })
    expect(accepted).toMatchObject({ code: 0, verdict: { policy: { accepted: true } } })
    expect(accepted.verdict.checks).toContainEqual({ name: 'event compose-hash is accepted', ok: true })
    const refused = await json({ ...logged, policy: judging({ 'compose-hash': ['00'.repeat(32)] }) })
    expect(refused).toMatchObject({ code: 3, verdict: { policy: { reasons: [expect.stringContaining('event compose-hash is')] } } })
  })

  test('with an event log that is not the quote’s is not verified', async () => {
    const other = [...log, runtimeEvent('more', '', 2)]
    const evidence = save('other-log.json', evidenceOf({ body: measuredBy(log), eventLog: other }))
    expect(await json({ ...logged, evidence })).toMatchObject({ code: 4, verdict: { verified: false, code: 'event-log-mismatch' } })
    const { output } = await verify({ ...logged, evidence, json: false })
    expect(output).toContain('✗ event log replays to the quote')
  })

  test('wants a nonce of 32 bytes', async () => {
    await expect(verify({ ...good, nonce: '00' })).rejects.toThrow(/--nonce must be 32 bytes/)
  })
})

describe('GPUs in a document', () => {
  const own = (nonce: Buffer) => gpuNonce(nonce, encodeKeyset(goodKeyset))
  const rims = [rim(gpus), rim(gpus, { version: '96.00.A5.00.01' })]
  const section = (nonce: Buffer, manifests: Buffer[] = []) =>
    encodeGpuEvidence({
      items: [gpus.device(0, { report: { nonce: own(nonce), measurements: goodMeasurements } })],
      rims: manifests,
      nras: null,
    })
  const world = { gpuVerifier: { ...nvidiaVerifier, roots: gpus.roots } }
  const shown = { ...good, evidence: save('gpus.json', evidenceOf({ gpuEvidence: section(goodNonce, rims) })) }

  test('are told of, with what is not proven of them', async () => {
    const { output } = await verify({ ...shown, nonce, json: false }, world)
    expect(output).toContain('✓ GPU evidence is genuine, over the nonce, and the quote is over it')
    expect(output).toMatch(/^GPUs\n {2}GPU 0 +GH100.*, driver 550\.144\.03, VBIOS 96\.00\.A5\.00\.01/m)
    expect(output.replace(/\s+/g, ' ')).toContain('measures as NVIDIA published')
    expect(output).toMatch(/^ {2}bound +the quote holds their hash, over this nonce/m)
    expect(output).toMatch(/^ {2}NVIDIA says +nothing: no token was checked$/m)
    expect(output).toContain('That these GPUs are in the machine of the TD, or are the ones that answer')
    expect(output).toContain('That no certificate of a GPU was revoked')
  })

  test('stand in the JSON, device by device', async () => {
    const { verdict } = await json({ ...shown, nonce }, world)
    expect(verdict.gpus).toMatchObject({
      bound: 'report-data',
      nras: null,
      devices: [{ name: 'GPU 0', architecture: 'HOPPER', driver: '550.144.03', measurements: 'matched', revocation: 'not-checked' }],
    })
  })

  test('over a nonce that is not ours are bound by nothing, and a policy that asks for more refuses', async () => {
    const { verdict } = await json(shown, world)
    expect(verdict.gpus).toMatchObject({ bound: 'none' })
    expect((await verify({ ...shown, json: false }, world)).output).toMatch(/^ {2}bound +not over a nonce of ours/m)
    const rules = {
      ...{ min_count: 1, architectures: 'any', min_driver: 'any', min_vbios: 'any', models: 'any', devices: 'any' },
      ...{ rims: 'not-compared', bound: 'report-data', nras: 'not-required' },
    }
    const asks = file(
      'gpus-policy.json',
      JSON.stringify({ ...developmentPolicy(developmentMeasurements), freshness: { without_nonce: ['chrysalis'] }, gpu: rules }),
    )
    const refused = await json({ ...shown, policy: asks }, world)
    expect(refused).toMatchObject({
      code: 3,
      verdict: { policy: { reasons: ['the GPU evidence is bound by none, not by report-data'] } },
    })
    expect(await json({ ...shown, nonce, policy: asks }, world)).toMatchObject({ code: 0 })
  })

  test('that are not shown are not spoken of', async () => {
    const { output } = await verify({ ...good, nonce, json: false })
    expect(output).not.toContain('GPU')
    expect((await json({ ...good, nonce })).verdict).not.toHaveProperty('gpus')
  })

  test('of somebody else’s making are not verified', async () => {
    expect(await json({ ...shown, nonce })).toMatchObject({ code: 4, verdict: { code: 'gpu-untrusted' } })
  })

  test('may come with a token, which --nras-keys checks', async () => {
    const keys = file('nras.json', JSON.stringify(await gpus.jwks()))
    const { verdict } = await json({ ...shown, nonce, nrasKeys: keys }, world)
    expect(verdict.gpus).toMatchObject({ nras: null })
    await expect(verify({ ...shown, nonce, nrasKeys: file('no-keys.json', '{"keys":[]}') }, world)).rejects.toThrow(
      /--nras-keys: .*holds no key/,
    )
    await expect(verify({ ...shown, nonce, nrasKeys: 'nowhere.json' }, world)).rejects.toThrow(/there is no such file/)
  })
})

describe('a URL', () => {
  let server: Server | undefined
  afterEach(() => void server?.close())
  const serve = async (listener: RequestListener) => {
    server = createServer(listener).listen(0, '127.0.0.1')
    await new Promise(resolve => server!.once('listening', resolve))
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  }
  const flags = { collateral, root, json: true }
  let draws = 0
  const world = { fetch, random: (size: number) => Buffer.alloc(size, ++draws), env: { CHRYSALIS_API_KEY: 'sk-chrysalis-mine' } }
  const askedNonce = (url: string | undefined) => Buffer.from(new URL(url!, 'http://a').searchParams.get('nonce')!, 'hex')

  test('of a worker is asked with a fresh nonce, and judged', async () => {
    const nonces: string[] = []
    const url = await serve((request, response) => {
      nonces.push(askedNonce(request.url).toString('hex'))
      response.end(JSON.stringify(evidenceOf({ nonce: askedNonce(request.url) })))
    })
    const first = await json({ url, ...flags, policy }, world)
    expect(first).toMatchObject({
      code: 0,
      verdict: { verified: true, policy: { accepted: true }, subjects: [{ subject: url, verified: true }] },
    })
    await json({ url, ...flags }, world)
    expect(new Set(nonces).size).toBe(2)
  })

  test('that shows an old document is not verified', async () => {
    const url = await serve((_, response) => void response.end(JSON.stringify(evidenceOf())))
    expect(await json({ url, ...flags }, world)).toMatchObject({ code: 4, verdict: { code: 'report-data-mismatch' } })
  })

  /** A proxy before two workers, one of which shows an old document. */
  const proxy: RequestListener = (request, response) => {
    const { pathname, searchParams } = new URL(request.url!, 'http://a')
    if (pathname.startsWith('/.well-known')) return void response.writeHead(404).end()
    if (pathname === '/v1/attestation' && !searchParams.has('model')) return void response.writeHead(404).end('{}')
    if (request.headers.authorization !== 'Bearer sk-chrysalis-mine') return void response.writeHead(401).end('{}')
    if (pathname === '/v1/models') return void response.end(JSON.stringify({ data: [{ id: 'small' }, { id: 'large' }] }))
    const skip = Number(searchParams.get('skip') ?? 2)
    if (skip > 1) return void response.writeHead(404).end('{}')
    const keyset = { ...goodKeyset, worker: `worker-${skip + 1}` }
    response.end(JSON.stringify(evidenceOf({ keyset, ...(skip === 0 ? { nonce: askedNonce(request.url) } : {}) })))
  }

  test('of a proxy shows each of its workers once, and ends with the worst', async () => {
    const url = await serve(proxy)
    const { code, verdict } = await json({ url: `${url}/v1`, ...flags }, world)
    expect([code, verdict.verified, verdict.code]).toEqual([4, false, 'report-data-mismatch'])
    expect(verdict.subjects).toMatchObject([
      { subject: `worker-1 behind ${url}`, verified: true },
      { subject: `worker-2 behind ${url}`, verified: false, code: 'report-data-mismatch' },
    ])
    const { output } = await verify({ url, ...flags, json: false }, world)
    expect(output).toMatch(/^VERIFIED {2}worker-1 behind[\s\S]*\n\nNOT VERIFIED {2}worker-2 behind/)
  })

  test('of a proxy in a TD shows the proxy’s own keys first', async () => {
    const inTd: RequestListener = (request, response) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://a')
      if (pathname !== '/v1/attestation' || searchParams.has('model')) return proxy(request, response)
      response.end(JSON.stringify(proxyEvidenceOf({ nonce: askedNonce(request.url) })))
    }
    const url = await serve(inTd)
    const { code, verdict } = await json({ url, ...flags, policy }, world)
    expect(code).toBe(4)
    expect(verdict.subjects[0]).toMatchObject({
      subject: `${url} (the proxy itself)`,
      verified: true,
      policy: { accepted: true },
      proxy: { payee_key: 'cd'.repeat(32) },
    })
    const { output } = await verify({ url, ...flags, policy, json: false }, world)
    expect(output).toContain('Keys of the proxy, vouched for by the quote')
    expect(output).toMatch(/^ {2}payee key +(?:cd){32}$/m)
    expect(output).toContain('something else ends TLS')
    expect(output).toContain('That your connection ends inside')
  })

  test.each<[string, Parameters<typeof proxyEvidenceOf>[0], string]>([
    ['over another nonce', { nonce: Buffer.alloc(32, 9) }, 'report-data-mismatch'],
    ['bound as a worker’s keyset would be', { as: 'worker' }, 'report-data-mismatch'],
    ['past its time', { statement: { not_after: now } }, 'keyset-expired'],
    ['by somebody else’s authority', { by: stranger }, 'chain-untrusted'],
  ])('of a proxy whose own evidence is %s is not verified', async (_, spec, code) => {
    const url = await serve((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://a')
      if (pathname !== '/v1/attestation' || searchParams.has('model')) return proxy(request, response)
      response.end(JSON.stringify(proxyEvidenceOf({ nonce: askedNonce(request.url), ...spec })))
    })
    const { verdict } = await json({ url, ...flags }, world)
    expect(verdict.subjects[0]).toMatchObject({ verified: false, code })
  })

  test('of a proxy wants a key, and takes it from the environment alone', async () => {
    const url = await serve(proxy)
    const { verdict } = await json({ url, ...flags }, { ...world, env: {} })
    expect(verdict).toMatchObject({ code: 'evidence-unavailable', message: expect.stringContaining('CHRYSALIS_API_KEY') })
    const { output } = await verify({ url, ...flags, json: false }, { ...world, env: {} })
    expect(output).toContain(`  ${url} shows its workers to its callers only`)
  })

  test('of a proxy in a TD is of the proxy alone without a key, and says where its workers are shown', async () => {
    const url = await serve((request, response) => {
      const { pathname, searchParams } = new URL(request.url!, 'http://a')
      if (pathname !== '/v1/attestation' || searchParams.has('model')) return proxy(request, response)
      response.end(JSON.stringify(proxyEvidenceOf({ nonce: askedNonce(request.url) })))
    })
    const { code, output } = await verify({ url, ...flags, json: false }, { ...world, env: {} })
    expect(code).toBe(0)
    expect(output.match(/^(NOT )?VERIFIED/gm)).toEqual(['VERIFIED'])
    expect(output).toMatch(/What the proxy’s workers are: that is theirs to show, to callers\s+alone \(CHRYSALIS_API_KEY\)/)
  })

  test.each<[string, RequestListener, RegExp]>([
    ['something else', (_, response) => void response.writeHead(404).end('<html>'), /neither a worker nor a proxy of Chrysalis/],
    ['a redirect', (_, response) => void response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(), /cannot be asked/],
    ['a hang-up', request => void request.socket.destroy(), /cannot be asked/],
    ['an answer without end', (_, response) => void response.end(Buffer.alloc(5 * 1024 * 1024)), /without end/],
    [
      'a proxy without workers',
      ({ url }, response) => void (url === '/v1/models' ? response.end('{"data":[]}') : response.writeHead(404).end('{}')),
      /has no worker to show now/,
    ],
  ])('that leads to %s is told of', async (_, listener, why) => {
    const said = await json({ url: await serve(listener), ...flags }, world)
    expect(said).toMatchObject({ code: 4, verdict: { verified: false, code: 'evidence-unavailable', message: expect.stringMatching(why) } })
  })

  test('is an http URL without a password', async () => {
    await expect(verify({ url: 'ftp://a' })).rejects.toThrow(/must be an http or https URL/)
    await expect(verify({ url: 'http://me:secret@a' })).rejects.toThrow(/user name or password/)
  })
})
