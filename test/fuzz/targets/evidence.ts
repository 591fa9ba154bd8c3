import { createHash } from 'node:crypto'
import { collateralFor, encodeKeyset, type Keyset, openEvidence, parseKeyset } from '../../../src/attestation/index.ts'
import { changeJson } from '../harness/json-change.ts'
import { type FuzzTarget, isAttestationRefusal } from '../harness/target.ts'
import { authority, now } from '../samples.ts'

const utf8 = (text: string) => new TextEncoder().encode(text)
const base64 = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')

const key = (size: number) => {
  const raw = Buffer.alloc(size, size)
  return { kid: createHash('sha256').update(raw).digest('hex').slice(0, 16), public_key: base64(raw) }
}
const offer = { prompt: '100', cached: '10', completion: '400', reasoning: '400' }
const worker: Keyset = {
  worker: 'worker-1',
  not_after: now + 86_400_000,
  hpke: [
    { ...key(1216), kem: 0x647a },
    { ...key(32), kem: 0x20 },
  ],
  receipt: key(32),
  models: [{ id: 'small', weights_digest: null, context_length: 4096, endpoints: ['/v1/chat/completions'], offer }],
  software: { image_digest: `sha256:${'cd'.repeat(32)}`, version: '1.0.0' },
}

const document = (gpuEvidence: Uint8Array | null) => ({
  version: 1,
  nonce: '00'.repeat(32),
  keyset: base64(encodeKeyset(worker)),
  gpu_evidence: gpuEvidence && base64(gpuEvidence),
  tee: { type: 'tdx', quote: base64(authority.issueQuote()) },
})

/** A worker's document, as far as it is read before anything in it is verified. */
export const evidenceTarget: FuzzTarget = {
  name: 'evidence',
  seeds: () => [null, utf8('{"version":1}')].map(gpuEvidence => utf8(JSON.stringify(document(gpuEvidence)))),
  run(input) {
    const { quote } = openEvidence(input)
    collateralFor(quote)
  },
  isRefusal: isAttestationRefusal,
  sources: ['src/attestation/evidence.ts', 'src/attestation/verify-evidence.ts'],
  words: ['"nonce":"', '"tee":{', 'null', '='],
  change: changeJson,
}

/** The keyset in it. What is read is written again as it was. */
export const keysetTarget: FuzzTarget = {
  name: 'keyset',
  seeds: () => [encodeKeyset(worker)],
  run(input) {
    const keyset = parseKeyset(input)
    if (JSON.stringify(parseKeyset(encodeKeyset(keyset))) !== JSON.stringify(keyset)) throw new Error('not what was written')
  },
  isRefusal: isAttestationRefusal,
  sources: ['src/attestation/evidence.ts'],
  words: ['"kem":32', '"hpke":[]', '"models":[]', 'null'],
  change: changeJson,
}
