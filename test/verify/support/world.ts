/** The command in a world of a test: what it writes, its clock, and a folder of files that goes with the test file. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { CollateralParts } from '../../../src/attestation/index.ts'
import { type VerifyFlags, type VerifyWorld, verifyCommand } from '../../../src/verify.ts'
import { authority, now } from '../../attestation/support/sample.ts'

export const folder = mkdtempSync(join(tmpdir(), 'chrysalis-verify-'))
// Test files of a worker share it.
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

/** Writes a file of the test's folder; its path comes back. */
export function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

/** A collateral folder in the layout that the command reads. */
export function collateralFolder(name: string, parts: CollateralParts): string {
  const path = join(folder, name)
  mkdirSync(path, { recursive: true })
  const names: Record<keyof CollateralParts, string> = {
    tcbInfo: 'tcb_info.json',
    qeIdentity: 'qe_identity.json',
    pckCrl: 'pck_crl.der',
    rootCaCrl: 'root_ca_crl.der',
    tcbIssuerChain: 'tcb_issuer_chain.pem',
    pckCrlIssuerChain: 'pck_crl_issuer_chain.pem',
  }
  for (const part of Object.keys(names) as (keyof CollateralParts)[]) writeFileSync(join(path, names[part]), parts[part])
  return path
}

export const at = new Date(now).toISOString()
export const root = file('root.der', authority.rootDer)
export const collateral = collateralFolder('collateral', authority.collateral(now))
export const quote = file('quote.bin', authority.issueQuote())

/** Runs the command; what it wrote, and its exit code. Wrong usage is thrown, as the command does. */
export async function verify(
  flags: VerifyFlags & { readonly url?: string },
  world: Partial<VerifyWorld> = {},
): Promise<{ code: number; output: string }> {
  const { url, ...rest } = flags
  let output = ''
  const code = await verifyCommand(url, rest, {
    stdin: (async function* () {})(),
    write: async text => {
      output += text
    },
    isTTY: false,
    columns: 100,
    env: {},
    now: () => now,
    random: size => Buffer.alloc(size, 7),
    fetch: () => Promise.reject(new Error('no network in this test')),
    ...world,
  })
  return { code, output }
}
