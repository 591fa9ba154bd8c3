/**
 * GPU evidence: how long one and eight GPUs take to verify, with a driver's and a firmware's manifest for each kind, and the longest
 * block of the event loop meanwhile. First is with nothing kept; then what a proxy keeps from one renewal to the next. With
 * `CHRYSALIS_TDX_DATA` a real driver's manifest is measured beside.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { LRUCache } from 'lru-cache'
import { nodeGpuCrypto, rememberingSignatures } from '../src/attestation/gpu/crypto-port.ts'
import { gpuNonce } from '../src/attestation/gpu/nonce.ts'
import { nvidiaRoots } from '../src/attestation/gpu/nvidia-roots.ts'
import { noRevocationCheck } from '../src/attestation/gpu/revocation.ts'
import { verifyManifest } from '../src/attestation/gpu/rim.ts'
import { type GpuVerifierOptions, verifyGpuEvidence } from '../src/attestation/gpu/verify.ts'
import { goodMeasurements, now } from '../test/attestation/gpu/support/authority.ts'
import { rim } from '../test/attestation/gpu/support/rim.ts'
import { authority } from '../test/attestation/gpu/support/verify.ts'
import { median } from '../test/support/leaving.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 25)

/** Runs `work`; how long it took, and the longest time without a turn of the event loop, both in ms. */
async function watched(work: () => Promise<unknown>): Promise<{ took: number; block: number }> {
  let block = 0
  let last = performance.now()
  let done = false
  const probe = () => {
    const at = performance.now()
    block = Math.max(block, at - last)
    last = at
    if (!done) setImmediate(probe)
  }
  setImmediate(probe)
  const started = performance.now()
  await work()
  const took = performance.now() - started
  await new Promise(resolve => setImmediate(resolve))
  done = true
  return { took, block }
}

export async function gpu(): Promise<void> {
  console.log('| what | median ms | longest block, median ms | worst ms |\n| --- | --- | --- | --- |')
  for (const count of [1, 8]) {
    const kept = verifier()
    await line(`${count} GPU${count > 1 ? 's' : ''}, first`, () => verifyOver(count, verifier()))
    await line(`${count} GPU${count > 1 ? 's' : ''}, at a renewal`, () => verifyOver(count, kept))
  }
  const file = process.env.CHRYSALIS_TDX_DATA && join(process.env.CHRYSALIS_TDX_DATA, 'gpu/driver_rim_550.144.03.xml')
  if (!file || !existsSync(file)) return console.log('\na real driver’s manifest: skipped without CHRYSALIS_TDX_DATA')
  const bytes = readFileSync(file)
  await line(`a real driver’s manifest of ${bytes.length} bytes`, () =>
    watched(() => verifyManifest(bytes, { root: nvidiaRoots.rim, now: Date.UTC(2025, 3, 1), crypto: nodeGpuCrypto })),
  )
}

function verifier(): GpuVerifierOptions {
  return {
    roots: authority.roots,
    crypto: rememberingSignatures(nodeGpuCrypto),
    checkRevocation: noRevocationCheck,
    manifests: new LRUCache({ max: 64 }),
    nrasKeys: null,
  }
}

const rims = [rim(authority), rim(authority, { version: '96.00.A5.00.01' })]

/** Evidence over a nonce that was never seen, as at each renewal. */
function verifyOver(count: number, o: GpuVerifierOptions): Promise<{ took: number; block: number }> {
  const nonce = gpuNonce(Buffer.from(crypto.getRandomValues(new Uint8Array(32))), Buffer.from('keyset'))
  const items = Array.from({ length: count }, (_, index) => authority.device(index, { report: { nonce, measurements: goodMeasurements } }))
  return watched(() => verifyGpuEvidence({ items, rims, nras: null }, { ...o, nonce, inReportData: true, now }))
}

async function line(name: string, run: () => Promise<{ took: number; block: number }>): Promise<void> {
  const took: number[] = []
  const blocks: number[] = []
  for (let round = 0; round < rounds; round++) {
    const seen = await run()
    took.push(seen.took)
    blocks.push(seen.block)
  }
  console.log(`| ${name} | ${median(took).toFixed(2)} | ${median(blocks).toFixed(2)} | ${Math.max(...blocks).toFixed(2)} |`)
}
