import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { encodeGpuEvidence, parseGpuEvidence } from '../../../src/attestation/gpu/items.ts'
import { AttestationError } from '../../../src/attestation/index.ts'
import { toBase64, utf8 } from '../../../src/lib/bytes.ts'

const item = { arch: 'HOPPER', report: utf8('report'), certificatePem: 'chain' }
const evidence = { items: [item], rims: [utf8('rim')], nras: { overall: 'a.b.c', devices: new Map([['GPU-0', 'd.e.f']]) } }
const sent = { arch: 'HOPPER', evidence: toBase64(utf8('report')), certificate: toBase64(utf8('chain')) }
const good = { version: 1, items: [sent], rims: [], nras: null }

function code(text: string | Uint8Array): string {
  try {
    parseGpuEvidence(typeof text === 'string' ? utf8(text) : text)
    return 'accepted'
  } catch (error) {
    if (error instanceof AttestationError) return error.code
    throw error
  }
}

describe('GPU evidence', () => {
  test('survives the way', () => {
    const parsed = parseGpuEvidence(encodeGpuEvidence(evidence))
    expect(parsed).toEqual(evidence)
    expect(encodeGpuEvidence(parsed)).toEqual(encodeGpuEvidence(evidence))
  })

  test('is one JSON text in its plain form', () => {
    expect(code(JSON.stringify(good))).toBe('accepted')
    expect(code(JSON.stringify(good, null, 1))).toBe('gpu-evidence-malformed')
    expect(code(`${JSON.stringify(good)}\n`)).toBe('gpu-evidence-malformed')
    expect(code(JSON.stringify(good).replace('"version":1', '"version":1,"version":1'))).toBe('gpu-evidence-malformed')
  })

  test.each<[string, unknown]>([
    ['another version', { ...good, version: 2 }],
    ['a member more', { ...good, note: '' }],
    ['no items', { version: 1, rims: [], nras: null }],
    ['no rims', { version: 1, items: [sent], nras: null }],
    ['no nras', { version: 1, items: [sent], rims: [] }],
    ['nothing to show', { ...good, items: [] }],
    ['an item with a member more', { ...good, items: [{ ...sent, nonce: '' }] }],
    ['an item without certificates', { ...good, items: [{ arch: 'HOPPER', evidence: '' }] }],
    ['base64 that is not canonical', { ...good, items: [{ ...sent, evidence: 'A' }] }],
    ['hex in place of base64', { ...good, items: [{ ...sent, evidence: 'zz!' }] }],
    ['a report beyond any size', { ...good, items: [{ ...sent, evidence: 'A'.repeat(24 * 1024 + 4) }] }],
    ['a chain beyond any size', { ...good, items: [{ ...sent, certificate: 'A'.repeat(24 * 1024 + 4) }] }],
    ['seventeen items', { ...good, items: Array(17).fill(sent) }],
    ['nine manifests', { ...good, rims: Array(9).fill('') }],
    ['a manifest beyond any size', { ...good, rims: ['A'.repeat(192 * 1024 + 4)] }],
    ['a token that is no JWT', { ...good, nras: [['JWS', 'a'], { 'GPU-0': 'b' }] }],
    ['a token of no device', { ...good, nras: [['JWT', 'a'], {}] }],
    ['a token of seventeen', { ...good, nras: [['JWT', 'a'], Object.fromEntries(Array.from({ length: 17 }, (_, n) => [n, 'b']))] }],
    ['a token beyond any size', { ...good, nras: [['JWT', 'a'.repeat(16 * 1024 + 1)], { 'GPU-0': 'b' }] }],
    ['a list in place of the whole', [sent]],
    ['nothing', null],
  ])('with %s is malformed', (_, value) => {
    expect(code(JSON.stringify(value))).toBe('gpu-evidence-malformed')
  })

  test.each([
    ['of no bytes', ''],
    ['that is not JSON', '{'],
    ['of bytes that are not UTF-8', Buffer.of(0x22, 0xff, 0x22)],
    ['nested a hundred thousand times', '['.repeat(100_000)],
    ['beyond any size', 'A'.repeat(512 * 1024 + 1)],
  ])('%s is malformed', (_, text) => {
    expect(code(text)).toBe('gpu-evidence-malformed')
  })

  test('whatever the bytes, is read or malformed', () => {
    const bytes = encodeGpuEvidence(evidence)
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (offset, mask) => {
        const copy = Buffer.from(bytes)
        copy[offset]! ^= mask
        expect(['accepted', 'gpu-evidence-malformed']).toContain(code(copy))
      }),
    )
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), random => code(random) === 'gpu-evidence-malformed'))
  })
})
