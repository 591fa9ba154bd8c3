/** Real devices, manifests and tokens: only where `CHRYSALIS_TDX_DATA` names a folder that has them. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, test } from 'vitest'
import { nodeGpuCrypto } from '../../../src/attestation/gpu/crypto-port.ts'
import { type GpuItem, readDetachedEat } from '../../../src/attestation/gpu/items.ts'
import { verifyNras } from '../../../src/attestation/gpu/nras.ts'
import { failedClaims } from '../../../src/attestation/gpu/nras-claims.ts'
import { localNrasKeys } from '../../../src/attestation/gpu/nras-keys.ts'
import { nvidiaRoots } from '../../../src/attestation/gpu/nvidia-roots.ts'
import { verifyManifest } from '../../../src/attestation/gpu/rim.ts'
import { sha256, toHex, utf8 } from '../../../src/lib/bytes.ts'
import { authority, codeOf, verify } from './support/verify.ts'

const data = process.env.CHRYSALIS_TDX_DATA
const read = (name: string) => readFileSync(join(data!, 'gpu', name))
const now = Date.UTC(2025, 3, 1)

interface Shown {
  readonly arch: string
  readonly evidence: string
  readonly certificate: string
  readonly nonce: string
}
function items(name: string): { shown: GpuItem[]; nonce: Buffer } {
  const list = JSON.parse(read(name).toString()) as Shown[]
  const shown = list.map(({ arch, evidence, certificate }) => ({
    arch,
    report: Buffer.from(evidence, 'base64'),
    certificatePem: Buffer.from(certificate, 'base64').toString('latin1'),
  }))
  return { shown, nonce: Buffer.from(list[0]!.nonce, 'hex') }
}
const judge = (name: string) => {
  const { shown, nonce } = items(name)
  return verify(shown, { nonce, now, roots: nvidiaRoots })
}
const manifest = (name: string) => verifyManifest(read(name), { root: nvidiaRoots.rim, now, crypto: nodeGpuCrypto })

describe.skipIf(!data)('real evidence (skipped without CHRYSALIS_TDX_DATA)', () => {
  test.each([
    ['hopper_evidence.json', 1, { architecture: 'HOPPER', driver: '590.12', vbios: '96.00.A5.00.01', mode: 'ppcie' }],
    ['multi_gpu_hopper.json', 4, { architecture: 'HOPPER', driver: '590.12', vbios: '96.00.A5.00.01', mode: 'ppcie' }],
    ['switch_evidence_ls10.json', 1, { architecture: 'LS10', driver: null, vbios: '96.10.55.00.01', mode: null }],
  ])('%s verifies', async (name, count, facts) => {
    const { devices } = await judge(name)
    expect(devices).toHaveLength(count)
    for (const device of devices) expect(device).toMatchObject(facts)
  })

  test('a real device is refused over another nonce, with a byte changed, and under another root', async () => {
    const { shown, nonce } = items('hopper_evidence.json')
    const [item] = shown as [GpuItem]
    const real = { nonce, now, roots: nvidiaRoots }
    expect(await codeOf(verify([item], { ...real, nonce: sha256(nonce) }))).toBe('gpu-nonce-mismatch')
    expect(await codeOf(verify([item], { ...real, roots: authority.roots }))).toBe('gpu-untrusted')
    for (const offset of [100, 2000, item.report.length - 200, item.report.length - 1]) {
      const report = Buffer.from(item.report)
      report[offset]! ^= 1
      expect(await codeOf(verify([{ ...item, report }], real))).not.toBe('accepted')
    }
  })

  test('real manifests verify', async () => {
    expect(await manifest('driver_rim_550.144.03.xml')).toMatchObject({ kind: 'driver', product: 'GH100', version: '550.144.03' })
    expect(await manifest('vbios_rim_96.00.5E.00.01.swidtag')).toMatchObject({ kind: 'firmware', version: '96.00.5E.00.01' })
  })

  test('a real manifest with a changed signature, or with any byte of its payload changed, is refused', async () => {
    expect(await codeOf(manifest('driver_rim_bad_signature.xml'))).toBe('rim-untrusted')
    const bytes = read('driver_rim_550.144.03.xml')
    const end = bytes.indexOf('<ds:SignatureValue>')
    for (let offset = 0; offset < end; offset += 311) {
      const copy = Buffer.from(bytes)
      copy[offset]! ^= 1
      const verdict = verifyManifest(copy, { root: nvidiaRoots.rim, now, crypto: nodeGpuCrypto })
      expect(await codeOf(verdict), `byte ${offset}`).toBe('rim-untrusted')
    }
  })

  test.each(['nras_v2_single.json', 'nras_v3_detached_eat.json'])('%s has the digests and claims of a good answer', name => {
    const { overall, devices } = readDetachedEat(JSON.parse(read(name).toString()))
    const claims = decodeJwt(overall)
    const version = claims['x-nvidia-ver'] as '2.0' | '3.0'
    for (const [device, token] of devices) {
      expect(claims.submods).toHaveProperty(device, ['DIGEST', ['SHA-256', toHex(sha256(utf8(token)))]])
      expect(failedClaims(decodeJwt(token), version)).toEqual([])
      expect(decodeProtectedHeader(token).alg).toBe('ES384')
    }
  })

  test('an answer whose key is not at hand is refused, and one of a local verifier always', async () => {
    const keys = localNrasKeys(await authority.jwks())
    const judgeEat = (name: string, value: unknown) =>
      codeOf(verifyNras(readDetachedEat(value), { keys, nonce: null, now, crypto: nodeGpuCrypto })).then(code => [name, code])
    const real = JSON.parse(read('nras_v3_detached_eat.json').toString())
    const local = JSON.parse(read('nvattest_local_alg_none.json').toString()).detached_eat
    expect(await judgeEat('real', real)).toEqual(['real', 'nras-untrusted'])
    expect(await judgeEat('local', local)).toEqual(['local', 'nras-untrusted'])
  })
})
