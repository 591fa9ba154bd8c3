/** GPUs by the policy: evidence of our own authority, in a document, through the keeper of leases; one thing changed at a time. */
import { describe, expect, test } from 'vitest'
import { nodeGpuCrypto } from '../../../src/attestation/gpu/crypto-port.ts'
import { type DetachedEat, encodeGpuEvidence, type GpuItem } from '../../../src/attestation/gpu/items.ts'
import { noRevocationCheck } from '../../../src/attestation/gpu/revocation.ts'
import type { GpuFacts } from '../../../src/attestation/gpu/verify.ts'
import { encodeKeyset, gpuNonce, type NrasKeys, parseNrasKeys, parsePolicy } from '../../../src/attestation/index.ts'
import { judgeGpu } from '../../../src/attestation/policy/gpu.ts'
import { sha256, toHex } from '../../../src/lib/bytes.ts'
import { type DeviceEdits, goodMeasurements, NvidiaAuthority } from '../gpu/support/authority.ts'
import { goodClaims, goodOverall } from '../gpu/support/nras.ts'
import { driverIndexes, measured, rim } from '../gpu/support/rim.ts'
import { authority, verify as verifyDevices } from '../gpu/support/verify.ts'
import { goodPolicy, setUp } from '../support/lease-world.ts'
import { evidenceOf, goodKeyset } from '../support/sample.ts'

const rules = {
  min_count: 1,
  architectures: ['HOPPER'],
  min_driver: '550.90.07',
  min_vbios: { GH100: '96.00.A5.00.01' },
  models: ['GH100'],
  devices: 'any',
  rims: 'not-compared',
  bound: 'report-data',
  nras: 'not-required',
}
const asks = (change: object = {}) => parsePolicy({ ...goodPolicy, gpu: { ...rules, ...change } })
const verifier = { roots: authority.roots, crypto: nodeGpuCrypto, checkRevocation: noRevocationCheck, nrasKeys: null }

/** What a worker shows beside its devices, and what the keeper checks it with. */
interface Beside {
  readonly rims?: readonly Buffer[]
  readonly nras?: (nonce: Buffer) => Promise<DetachedEat>
  readonly nrasKeys?: NrasKeys
}

/** What a keeper makes of a worker whose GPUs are made by `items`, over the nonce that it is asked over. */
async function stateOf(
  policy: ReturnType<typeof asks>,
  items: ((nonce: Buffer) => GpuItem[]) | null = nonce => [device(nonce)],
  { rims = [], nras, nrasKeys }: Beside = {},
) {
  const world = setUp({ gpuVerifier: { ...verifier, nrasKeys: nrasKeys ?? null } })
  world.policy = policy
  world.answer = async nonce => {
    const own = gpuNonce(nonce, encodeKeyset(goodKeyset))
    const gpuEvidence = items && encodeGpuEvidence({ items: items(own), rims, nras: (await nras?.(own)) ?? null })
    return JSON.stringify(evidenceOf({ nonce, gpuEvidence }))
  }
  const error = await world.keeper.ensure().then(
    () => undefined,
    (failure: { code: string }) => failure.code,
  )
  return { code: error ?? 'accepted', ...world.keeper.state(), lease: world.leases.at(-1), verdict: world.verdicts.at(-1) }
}
const device = (nonce: Uint8Array, index = 0, edits: DeviceEdits = {}) =>
  authority.device(index, { ...edits, report: { nonce, measurements: goodMeasurements, ...edits.report } })

describe('a worker whose GPUs are judged', () => {
  test('gets a lease, with facts of its GPUs and each check named', async () => {
    const { code, lease, checks } = await stateOf(asks())
    expect(code).toBe('accepted')
    expect(lease?.gpus?.facts).toMatchObject({ bound: 'report-data', devices: [{ driver: '550.144.03', measurements: 'not-compared' }] })
    expect(lease?.expiresAt).toBeLessThanOrEqual(lease?.gpus?.facts.validUntil ?? 0)
    expect(checks.every(({ ok }) => ok)).toBe(true)
    const names = checks.map(({ name }) => name)
    expect(names).toEqual(
      expect.arrayContaining(['GPU evidence is genuine, over our nonce', 'GPUs are enough', 'driver of GPU 0 is recent enough']),
    )
  })

  test('may have a switch beside them, which has no driver and does not count', async () => {
    const policy = asks({ architectures: 'any', models: 'any', min_vbios: 'any' })
    const both = (nonce: Buffer) => [device(nonce), authority.device(0, { chip: 'LS_10', report: { nonce } })]
    expect((await stateOf(policy, both)).code).toBe('accepted')
    expect((await stateOf(asks({ architectures: 'any', models: 'any', min_vbios: 'any', min_count: 2 }), both)).reasons).toEqual([
      '1 GPUs are shown, of at least 2',
    ])
  })

  test.each<[string, object, string]>([
    ['fewer than asked', { min_count: 2 }, '1 GPUs are shown, of at least 2'],
    ['of another architecture', { architectures: ['BLACKWELL'] }, 'the architecture of GPU 0 is HOPPER'],
    ['with an older driver', { min_driver: '570.0' }, 'the driver of GPU 0 is 550.144.03, below 570.0'],
    ['with an older VBIOS', { min_vbios: { GH100: '96.00.A5.00.02' } }, 'the VBIOS of GPU 0 is 96.00.A5.00.01, below 96.00.A5.00.02'],
    ['of a chip without a floor', { min_vbios: { GB100: '97.00.00.00.00' } }, 'the policy names no VBIOS for GPU 0, a GH100'],
    ['of another model', { models: ['GB100'] }, 'the model of GPU 0 is GH100'],
    [
      'without manifests',
      { rims: { required: 'any' } },
      'the measurements of GPU 0 are not compared with NVIDIA’s: no manifest for them is shown',
    ],
    ['without a token', { nras: 'required' }, 'no token of NVIDIA’s service is shown and verified'],
  ])('is refused with GPUs %s, and told why', async (_, change, reason) => {
    const { code, status, reasons, verdict, lease } = await stateOf(asks(change))
    expect({ code, status, reasons, lease }).toEqual({ code: 'policy-refused', status: 'refused', reasons: [reason], lease: undefined })
    expect(verdict).toMatchObject({ accepted: false, code: 'policy-refused', reasons: [reason] })
  })

  test('is refused where the device is not listed, and accepted where it is', async () => {
    const serial = (await stateOf(asks())).lease?.gpus?.facts.devices[0]?.serial ?? ''
    expect((await stateOf(asks({ devices: [serial] }))).code).toBe('accepted')
    expect((await stateOf(asks({ devices: ['1'] }))).reasons).toEqual([`the UEID of GPU 0 is ${serial}`])
  })

  test('is refused for every reason, not only the first', async () => {
    const { reasons } = await stateOf(asks({ min_count: 3, architectures: ['BLACKWELL'], models: ['GB100'], min_driver: '600.0' }))
    expect(reasons).toHaveLength(4)
  })

  test('is refused without evidence of GPUs, unless any will do, and nothing is said to be genuine', async () => {
    const { reasons, checks } = await stateOf(asks(), null)
    expect(reasons).toEqual(['no GPU evidence is shown'])
    expect(checks.filter(({ name }) => name.includes('genuine'))).toEqual([])
    expect(checks).toContainEqual({ name: 'GPU evidence is shown', ok: false })
    expect((await stateOf(goodPolicy, null)).code).toBe('accepted')
  })

  test.each<[string, (nonce: Buffer) => GpuItem[], string]>([
    ['over another nonce', () => [device(Buffer.alloc(32, 9))], 'gpu-nonce-mismatch'],
    [
      'with a report that was changed',
      nonce => [device(nonce, 0, { signed: bytes => Buffer.concat([bytes.subarray(0, -1), Buffer.from([bytes.at(-1)! ^ 1])]) })],
      'gpu-untrusted',
    ],
    ['shown twice', nonce => [device(nonce), device(nonce)], 'gpu-untrusted'],
    ['called what they are not', nonce => [device(nonce, 0, { arch: 'BLACKWELL' })], 'gpu-untrusted'],
  ])('is refused with GPUs %s', async (_, items, expected) => {
    const { code, status, checks } = await stateOf(asks(), items)
    expect({ code, status, last: checks.at(-1) }).toEqual({
      code: expected,
      status: 'refused',
      last: { name: 'GPU evidence is genuine, over our nonce', ok: false },
    })
  })
})

describe('reference manifests at a lease', () => {
  const firmware = rim(authority, { version: '96.00.A5.00.01' })
  const driver = rim(authority)
  const digest = (bytes: Buffer) => `sha256:${toHex(sha256(bytes))}`
  const one = (nonce: Buffer) => [device(nonce)]
  const under = (required: unknown, rims: readonly Buffer[]) => stateOf(asks({ rims: { required } }), one, { rims })

  test('that the device matches, and that the policy names, give one', async () => {
    const { code, lease } = await under([digest(driver), digest(firmware)], [driver, firmware])
    expect(code).toBe('accepted')
    expect(lease?.gpus?.facts.devices[0]?.measurements).toBe('matched')
    expect((await under('any', [driver, firmware])).code).toBe('accepted')
  })

  const wrong = new Map([...measured(driverIndexes), [21, [Buffer.alloc(48, 1)]] as const])
  test.each<[string, unknown, readonly Buffer[], { code: string; reason: RegExp }]>([
    [
      'of another file than the policy names',
      [digest(driver)],
      [driver, firmware],
      { code: 'policy-refused', reason: /not in the policy: sha256:/ },
    ],
    ['of the driver alone', 'any', [driver], { code: 'policy-refused', reason: /not compared/ }],
    ['of another driver', 'any', [rim(authority, { version: '550.144.04' }), firmware], { code: 'policy-refused', reason: /not compared/ }],
    [
      'with one measurement that differs',
      'any',
      [rim(authority, { measurements: wrong }), firmware],
      { code: 'gpu-measurement-mismatch', reason: /21/ },
    ],
    ['that somebody else signed', 'any', [rim(new NvidiaAuthority()), firmware], { code: 'rim-untrusted', reason: /manifest/ }],
    [
      'that were changed after they were signed',
      'any',
      [rim(authority, { text: xml => xml.replace('edition="GPU"', 'edition="CPU"') }), firmware],
      { code: 'rim-untrusted', reason: /manifest|signed/ },
    ],
  ])('%s give none', async (_, required, rims, { code, reason }) => {
    const state = await under(required, rims)
    expect(state).toMatchObject({ code, status: 'refused', lease: undefined })
    expect(state.reasons.join()).toMatch(reason)
  })
})

describe('a token of NVIDIA’s service at a lease', async () => {
  const nrasKeys = parseNrasKeys(JSON.stringify(await authority.jwks()))
  const serial = (await verifyDevices([authority.device()])).devices[0]!.serial
  const one = (nonce: Buffer) => [device(nonce)]
  const eat =
    (change: object = {}, authorityOf = authority) =>
    (nonce: Buffer) => {
      const over = { eat_nonce: toHex(nonce), ...change }
      return authorityOf.eat({ 'GPU-0': { ...goodClaims(serial), ...over } }, { ...goodOverall(), ...over })
    }
  const required = asks({ nras: 'required' })

  test('that is required and verified gives one', async () => {
    const { code, lease } = await stateOf(required, one, { nras: eat(), nrasKeys })
    expect(code).toBe('accepted')
    expect(lease?.gpus?.facts.nras?.devices).toHaveLength(1)
  })

  test.each<[string, Beside, string]>([
    ['that is not shown', { nrasKeys }, 'policy-refused'],
    ['that there are no keys for', { nras: eat() }, 'policy-refused'],
    ['over another nonce', { nras: eat({ eat_nonce: '00'.repeat(32) }), nrasKeys }, 'nras-untrusted'],
    ['that somebody else signed', { nras: eat({}, new NvidiaAuthority()), nrasKeys }, 'nras-untrusted'],
    ['that has run out', { nras: eat({ exp: 1 }), nrasKeys }, 'nras-untrusted'],
    ['in which the service found a fault', { nras: eat({ measres: 'fail' }), nrasKeys }, 'nras-refused'],
  ])('%s gives none', async (_, beside, code) => {
    expect(await stateOf(required, one, beside)).toMatchObject({ code, status: 'refused', lease: undefined })
  })

  test.each<[string, unknown, RegExp]>([
    ['is no JSON', undefined, /is not JSON/],
    ['has no keys', {}, /keys must be a list/],
    ['is empty', { keys: [] }, /keys holds no key/],
    ['has an RSA key', { keys: [{ kty: 'RSA', kid: 'a' }] }, /keys\.0\.kty must be EC/],
    ['has a key of another curve', { keys: [{ kty: 'EC', crv: 'P-256', kid: 'a' }] }, /keys\.0\.crv must be P-384/],
    ['has a key without a name', { keys: [{ kty: 'EC', crv: 'P-384' }] }, /keys\.0\.kid/],
    ['has no point', { keys: [{ kty: 'EC', crv: 'P-384', kid: 'a', x: 'AA', y: 'AA' }] }, /keys\.0 is no public key/],
    ['has a private key', { keys: [{ kty: 'EC', crv: 'P-384', kid: 'a', d: 'AA', x: 'AA', y: 'AA' }] }, /keys\.0 is a private key/],
  ])('is not checked by a key set that %s', (_, set, why) => {
    expect(() => parseNrasKeys(set === undefined ? '<html>' : JSON.stringify(set))).toThrow(why)
  })
})

describe('the binding', () => {
  const facts = (bound: GpuFacts['bound']): GpuFacts => ({ bound, devices: [], nras: null, checks: [], validUntil: 0 })
  const accepts = (bound: GpuFacts['bound'], asked: string) =>
    judgeGpu({ facts: facts(bound), manifests: [] }, asks({ bound: asked })).find(({ name }) => name === 'GPU evidence is bound as asked')
      ?.ok

  test('must be at least what is asked', () => {
    const kinds = ['none', 'nonce-only', 'report-data'] as const
    expect(kinds.map(bound => kinds.map(asked => accepts(bound, asked)))).toEqual([
      [true, false, false],
      [true, true, false],
      [true, true, true],
    ])
  })
})

describe('manifests that are listed', () => {
  const listed = `sha256:${'ab'.repeat(32)}`
  const other = `sha256:${'cd'.repeat(32)}`
  const facts: GpuFacts = { bound: 'report-data', devices: [], nras: null, checks: [], validUntil: 0 }
  const ok = (manifests: string[], required: unknown) =>
    judgeGpu({ facts, manifests }, asks({ rims: { required } })).find(({ name }) => name === 'reference manifests are accepted')?.ok

  test('are the only ones that count', () => {
    expect([ok([listed], [listed]), ok([listed], 'any'), ok([listed, other], [listed])]).toEqual([true, true, false])
  })
})

describe('a policy for GPUs', () => {
  test.each(Object.keys(rules))('without %s is refused', member => {
    const rest = Object.fromEntries(Object.entries(rules).filter(([name]) => name !== member))
    expect(() => parsePolicy({ ...goodPolicy, gpu: rest })).toThrow(member)
  })

  test.each<[string, object]>([
    ['a member that is not known', { colour: 'green' }],
    ['no GPU', { min_count: 0 }],
    ['an empty list', { models: [] }],
    ['no floor at all', { min_vbios: {} }],
    ['a version in words', { min_driver: 'newest' }],
    ['a list of no manifests', { rims: { required: [] } }],
  ])('with %s is refused', (_, change) => {
    expect(() => asks(change)).toThrow()
  })
})
