/** The evidence document and the keyset: their form, and what binds the keys to the quote and the quote to our nonce. */
import { describe, expect, test } from 'vitest'
import {
  type AttestationError,
  collateralFor,
  developmentPolicy,
  encodeKeyset,
  type Keyset,
  loadCollateral,
  openEvidence,
  parseEvidence,
  parseKeyset,
  parsePolicy,
  parseQuote,
  reportData,
  verifyEvidence,
} from '../../src/attestation/index.ts'
import { sha256, toBase64, toHex, utf8 } from '../../src/lib/bytes.ts'
import { developmentMeasurements, type SoftwareQuotingAuthority } from '../../src/tee/index.ts'
import { outcome } from './support/outcome.ts'
import { authority, evidenceOf, flipped, goodKeyset, goodNonce, kidOf, now, publicKey, stranger } from './support/sample.ts'

const text = (value: unknown) => JSON.stringify(value)
const good = evidenceOf()
const policy = developmentPolicy(developmentMeasurements)
const [model] = goodKeyset.models

describe('a keyset', () => {
  const parse = (change: object) => outcome(() => parseKeyset(utf8(text({ ...goodKeyset, ...change }))))

  test('is read as it was written, and written only where it can be read', () => {
    expect(parseKeyset(encodeKeyset(goodKeyset))).toEqual(goodKeyset)
    expect(outcome(() => encodeKeyset({ ...goodKeyset, worker: '' }))).toBe('evidence-malformed')
  })

  test('may hold members that nobody knows, and a key for a KEM that nobody knows', () => {
    const bytes = utf8(text({ ...goodKeyset, later: { a: 1 }, models: [{ ...model, also: true }] }))
    expect(parseKeyset(bytes).models).toEqual([model])
    const future = publicKey('future', 77)
    expect(parse({ hpke: [...goodKeyset.hpke, { kid: kidOf(future), kem: 0x9999, public_key: toBase64(future) }] })).toBe('accepted')
    expect(parse({ tls_spki: 'AAAA' })).toBe('accepted')
    expect(parse({ models: [] })).toBe('accepted')
  })

  test.each(['worker', 'not_after', 'hpke', 'receipt', 'models', 'software'] as const)(
    'without %s, or with it of another type, is refused',
    name => {
      const { [name]: _, ...rest } = goodKeyset
      expect(outcome(() => parseKeyset(utf8(text(rest))))).toBe('evidence-malformed')
      for (const wrong of [null, true, -1, '', {}, [null]]) expect(parse({ [name]: wrong }), text(wrong)).toBe('evidence-malformed')
    },
  )

  const [hybrid, sealing] = goodKeyset.hpke
  const raw = (size: number) => ({ kid: kidOf(publicKey('x', size)), public_key: toBase64(publicKey('x', size)) })
  test.each<[string, object]>([
    ['a worker with a space in its name', { worker: 'worker 1' }],
    ['a worker with a slash in its name', { worker: '../worker' }],
    ['a worker with a long name', { worker: 'w'.repeat(65) }],
    ['half a millisecond', { not_after: now + 0.5 }],
    ['a time of zero', { not_after: 0 }],
    ['no sealing key', { hpke: [] }],
    ['nine sealing keys', { hpke: Array(9).fill(sealing) }],
    ['the kid of another sealing key', { hpke: [{ ...sealing, kid: hybrid!.kid }] }],
    ['a kid in capitals', { hpke: [{ ...sealing, kid: sealing!.kid.toUpperCase() }] }],
    ['a kid of a wrong size', { hpke: [{ ...sealing, kid: sealing!.kid.slice(2) }] }],
    ['an X25519 key of 31 bytes', { hpke: [{ ...raw(31), kem: 0x20 }] }],
    ['an X-Wing key of an X25519 key’s size', { hpke: [{ ...raw(32), kem: 0x647a }] }],
    ['a sealing key that is not base64', { hpke: [{ ...sealing, public_key: '!' }] }],
    ['a sealing key in base64url', { hpke: [{ ...sealing, public_key: sealing!.public_key.replace('=', '') }] }],
    ['the kid of another receipt key', { receipt: { ...goodKeyset.receipt, kid: sealing!.kid } }],
    ['a receipt key of 33 bytes', { receipt: raw(33) }],
    ['a model twice', { models: [model, model] }],
    ['a model without a name', { models: [{ ...model, id: '' }] }],
    ['a digest without its algorithm', { models: [{ ...model, weights_digest: 'ab'.repeat(32) }] }],
    ['a digest in capitals', { models: [{ ...model, weights_digest: `sha256:${'AB'.repeat(32)}` }] }],
    ['a digest that is left out', { models: [{ ...model, weights_digest: undefined }] }],
    ['no room for a context', { models: [{ ...model, context_length: 0 }] }],
    ['a price that is a number', { models: [{ ...model, offer: { ...model!.offer, prompt: 1 } }] }],
    ['a price below zero', { models: [{ ...model, offer: { ...model!.offer, prompt: '-1' } }] }],
    ['a price with a part', { models: [{ ...model, offer: { ...model!.offer, cached: '1.5' } }] }],
    ['a price with a zero before it', { models: [{ ...model, offer: { ...model!.offer, completion: '01' } }] }],
    ['a price of twenty digits', { models: [{ ...model, offer: { ...model!.offer, completion: '1'.repeat(20) } }] }],
    ['a price that is left out', { models: [{ ...model, offer: { prompt: '1', cached: '1', completion: '1' } }] }],
    ['an image without its digest', { software: { version: '1' } }],
    ['a digest of the image of another form', { software: { ...goodKeyset.software, image_digest: 'latest' } }],
  ])('with %s is refused', (_, change) => {
    expect(parse(change)).toBe('evidence-malformed')
  })

  const plain = text(goodKeyset)
  test.each<[string, Buffer]>([
    ['with a space that its plain form lacks', utf8(plain.replace(':', ': '))],
    ['with something after it', utf8(`${plain}\n`)],
    ['with a member twice', utf8(plain.replace('{', '{"worker":"somebody",'))],
    ['with an escape that nobody needs', utf8(plain.replace('worker-1', '\\u0077orker-1'))],
    ['with a number in another spelling', utf8(plain.replace('4096', '4.096e3'))],
    ['with bytes that are not UTF-8', Buffer.from(plain.replace('small', 'sm\xff'), 'latin1')],
    ['with a mark of byte order', Buffer.concat([Buffer.from('efbbbf', 'hex'), utf8(plain)])],
    ['that is no JSON', utf8('keyset')],
    ['that is null', utf8('null')],
    ['that is empty', Buffer.alloc(0)],
  ])('%s is refused', (_, bytes) => {
    expect(outcome(() => parseKeyset(bytes))).toBe('evidence-malformed')
  })
})

describe('an evidence document', () => {
  const parse = (change: object) => outcome(() => parseEvidence(text({ ...good, ...change })))

  test('is taken apart, from text or bytes, also with members that nobody knows', () => {
    const parsed = parseEvidence(text(good))
    expect(parsed).toMatchObject({ keyset: goodKeyset, gpuEvidence: null })
    expect(parsed.keysetBytes).toEqual(encodeKeyset(goodKeyset))
    expect(parsed.quote).toEqual(Buffer.from(good.tee.quote, 'base64'))
    expect(parseEvidence(utf8(text({ ...good, event_log: null, collateral: {}, more: 1 })))).toEqual(parsed)
    expect(parseEvidence(text({ ...good, gpu_evidence: toBase64(utf8('gpu')) })).gpuEvidence).toEqual(utf8('gpu'))
  })

  test.each(['version', 'nonce', 'keyset', 'gpu_evidence', 'tee'] as const)('without %s is refused', name => {
    const { [name]: _, ...rest } = good
    expect(outcome(() => parseEvidence(text(rest)))).toBe('evidence-malformed')
  })

  test.each<[string, object]>([
    ['another version', { version: 2 }],
    ['a version in words', { version: '1' }],
    ['a nonce of 31 bytes', { nonce: good.nonce.slice(2) }],
    ['a nonce in capitals', { nonce: 'AB'.repeat(32) }],
    ['no nonce', { nonce: null }],
    ['a keyset that is not base64', { keyset: '{}' }],
    ['a keyset in base64 of another spelling', { keyset: `${good.keyset}=` }],
    ['a keyset as an object', { keyset: goodKeyset }],
    ['a keyset of nothing', { keyset: '' }],
    ['a huge keyset', { keyset: 'A'.repeat(64 * 1024 + 4) }],
    ['GPU evidence that is not base64', { gpu_evidence: '%' }],
    ['GPU evidence beyond any size', { gpu_evidence: 'A'.repeat(1024 * 1024 + 4) }],
    ['GPU evidence as an object', { gpu_evidence: {} }],
    ['another TEE', { tee: { ...good.tee, type: 'sev-snp' } }],
    ['no quote', { tee: { type: 'tdx' } }],
    ['a quote that is not base64', { tee: { ...good.tee, quote: `${good.tee.quote}\n` } }],
    ['a huge quote', { tee: { ...good.tee, quote: 'A'.repeat(32 * 1024 + 4) } }],
  ])('with %s is refused', (_, change) => {
    expect(parse(change)).toBe('evidence-malformed')
  })

  test.each<[string, string]>([
    ['nothing', ''],
    ['no JSON', '<html>'],
    ['a list', '[]'],
    ['null', 'null'],
    ['cut off', text(good).slice(0, -1)],
    ['beyond any size', `${text(good)}${' '.repeat(2 * 1024 * 1024)}`],
  ])('that is %s is refused', (_, document) => {
    expect(outcome(() => parseEvidence(document))).toBe('evidence-malformed')
  })

  test('with a quote that is none is refused when it is opened', () => {
    expect(outcome(() => openEvidence(text({ ...good, tee: { type: 'tdx', quote: '' } })))).toBe('quote-malformed')
  })
})

describe('REPORTDATA', () => {
  test('is the hash of label, nonce, keyset and GPU evidence, and 32 zeros', () => {
    const [nonce, keyset] = [Buffer.alloc(32, 1), utf8('{}')]
    const expected = (gpu: Buffer) =>
      `${toHex(sha256(utf8('chrysalis report-data v1'), nonce, sha256(keyset), sha256(gpu)))}${'00'.repeat(32)}`
    expect(toHex(reportData(nonce, keyset, null))).toBe(expected(Buffer.alloc(0)))
    expect(toHex(reportData(nonce, keyset, utf8('gpu')))).toBe(expected(utf8('gpu')))
    expect(() => reportData(Buffer.alloc(31), keyset, null)).toThrow(RangeError)
  })

  test('changes with every byte of what it binds', () => {
    const keyset = encodeKeyset(goodKeyset)
    const gpu = utf8('evidence of a GPU')
    const seen = new Set([toHex(reportData(goodNonce, keyset, gpu))])
    for (let at = 0; at < 32; at++) seen.add(toHex(reportData(flipped(goodNonce, at), keyset, gpu)))
    for (let at = 0; at < keyset.length; at++) seen.add(toHex(reportData(goodNonce, flipped(keyset, at, 1), gpu)))
    for (let at = 0; at < gpu.length; at++) seen.add(toHex(reportData(goodNonce, keyset, flipped(gpu, at, 1))))
    expect(seen.size).toBe(1 + 32 + keyset.length + gpu.length)
  })
})

describe('evidence as a whole', () => {
  const verify = (
    document: object,
    o: { nonce?: Buffer; worker?: string; at?: number; by?: SoftwareQuotingAuthority; policy?: typeof policy } = {},
  ) =>
    verifyEvidence({
      ...openEvidence(text(document)),
      worker: o.worker ?? 'worker-1',
      nonce: o.nonce ?? goodNonce,
      collateral: loadCollateral((o.by ?? authority).collateral(now), now, authority.rootDer),
      policy: o.policy ?? policy,
      now: o.at ?? now,
    })
  const code = (...args: Parameters<typeof verify>) => outcome(() => verify(...args))
  const gpuEvidence = utf8('evidence of a GPU')

  test('gives the keyset, its digest and the facts', () => {
    const verified = verify(good)
    expect(verified.keyset).toEqual(goodKeyset)
    expect(verified.keysetDigest).toBe(toHex(sha256(encodeKeyset(goodKeyset))))
    expect(verified.quote).toEqual(Buffer.from(good.tee.quote, 'base64'))
    expect([verified.facts.status, verified.appraisal.accepted]).toEqual(['UpToDate', true])
    expect(code(evidenceOf({ gpuEvidence }))).toBe('accepted')
  })

  test('is fresh by our nonce, never by the one that it echoes', () => {
    expect(code(good, { nonce: Buffer.alloc(32, 7) })).toBe('report-data-mismatch')
    expect(code({ ...good, nonce: '07'.repeat(32) }, { nonce: Buffer.alloc(32, 7) })).toBe('report-data-mismatch')
    expect(code({ ...good, nonce: '07'.repeat(32) })).toBe('accepted')
  })

  test('binds the very bytes of the keyset', () => {
    const other = publicKey('somebody else', 32)
    const swapped: Keyset = { ...goodKeyset, receipt: { kid: kidOf(other), public_key: toBase64(other) } }
    for (const keyset of [swapped, { ...goodKeyset, not_after: goodKeyset.not_after + 1 }, { ...goodKeyset, also: 1 }])
      expect(code({ ...good, keyset: toBase64(encodeKeyset(keyset)) })).toBe('report-data-mismatch')
  })

  test('binds the evidence of the GPU, and that there is none', () => {
    const withGpu = evidenceOf({ gpuEvidence })
    expect(code({ ...withGpu, gpu_evidence: toBase64(flipped(gpuEvidence, 0, 1)) })).toBe('report-data-mismatch')
    expect(code({ ...withGpu, gpu_evidence: null })).toBe('report-data-mismatch')
    expect(code({ ...good, gpu_evidence: toBase64(gpuEvidence) })).toBe('report-data-mismatch')
  })

  test('binds all 64 bytes of REPORTDATA, the zeros too', () => {
    for (const at of [0, 31, 32, 63]) {
      const reported = flipped(reportData(goodNonce, encodeKeyset(goodKeyset), null), at, 1)
      expect(code(evidenceOf({ body: { reportData: reported } }))).toBe('report-data-mismatch')
    }
  })

  test('does not take the quote of another worker for these keys', () => {
    const neighbour = evidenceOf({ keyset: { ...goodKeyset, worker: 'worker-2' } })
    expect(code(neighbour)).toBe('worker-mismatch')
    expect(code(neighbour, { worker: 'worker-2' })).toBe('accepted')
    expect(code({ ...good, tee: neighbour.tee })).toBe('report-data-mismatch')
    expect(code(evidenceOf({ by: stranger }))).toBe('chain-untrusted')
  })

  test('is refused from the moment its keyset ends', () => {
    const ending = evidenceOf({ keyset: { ...goodKeyset, not_after: now + 1000 } })
    expect([code(ending, { at: now + 999 }), code(ending, { at: now + 1000 })]).toEqual(['accepted', 'keyset-expired'])
  })

  test('is refused by the policy with every reason', () => {
    const strict = parsePolicy({ ...policy, fmspcs: ['00806f050000'], rtmr3: ['01'.repeat(48)] })
    const refused = () => verify(good, { policy: strict })
    expect(outcome(refused)).toBe('policy-refused')
    try {
      refused()
    } catch (error) {
      const { reasons, message } = error as AttestationError
      expect(reasons).toEqual([`RTMR3 is ${'00'.repeat(48)}, which is not in the policy`, 'the FMSPC is c0de43485259'])
      for (const reason of reasons) expect(message).toContain(reason)
    }
  })

  test('tells which collateral it needs', () => {
    expect(collateralFor(parseQuote(authority.issueQuote()))).toEqual({ fmspc: 'c0de43485259', ca: 'platform' })
    const processor = authority.with({
      pckCa: spec => ({ ...spec, subject: spec.subject.map(([type, value]) => [type, value.replace('Platform', 'Processor')] as const) }),
    })
    expect(collateralFor(parseQuote(processor.issueQuote())).ca).toBe('processor')
  })
})
