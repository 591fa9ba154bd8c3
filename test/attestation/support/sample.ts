/** One good sample of everything that attestation reads, issued by an authority of our own; tests break one thing of it at a time. */
import { expect } from 'vitest'
import {
  type CollateralParts,
  type CryptoPort,
  encodeKeyset,
  encodeProxyStatement,
  type Facts,
  type Keyset,
  loadCollateral,
  nobleCrypto,
  nodeCrypto,
  type ProxyEvidenceDocument,
  type ProxyStatement,
  parseQuote,
  proxyReportData,
  reportData,
  type VerifyQuoteOptions,
  verifyQuote,
} from '../../../src/attestation/index.ts'
import { sha256, toBase64, toHex } from '../../../src/lib/bytes.ts'
import { developmentMeasurements, type Name, type QuoteRequest, SoftwareQuotingAuthority } from '../../../src/tee/index.ts'
import { seededRandom } from '../../tee/support/seeded-random.ts'

export const day = 24 * 60 * 60 * 1000
export const now = Date.UTC(2026, 5, 1, 12)
export const authority = SoftwareQuotingAuthority.create({ now, random: seededRandom('attestation') })
/** Somebody else with the same tools: all of theirs is well formed, and none of it is ours. */
export const stranger = SoftwareQuotingAuthority.create({ now, random: seededRandom('stranger') })

/** The same authority as a machine of one package sees it: its certificate is of the processor CA, and tells of no platform. */
export const processorAuthority = authority.with({
  sgx: ({ platformInstanceId, configuration, ...sgx }) => sgx,
  pck: spec => ({ ...spec, issuer: processorCa(spec.issuer) }),
  pckCa: spec => ({ ...spec, subject: processorCa(spec.subject) }),
  pckCrl: crl => ({ ...crl, issuer: processorCa(crl.issuer) }),
})

function processorCa(name: Name): Name {
  return name.map(pair => (pair[0] === 'CN' ? (['CN', 'Chrysalis Development SGX PCK Processor CA'] as const) : pair))
}

/** Every crypto port there is: what one says, each must say. */
export const ports = { node: nodeCrypto, noble: remembering(nobleCrypto) }

/** The same port, which does not compute the same signature twice: most of a sample stays as it is from test to test. */
function remembering(port: CryptoPort): CryptoPort {
  const known = new Map<string, boolean>()
  return {
    ...port,
    verifyP256(publicKey, message, signature) {
      const digest = toHex(sha256(publicKey, message, signature))
      const id = `${publicKey.length} ${signature.length} ${digest}`
      if (!known.has(id)) known.set(id, port.verifyP256(publicKey, message, signature))
      return known.get(id)!
    },
  }
}

/**
 * Verifies a quote of `quoteBy` with the collateral of `collateralBy`, under the root of the good authority unless another is
 * given: once on each crypto port, and all must come to the same end.
 */
export function judge(o: {
  by?: SoftwareQuotingAuthority
  quoteBy?: SoftwareQuotingAuthority
  collateralBy?: SoftwareQuotingAuthority
  request?: QuoteRequest
  quote?: Uint8Array
  parts?: Partial<CollateralParts>
  root?: Uint8Array
  at?: number
  loadAt?: number
  options?: Omit<VerifyQuoteOptions, 'crypto'>
}): Facts {
  const by = o.by ?? authority
  const at = o.at ?? now
  const parts = { ...(o.collateralBy ?? by).collateral(now), ...o.parts }
  const quote = o.quote ?? (o.quoteBy ?? by).issueQuote(o.request)
  const on = (crypto: CryptoPort) => {
    const collateral = loadCollateral(parts, o.loadAt ?? at, o.root ?? authority.rootDer, { crypto })
    return verifyQuote(parseQuote(quote), collateral, at, { ...o.options, crypto })
  }
  const [first, ...others] = Object.values(ports).map(crypto => settled(() => on(crypto)))
  for (const other of others) expect(other).toEqual(first)
  if (first?.facts) return first.facts
  throw first?.error
}

function settled(work: () => Facts): { facts?: Facts; error?: unknown } {
  try {
    return { facts: work() }
  } catch (error) {
    return { error }
  }
}

/** A copy with the byte at `offset` changed by `mask`. */
export function flipped(bytes: Uint8Array, offset: number, mask = 0xff): Buffer {
  const copy = Buffer.from(bytes)
  copy[offset]! ^= mask
  return copy
}

export function publicKey(label: string, size: number): Buffer {
  return Buffer.concat(Array.from({ length: Math.ceil(size / 32) }, (_, index) => sha256(Buffer.from(`${label} ${index}`)))).subarray(
    0,
    size,
  )
}

export const kidOf = (key: Uint8Array) => toHex(sha256(key).subarray(0, 8))

const [sealing, hybrid, receipt] = [publicKey('sealing', 32), publicKey('hybrid', 1216), publicKey('receipt', 32)]

export const goodKeyset: Keyset = {
  worker: 'worker-1',
  not_after: now + 7 * day,
  hpke: [
    { kid: kidOf(hybrid), kem: 0x647a, public_key: toBase64(hybrid) },
    { kid: kidOf(sealing), kem: 0x20, public_key: toBase64(sealing) },
  ],
  receipt: { kid: kidOf(receipt), public_key: toBase64(receipt) },
  models: [
    {
      id: 'small',
      weights_digest: `sha256:${'ab'.repeat(32)}`,
      context_length: 4096,
      endpoints: ['/v1/chat/completions'],
      offer: { prompt: '100', cached: '10', completion: '400', reasoning: '400' },
    },
    {
      id: 'large',
      weights_digest: null,
      context_length: 8192,
      endpoints: ['/v1/chat/completions', '/v1/completions'],
      offer: { prompt: '200', cached: '20', completion: '800', reasoning: '800' },
    },
  ],
  software: { image_digest: `sha256:${'cd'.repeat(32)}`, version: '1.0.0' },
}

export const goodNonce = sha256(Buffer.from('a nonce'))

/** The document that a worker with this keyset answers to a nonce. Its REPORTDATA is right unless another is given. */
export function evidenceOf(
  o: {
    by?: SoftwareQuotingAuthority
    keyset?: Keyset
    keysetBytes?: Buffer
    nonce?: Buffer
    gpuEvidence?: Buffer | null
    body?: NonNullable<QuoteRequest['body']>
    /** As it stands in the document. */
    eventLog?: unknown
  } = {},
) {
  const nonce = o.nonce ?? goodNonce
  const keyset = o.keysetBytes ?? encodeKeyset(o.keyset ?? goodKeyset)
  const gpuEvidence = o.gpuEvidence ?? null
  const quote = (o.by ?? authority).issueQuote({ body: { reportData: reportData(nonce, keyset, gpuEvidence), ...o.body } })
  return {
    version: 1,
    nonce: toHex(nonce),
    keyset: toBase64(keyset),
    gpu_evidence: gpuEvidence && toBase64(gpuEvidence),
    tee: { type: 'tdx', quote: toBase64(quote) },
    ...(o.eventLog === undefined ? {} : { event_log: o.eventLog }),
  }
}

/** A proxy's own document; a good one unless `spec` says what is not. */
export function proxyEvidenceOf(
  spec: { nonce?: Buffer; statement?: Partial<ProxyStatement>; by?: SoftwareQuotingAuthority; as?: 'proxy' | 'worker' } = {},
): ProxyEvidenceDocument {
  const { nonce = goodNonce, by = authority, as = 'proxy' } = spec
  const statement = encodeProxyStatement({
    role: 'proxy',
    not_after: now + day,
    chain: -239,
    payee: `0:${'ab'.repeat(32)}`,
    payee_key: 'cd'.repeat(32),
    tls_spki: null,
    software: goodKeyset.software,
    ...spec.statement,
  })
  const bound = as === 'proxy' ? proxyReportData(nonce, statement) : reportData(nonce, statement, null)
  const quote = by.issueQuote({ body: { ...developmentMeasurements, reportData: bound } })
  return { version: 1, nonce: toHex(nonce), proxy: toBase64(statement), tee: { type: 'tdx', quote: toBase64(quote) } }
}
