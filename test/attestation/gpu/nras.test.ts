import { UnsecuredJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import type { DetachedEat } from '../../../src/attestation/gpu/items.ts'
import { localNrasKeys, remoteNrasKeys } from '../../../src/attestation/gpu/nras-keys.ts'
import { sha256, toHex, utf8 } from '../../../src/lib/bytes.ts'
import { nonce, now, p384 } from './support/authority.ts'
import { chainClaims, goodClaims, goodOverall, trueClaims } from './support/nras.ts'
import { authority, codeOf, verify } from './support/verify.ts'

const good = authority.device()
const serial = (await verify([good])).devices[0]!.serial
const nrasKeys = localNrasKeys(await authority.jwks())
const seconds = Math.floor(now / 1000)

const judge = (nras: DetachedEat, o: object = {}) => verify([good], { nras, nrasKeys, ...o })
const goodEat = (version: '2.0' | '3.0' = '3.0') => authority.eat({ 'GPU-0': goodClaims(serial, version) }, goodOverall(version))
const claiming = async (change: object, version: '2.0' | '3.0' = '3.0') =>
  codeOf(judge(await authority.eat({ 'GPU-0': { ...goodClaims(serial, version), ...change } }, goodOverall(version))))
const saying = async (change: object) =>
  codeOf(judge(await authority.eat({ 'GPU-0': goodClaims(serial) }, { ...goodOverall(), ...change })))

describe('a token of NVIDIA’s service', () => {
  test.each(['2.0', '3.0'] as const)('with claims %s describes its devices', async version => {
    const { nras } = await judge(await goodEat(version))
    expect(nras).toEqual({
      version,
      validUntil: (seconds + 3600) * 1000,
      devices: [
        {
          name: 'GPU-0',
          architecture: 'HOPPER',
          hardware: 'GH100 A01 GSP BROM',
          serial,
          driver: '550.144.03',
          vbios: '96.00.A5.00.01',
          revocation: version === '3.0' ? 'good' : 'not-checked',
        },
      ],
    })
  })

  test('may come without reports', async () => {
    const { devices, nras } = await verify([], { nras: await goodEat(), nrasKeys })
    expect(devices).toEqual([])
    expect(nras?.devices).toHaveLength(1)
  })

  test('counts for nothing where there are no keys', async () => {
    expect((await judge(await goodEat(), { nrasKeys: null })).nras).toBeNull()
  })

  test('is of the very devices that are shown', async () => {
    expect(await codeOf(judge(await authority.eat({ 'GPU-0': goodClaims('12345') }, goodOverall())))).toBe('nras-untrusted')
    const two = { 'GPU-0': goodClaims(serial), 'GPU-1': goodClaims('12345') }
    expect(await codeOf(judge(await authority.eat(two, goodOverall())))).toBe('nras-untrusted')
  })
})

describe('its signatures', () => {
  test('are ES384 and nothing else', async () => {
    const { devices } = await goodEat()
    const payload = { ...goodOverall(), submods: {} }
    const unsigned = new UnsecuredJWT(payload).encode()
    const hmac = await authority.token(payload, { key: utf8('a secret of thirty-two bytes, ok'), header: { alg: 'HS256', kid: 'our-key' } })
    for (const overall of [unsigned, hmac, '', 'a.b', 'a.b.c', `${unsigned}AAAA`])
      expect(await codeOf(judge({ overall, devices }))).toBe('nras-untrusted')
  })

  test('of a device’s token is checked too, whatever its digest', async () => {
    const unsigned = new UnsecuredJWT(goodClaims(serial)).encode()
    const submods = { 'GPU-0': ['DIGEST', ['SHA-256', toHex(sha256(utf8(unsigned)))]] }
    const overall = await authority.token({ ...goodOverall(), submods })
    expect(await codeOf(judge({ overall, devices: new Map([['GPU-0', unsigned]]) }))).toBe('nras-untrusted')
    const other = await authority.eat({ 'GPU-0': goodClaims(serial) }, goodOverall(), { keys: { 'GPU-0': p384().privateKey } })
    expect(await codeOf(judge(other))).toBe('nras-untrusted')
  })

  test('of another key, or naming another, are refused', async () => {
    const payload = { ...goodOverall(), submods: {} }
    const { devices } = await goodEat()
    const foreign = await authority.token(payload, { key: p384().privateKey })
    const unnamed = await authority.token(payload, { header: { alg: 'ES384', kid: 'another' } })
    expect(await codeOf(judge({ overall: foreign, devices }))).toBe('nras-untrusted')
    expect(await codeOf(judge({ overall: unnamed, devices }))).toBe('nras-untrusted')
  })

  test('do not hold for a changed payload', async () => {
    const { overall, devices } = await goodEat()
    const [header, payload, signature] = overall.split('.') as [string, string, string]
    const changed = Buffer.from(Buffer.from(payload, 'base64url').toString().replace('"GPU-0"', '"GPU-1"')).toString('base64url')
    expect(await codeOf(judge({ overall: `${header}.${changed}.${signature}`, devices }))).toBe('nras-untrusted')
  })
})

describe('the overall token', () => {
  test.each<[string, object]>([
    ['another issuer', { iss: 'NVAT-LOCAL-VERIFIER' }],
    ['no issuer', { iss: undefined }],
    ['another nonce', { eat_nonce: toHex(sha256(nonce)) }],
    ['no nonce', { eat_nonce: undefined }],
    ['no end', { exp: undefined }],
    ['an end in the past', { exp: seconds - 61 }],
    ['a start in the future', { nbf: seconds + 61 }],
    ['no start', { nbf: undefined }],
    ['another subject', { sub: 'somebody' }],
    ['an unknown version', { 'x-nvidia-ver': '4.0' }],
    ['no result', { 'x-nvidia-overall-att-result': undefined }],
    ['a result in words', { 'x-nvidia-overall-att-result': 'true' }],
    ['no devices', { submods: {} }],
    ['a digest of another kind', { submods: { 'GPU-0': ['DIGEST', ['SHA-1', '00'.repeat(32)]] } }],
    ['another digest', { submods: { 'GPU-0': ['DIGEST', ['SHA-256', '00'.repeat(32)]] } }],
    ['another device', { submods: { 'GPU-1': ['DIGEST', ['SHA-256', '00'.repeat(32)]] } }],
  ])('with %s is not believed', async (_, change) => {
    expect(await saying(change)).toBe('nras-untrusted')
  })

  test('may be a minute early or late, as clocks are', async () => {
    expect(await saying({ exp: seconds - 59 })).toBe('accepted')
    expect(await saying({ nbf: seconds + 59 })).toBe('accepted')
  })

  test('that says no refuses', async () => {
    expect(await saying({ 'x-nvidia-overall-att-result': false })).toBe('nras-refused')
  })

  test('names exactly the tokens that came', async () => {
    const { overall, devices } = await goodEat()
    expect(await codeOf(judge({ overall, devices: new Map([...devices, ['GPU-1', [...devices.values()][0]!]]) }))).toBe('nras-untrusted')
    expect(await codeOf(judge({ overall, devices: new Map([['GPU-1', [...devices.values()][0]!]]) }))).toBe('nras-untrusted')
  })
})

describe('a device’s token', () => {
  test.each<[string, object]>([
    ['another issuer', { iss: 'https://nras.example' }],
    ['another nonce', { eat_nonce: toHex(sha256(nonce)) }],
    ['an end in the past', { exp: seconds - 61 }],
    ['no serial number', { ueid: undefined }],
    ['an unknown chip', { hwmodel: 'AD102' }],
    ['a driver in words', { 'x-nvidia-gpu-driver-version': 'latest' }],
    ['no firmware version', { 'x-nvidia-gpu-vbios-version': undefined }],
  ])('with %s is not believed', async (_, change) => {
    expect(await claiming(change)).toBe('nras-untrusted')
  })

  test.each([...trueClaims.always, ...trueClaims['3.0']])('with claim %s false, or missing, refuses', async name => {
    expect(await claiming({ [name]: false })).toBe('nras-refused')
    expect(await claiming({ [name]: undefined })).toBe('nras-refused')
  })

  test.each(trueClaims['2.0'])('with claim %s of version 2.0 false refuses', async name => {
    expect(await claiming({ [name]: false }, '2.0')).toBe('nras-refused')
  })

  test.each<[string, object]>([
    ['measurements that differ', { measres: 'fail' }],
    ['debug on', { dbgstat: 'enabled' }],
    ['a warning', { 'x-nvidia-attestation-warning': 'a word of caution' }],
    ['a chain that is no object', { [chainClaims[0]!]: true }],
    ['a chain that is expired', { [chainClaims[1]!]: { 'x-nvidia-cert-status': 'expired', 'x-nvidia-cert-ocsp-status': 'good' } }],
    ['a chain that is revoked', { [chainClaims[2]!]: { 'x-nvidia-cert-status': 'valid', 'x-nvidia-cert-ocsp-status': 'revoked' } }],
  ])('with %s refuses', async (_, change) => {
    expect(await claiming(change)).toBe('nras-refused')
  })

  test('that fails says every claim that does', async () => {
    const eat = await authority.eat({ 'GPU-0': { ...goodClaims(serial), secboot: false, dbgstat: 'enabled' } }, goodOverall())
    await expect(judge(eat)).rejects.toMatchObject({ reasons: ['GPU-0: dbgstat', 'GPU-0: secboot'] })
  })
})

describe('keys', () => {
  const serving = (answer: () => Response | Promise<Response>) => {
    let asked = 0
    const fetchKeys: typeof fetch = async () => {
      asked += 1
      return await answer()
    }
    const keys = remoteNrasKeys({ url: 'https://nras.example/.well-known/jwks.json', fetch: fetchKeys })
    return { keys, asked: () => asked }
  }

  test('are fetched once for many tokens', async () => {
    const jwks = JSON.stringify(await authority.jwks())
    const { keys, asked } = serving(() => new Response(jwks))
    for (let n = 0; n < 3; n++) expect(await codeOf(judge(await goodEat(), { nrasKeys: keys }))).toBe('accepted')
    expect(asked()).toBe(1)
  })

  test.each<[string, () => Response | Promise<Response>]>([
    ['cannot be reached', () => Promise.reject(new TypeError('fetch failed'))],
    ['answers 500', () => new Response('', { status: 500 })],
    ['answers something else', () => new Response('hello')],
    ['answers no key set', () => new Response('{}')],
    ['answers without end', () => new Response(new Uint8Array(65 * 1024))],
  ])('of a service that %s say nothing of the worker', async (_, answer) => {
    expect(await codeOf(judge(await goodEat(), { nrasKeys: serving(answer).keys }))).toBe('collateral-unavailable')
  })
})
