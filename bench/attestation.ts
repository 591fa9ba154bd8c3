/**
 * Verifying a quote: ours beside the two npm packages, turn by turn in one process, and our portable core in Chromium. Cold is
 * with nothing kept from one to the next, not even a key that was imported; held is what a proxy keeps of each platform.
 * With `CHRYSALIS_TDX_DATA` a real quote is verified under Intel's root; the wasm package knows no other, so without the
 * data it stays out and a quote of our own authority is verified.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { QuoteVerifier } from '@phala/dcap-qvl'
import { type CollateralParts, HeldPckChains, intelRootDer, loadCollateral, parseQuote, verifyQuote } from '../src/attestation/index.ts'
import { createNodeCrypto } from '../src/attestation/tdx/node-crypto.ts'
import { SoftwareQuotingAuthority } from '../src/tee/index.ts'
import { median } from '../test/support/leaving.ts'
import { inChromium } from './attestation-browser.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 25)
const batch = 20

export interface Sample {
  readonly name: string
  readonly quote: Uint8Array
  readonly parts: CollateralParts
  readonly root: Uint8Array
  /** ms */
  readonly now: number
}

type TheirCollateral = Parameters<QuoteVerifier['verify']>[1]

interface Contestant {
  readonly name: string
  readonly run: () => unknown
  readonly times: number[]
}

export async function attestation(): Promise<void> {
  const sample = realSample() ?? ownSample()
  const { quote, parts, root, now } = sample
  const collateral = loadCollateral(parts, now, root)
  const held = new HeldPckChains()
  const theirs = theirCollateral(parts)
  const js = QuoteVerifier.newWithRootCa(Buffer.from(root))
  const contestants: Contestant[] = [
    contestant('Chrysalis, cold', () => {
      const crypto = createNodeCrypto()
      return verifyQuote(parseQuote(quote), loadCollateral(parts, now, root, { crypto }), now, { crypto })
    }),
    contestant('Chrysalis, collateral held', () => verifyQuote(parseQuote(quote), collateral, now)),
    contestant('Chrysalis, PCK chain held too', () => verifyQuote(parseQuote(quote), collateral, now, { held })),
    contestant('@phala/dcap-qvl 0.3.9', () => js.verify(Buffer.from(quote), theirs, now / 1000)),
  ]
  if (root === intelRootDer) contestants.push(await wasm(quote, theirs, now))

  const worst = await measure(contestants)
  const yardstick = median(contestants.find(({ name }) => name.startsWith('@phala/dcap-qvl '))!.times)
  console.log(`one quote, ${sample.name}; median of ${rounds} rounds of ${batch}, turn by turn\n`)
  console.log('| verifier | ms | beside @phala/dcap-qvl |\n| --- | --- | --- |')
  for (const { name, times } of contestants)
    console.log(`| ${name} | ${median(times).toFixed(3)} | 1/${(yardstick / median(times)).toFixed(1)} |`)
  console.log(`\nlongest of ours, which is the longest block of the event loop: ${worst.toFixed(2)} ms`)
  console.log(`\n${await inChromium(sample)}`)
}

function contestant(name: string, run: () => unknown): Contestant {
  return { name, run, times: [] }
}

/** Fills in every contestant's times, each verifying a batch in its turn. Returns the longest that one verification of ours took, in ms. */
async function measure(contestants: readonly Contestant[]): Promise<number> {
  let worst = 0
  for (let round = -3; round < rounds; round++) {
    for (const { name, run, times } of contestants) {
      let spent = 0
      for (let count = 0; count < batch; count++) {
        const started = performance.now()
        run()
        const took = performance.now() - started
        spent += took
        if (round >= 0 && name.startsWith('Chrysalis')) worst = Math.max(worst, took)
        await turn()
      }
      // The first rounds are for the compiler.
      if (round >= 0) times.push(spent / batch)
    }
  }
  return worst
}

/** A real quote with the collateral of its day. */
function realSample(): Sample | undefined {
  const folder = process.env.CHRYSALIS_TDX_DATA
  if (folder === undefined || !existsSync(join(folder, 'quotes'))) return undefined
  const set = join(folder, 'collateral', 'b0c06f000000-2025-06-19-101603-e17')
  const file = (name: string) => readFileSync(join(set, name))
  return {
    name: 'of a real machine, version 4',
    quote: readFileSync(join(folder, 'quotes', 'phala-dcap-qvl.bin')),
    parts: {
      tcbInfo: file('tcb_info.json').toString('utf8'),
      qeIdentity: file('qe_identity.json').toString('utf8'),
      pckCrl: file('pck_crl.der'),
      rootCaCrl: file('root_ca_crl.der'),
      tcbIssuerChain: file('tcb_issuer_chain.pem').toString('utf8'),
      pckCrlIssuerChain: file('pck_crl_issuer_chain.pem').toString('utf8'),
    },
    root: intelRootDer,
    now: 1_751_624_191_000,
  }
}

function ownSample(): Sample {
  const now = Date.UTC(2026, 5, 1)
  const authority = SoftwareQuotingAuthority.create({ now })
  return {
    name: 'of our own authority, version 4',
    quote: authority.issueQuote(),
    parts: authority.collateral(now),
    root: authority.rootDer,
    now,
  }
}

/** The same collateral in the shape that both packages take. */
function theirCollateral(parts: CollateralParts): TheirCollateral {
  const inner = (text: string, member: string) =>
    text.slice(text.indexOf(`"${member}":`) + member.length + 3, text.lastIndexOf(',"signature"'))
  const signature = (text: string) => (JSON.parse(text) as { signature: string }).signature
  return {
    tcb_info: inner(parts.tcbInfo, 'tcbInfo'),
    tcb_info_signature: signature(parts.tcbInfo),
    tcb_info_issuer_chain: parts.tcbIssuerChain,
    qe_identity: inner(parts.qeIdentity, 'enclaveIdentity'),
    qe_identity_signature: signature(parts.qeIdentity),
    qe_identity_issuer_chain: parts.tcbIssuerChain,
    pck_crl: Buffer.from(parts.pckCrl).toString('hex'),
    pck_crl_issuer_chain: parts.pckCrlIssuerChain,
    root_ca_crl: Buffer.from(parts.rootCaCrl).toString('hex'),
  }
}

async function wasm(quote: Uint8Array, collateral: TheirCollateral, now: number): Promise<Contestant> {
  const { initSync, js_verify } = await import('@phala/dcap-qvl-web')
  const entry = createRequire(import.meta.url).resolve('@phala/dcap-qvl-web')
  initSync({ module: readFileSync(join(entry, '..', 'dcap-qvl-web_bg.wasm')) })
  return contestant('@phala/dcap-qvl-web 0.3.3', () => js_verify(quote, collateral, BigInt(Math.floor(now / 1000))))
}
