/** What a verification tells of itself: each check by name, up to the one that failed; and for each error code what to do. */
import { readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { describe, expect, test } from 'vitest'
import { AttestationError, adviceFor, attestationErrorCodes, parseQuote } from '../../../src/attestation/index.ts'
import { generateP256Key } from '../../../src/tee/index.ts'
import { seededRandom } from '../../tee/support/seeded-random.ts'
import { authority, day, judge, now, stranger } from '../support/sample.ts'

const all = judge({}).checks.map(check => check.name)
const otherKey = generateP256Key(seededRandom('another key'))
const extended = authority.issueQuote({
  version: 5,
  edit: q => ({ ...q, body: { type: 4, bytes: Buffer.concat([q.body.bytes, Buffer.alloc(237)]) } }),
})

function failure(work: () => unknown): AttestationError {
  try {
    work()
  } catch (error) {
    if (error instanceof AttestationError) return error
    throw error
  }
  throw new Error('nothing failed')
}

describe('the checks', () => {
  test('of a good quote all passed, each under a name of its own', () => {
    expect(judge({}).checks.every(check => check.ok)).toBe(true)
    expect(new Set(all).size).toBe(15)
  })

  const collateralBy = (edits: Parameters<typeof authority.with>[0]) => ({ quoteBy: authority, collateralBy: authority.with(edits) })
  // One failure for each check, in the order in which they are made.
  test.each<[string, Parameters<typeof judge>[0]]>([
    ['TCB signer leads to the trusted root', { root: stranger.rootDer }],
    ['PCK CA leads to the trusted root', { parts: { pckCrlIssuerChain: stranger.collateral(now).pckCrlIssuerChain } }],
    ['root’s revocation list is current and clears TCB signer and PCK CA', { parts: { rootCaCrl: Buffer.alloc(0) } }],
    ['PCK CA’s revocation list is signed and current', collateralBy({ pckCrl: crl => ({ ...crl, issuerKey: otherKey }) })],
    ['TCB info is signed and current', collateralBy({ tcbInfo: document => ({ ...document, key: otherKey }) })],
    ['QE identity is signed and current', collateralBy({ qeIdentity: document => ({ ...document, key: otherKey }) })],
    ['quote is of a kind that is judged', { quote: extended }],
    ['collateral is current', { at: now + 31 * day, loadAt: now }],
    ['PCK certificate chain leads to the trusted root, and nothing of it is revoked', { quote: stranger.issueQuote() }],
    ['TCB info is for this platform', collateralBy({ tcbInfo: d => ({ ...d, body: { ...d.body, pceId: '0001' } }) })],
    ['quoting enclave report is signed by the PCK key', { request: { edit: q => ({ ...q, qeSigningKey: otherKey }) } }],
    ['quoting enclave vouches for the attestation key', { request: { qeReport: { reportData: Buffer.alloc(64) } } }],
    ['quoting enclave matches its identity', { request: { qeReport: { isvProdId: 9 } } }],
    ['quote is signed by the attestation key', { request: { edit: q => ({ ...q, quoteSigningKey: otherKey }) } }],
    ['TCB level is known', { request: { body: { mrSignerSeam: Buffer.alloc(48, 1) } } }],
  ])('end with "%s" where that fails, after all before it', (name, o) => {
    const { checks } = failure(() => judge(o))
    const passed = all.slice(0, all.indexOf(name))
    expect(all).toContain(name)
    expect(checks).toEqual([...passed.map(done => ({ name: done, ok: true })), { name, ok: false }])
  })

  test('say that the quote is not well formed, where it cannot be read', () => {
    const { checks } = failure(() => parseQuote(Buffer.alloc(0)))
    expect(checks).toEqual([{ name: 'quote is well formed', ok: false }])
  })

  test('keep the code, the message and the cause of what failed', () => {
    const error = failure(() => judge({ parts: { rootCaCrl: Buffer.of(0x30, 0x80) } }))
    expect(error).toMatchObject({ code: 'collateral-malformed', message: 'a CRL cannot be read: an indefinite or huge length' })
    expect(error.cause).toBeInstanceOf(Error)
    expect(error.name).toBe('AttestationError')
  })
})

describe('the error codes', () => {
  test('each say what to do', () => {
    for (const code of attestationErrorCodes) expect(['retry', 'fix', 'stop'], code).toContain(adviceFor(code))
    expect([adviceFor('crl-expired'), adviceFor('tcb-not-supported'), adviceFor('report-data-mismatch')]).toEqual(['retry', 'fix', 'stop'])
  })

  test('each have a doc that says the same', () => {
    const table = readFileSync(join(resolve(import.meta.dirname, '../../..'), 'src/attestation/errors.ts'), 'utf8')
    for (const code of attestationErrorCodes) {
      const [, doc] = new RegExp(`/\\*\\* (.*) \\*/\\n  '${code}': '`).exec(table) ?? []
      expect(doc?.toLowerCase(), code).toContain(`**${adviceFor(code)}`)
    }
  })
})
