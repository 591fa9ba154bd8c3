/** The core as a page gets it: one bundle, run where there is no Node at all, that verifies and refuses as everywhere else. */
import { join, resolve } from 'node:path'
import { createContext, runInContext } from 'node:vm'
import { rolldown } from 'rolldown'
import { beforeAll, describe, expect, test } from 'vitest'
import { authority, flipped, now } from '../support/sample.ts'

const entry = join(resolve(import.meta.dirname, '../../..'), 'src/attestation/tdx/index.ts')
/** What a page would do: bytes come as text, for they must be arrays of its own world. */
const page = `(quote, collateral, root, now) => {
  const bytes = hex => Uint8Array.from(hex.match(/../g) ?? [], pair => parseInt(pair, 16))
  const parts = { ...collateral, pckCrl: bytes(collateral.pckCrl), rootCaCrl: bytes(collateral.rootCaCrl) }
  try {
    const held = verifier.loadCollateral(parts, now, root ? bytes(root) : verifier.intelRootDer, { crypto: verifier.nobleCrypto })
    return verifier.verifyQuote(verifier.parseQuote(bytes(quote)), held, now, { crypto: verifier.nobleCrypto }).status
  } catch (error) {
    return error instanceof verifier.AttestationError ? error.code : String(error)
  }
}`

describe('the portable core', () => {
  const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')
  const quote = authority.issueQuote({ version: 5 })
  const good = authority.collateral(now)
  const collateral = { ...good, pckCrl: hex(good.pckCrl), rootCaCrl: hex(good.rootCaCrl) }
  let code: string
  let verify: (quote: string, parts: object, root: string, now: number) => string

  beforeAll(async () => {
    const bundle = await rolldown({ input: entry, platform: 'browser', logLevel: 'silent' })
    const { output } = await bundle.generate({ format: 'iife', name: 'verifier', minify: true })
    expect(output).toHaveLength(1)
    code = output[0].code
    // Of everything that Node adds to the language, these two alone: browsers have them too.
    const world = createContext({ TextEncoder, TextDecoder })
    runInContext(`${code}\nglobalThis.verifier = verifier`, world)
    verify = runInContext(page, world)
  })

  test('is one file that asks for no module', () => {
    expect(code).not.toMatch(/\bnode:|\brequire\(|\bimport\b/)
    expect(code).not.toMatch(/(?<![A-Za-z])Buffer\b|\bprocess\./)
    expect(code.length).toBeLessThan(80 * 1024)
  })

  test('verifies a quote without Node', () => {
    expect(verify(hex(quote), collateral, hex(authority.rootDer), now)).toBe('UpToDate')
  })

  test('refuses, with the same codes', () => {
    const root = hex(authority.rootDer)
    expect(verify(hex(quote), collateral, '', now)).toBe('chain-untrusted')
    expect(verify(hex(flipped(quote, 200)), collateral, root, now)).toBe('quote-signature-invalid')
    expect(verify(hex(quote), { ...collateral, pckCrl: '' }, root, now)).toBe('collateral-malformed')
    expect(verify(hex(quote), collateral, root, now + 31 * 24 * 3600 * 1000)).toBe('crl-expired')
    expect(verify('', collateral, root, now)).toBe('quote-malformed')
  })
})
