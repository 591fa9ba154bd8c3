/** `chrysalis verify --quote`: the JSON that scripts read, the exit codes, and what wrong usage is told. */
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { developmentPolicy } from '../../src/attestation/index.ts'
import { ConfigError } from '../../src/config.ts'
import { developmentMeasurements, platformStatuses, type QuoteRequest, teeTcbSvnFor } from '../../src/tee/index.ts'
import { authority, flipped, now, stranger } from '../attestation/support/sample.ts'
import { at, collateral, collateralFolder, file, folder, quote, root, verify } from './support/world.ts'

const policy = file('policy.json', JSON.stringify(developmentPolicy(developmentMeasurements)))
const strictPolicy = file('strict.json', JSON.stringify({ ...developmentPolicy(developmentMeasurements), mr_td: ['ab'.repeat(48)] }))
const good = { quote, collateral, at, root, json: true }
const json = async (flags: Parameters<typeof verify>[0]) => {
  const { code, output } = await verify(flags)
  expect(output.endsWith('}\n')).toBe(true)
  return { code, verdict: JSON.parse(output) as Record<string, unknown> }
}
const issued = (name: string, request: QuoteRequest) => file(name, authority.issueQuote(request))

describe('one object on standard output', () => {
  test('has these members in this order where the quote is genuine', async () => {
    const { code, verdict } = await json(good)
    expect(code).toBe(0)
    expect(Object.keys(verdict)).toEqual([
      'verified',
      'status',
      'platform',
      'module',
      'qe',
      'advisories',
      'tcbDate',
      'evaluationNumber',
      'fmspc',
      'policy',
      'checks',
    ])
    expect(verdict).toMatchObject({ verified: true, status: 'UpToDate', platform: 'UpToDate', module: 'UpToDate', qe: 'UpToDate' })
    expect(verdict).toMatchObject({ advisories: [], fmspc: Buffer.from(authority.profile.sgx.fmspc).toString('hex'), policy: null })
    expect(verdict.checks).toContainEqual({ name: 'quote is signed by the attestation key', ok: true })
  })

  test('has code and message, and nothing else, where it is not', async () => {
    const { code, verdict } = await json({ ...good, quote: file('changed.bin', flipped(authority.issueQuote(), 200)) })
    expect(code).toBe(4)
    expect(verdict).toEqual({
      verified: false,
      code: 'quote-signature-invalid',
      message: 'the quote is not signed by the attestation key',
    })
  })

  test.each(platformStatuses.filter(status => status !== 'Revoked'))(
    'names the status %s, and judges no further without a policy',
    async status => {
      const old = issued(`${status}.bin`, { body: { teeTcbSvn: teeTcbSvnFor(status) } })
      expect(await json({ ...good, quote: old })).toMatchObject({
        code: 0,
        verdict: { verified: true, status, platform: status, policy: null },
      })
    },
  )

  test('a TD that should be launched again is advised so', async () => {
    const relaunch = issued('relaunch.bin', {
      version: 5,
      body: { teeTcbSvn: teeTcbSvnFor('OutOfDate'), teeTcbSvn2: teeTcbSvnFor('UpToDate') },
    })
    expect((await json({ ...good, quote: relaunch })).verdict.status).toBe('TDRelaunchAdvised')
  })

  test('a revoked platform is refused by every policy, and so without one', async () => {
    const { code, verdict } = await json({ ...good, quote: issued('revoked.bin', { body: { teeTcbSvn: teeTcbSvnFor('Revoked') } }) })
    expect([code, verdict.status]).toEqual([3, 'Revoked'])
    expect(verdict.policy).toEqual({ accepted: false, reasons: ['the TCB status is Revoked, which no policy can accept'] })
  })

  test('a platform below every level is not verified', async () => {
    const { code, verdict } = await json({ ...good, quote: issued('ancient.bin', { body: { teeTcbSvn: teeTcbSvnFor(undefined) } }) })
    expect([code, verdict.verified, verdict.code]).toEqual([4, false, 'tcb-not-supported'])
  })

  test('a policy accepts, or refuses with every reason', async () => {
    expect(await json({ ...good, policy })).toMatchObject({ code: 0, verdict: { policy: { accepted: true, reasons: [] } } })
    const { code, verdict } = await json({ ...good, policy: strictPolicy })
    expect(code).toBe(3)
    expect(verdict).toMatchObject({ verified: true, policy: { accepted: false } })
    expect(verdict.policy).toMatchObject({ reasons: [expect.stringMatching(/^MRTD is .* not in the policy$/)] })
    expect(verdict.checks).toContainEqual({ name: 'MRTD is in the policy', ok: false })
  })

  test.each([
    ['hex', (bytes: Buffer) => `${bytes.toString('hex')}\n`],
    ['hex of capitals, marked', (bytes: Buffer) => `0x${bytes.toString('hex').toUpperCase()}`],
    ['base64 in lines', (bytes: Buffer) => bytes.toString('base64').replace(/.{64}/g, '$&\n')],
  ])('a quote may be written in %s', async (name, text) => {
    expect((await json({ ...good, quote: file(`text-${name}`, text(authority.issueQuote())) })).code).toBe(0)
  })
})

describe('what is not believed', () => {
  const days = 24 * 60 * 60 * 1000
  test.each([
    ['a quote under Intel’s root that is not Intel’s', { root: undefined }, 'chain-untrusted'],
    ['collateral of somebody else', { collateral: collateralFolder('strange', stranger.collateral(now)) }, 'chain-untrusted'],
    ['a moment before the collateral', { at: new Date(now - 2 * days).toISOString() }, 'certificate-expired'],
    ['a moment after it', { at: new Date(now + 31 * days).toISOString() }, 'crl-expired'],
    ['an empty file', { quote: file('empty.bin', '') }, 'quote-malformed'],
    ['a file of another kind', { quote: file('some.txt', 'Hello, this is not a quote.') }, 'quote-unsupported'],
    ['a quote too large', { quote: file('large.bin', Buffer.alloc(20_000, 4)) }, 'quote-malformed'],
    ['a file larger than all texts', { quote: file('huge.bin', Buffer.alloc(200_000, 4)) }, 'quote-malformed'],
    [
      'collateral too large',
      { collateral: collateralFolder('fat', { ...authority.collateral(now), tcbInfo: ' '.repeat(300_000) }) },
      'collateral-malformed',
    ],
  ] as const)('%s', async (_, flags, code) => {
    const { root: trusted, ...rest } = { ...good, ...flags }
    expect(await json({ ...rest, ...(trusted === undefined ? {} : { root: trusted }) })).toMatchObject({
      code: 4,
      verdict: { verified: false, code },
    })
  })

  test('collateral that cannot be fetched', async () => {
    const { collateral: _, ...rest } = good
    expect(await json(rest)).toMatchObject({ code: 4, verdict: { code: 'collateral-unavailable' } })
  })
})

test('collateral comes from a service, where that is asked for', async () => {
  const { collateral: _, ...rest } = good
  const serve = authority.pccs({ now: () => now })
  const asked: string[] = []
  const { code } = await verify(
    { ...rest, pccs: 'http://pccs.test:8081/' },
    {
      fetch: async input => {
        asked.push(new URL(String(input)).host)
        return serve(new Request(String(input)))
      },
    },
  )
  expect(code).toBe(0)
  expect(new Set(asked)).toEqual(new Set(['pccs.test:8081']))
})

describe('wrong usage says what to do', () => {
  const wrong = (flags: Parameters<typeof verify>[0]) =>
    verify(flags).then(
      () => 'accepted',
      error => (error instanceof ConfigError ? error.message : Promise.reject(error)),
    )

  test.each<[string, Parameters<typeof verify>[0], RegExp]>([
    ['nothing', {}, /nothing to verify: give a URL, --quote FILE/],
    ['two things', { quote, batch: 'x' }, /one thing at a time/],
    ['a URL and a file', { quote, url: 'http://a' }, /one thing at a time/],
    ['a nonce for a bare quote', { quote, nonce: '00' }, /--nonce has no meaning with --quote/],
    ['a policy for a batch', { batch: 'x', policy: 'y' }, /--policy has no meaning with --batch: each line names its own/],
    ['two sources of collateral', { ...good, pccs: 'http://a' }, /--pccs has no meaning beside --collateral/],
    ['a service that is no URL', { quote, pccs: 'ftp://a' }, /--pccs must be an http or https URL, not "ftp:\/\/a"/],
    ['a day without time', { ...good, at: '2026-06-01' }, /--at must be a date and time such as/],
    ['a local time', { ...good, at: '2026-06-01T12:00:00' }, /--at must be/],
    ['the 30th of February', { ...good, at: '2026-02-30T12:00:00Z' }, /--at must be/],
    ['hour 24', { ...good, at: '2026-06-01T24:00:00Z' }, /--at must be/],
    ['seconds since 1970', { ...good, at: '1780000000' }, /--at must be/],
    ['no such quote', { ...good, quote: join(folder, 'nowhere') }, /cannot read the quote file .*nowhere: there is no such file/],
    ['a folder for a quote', { ...good, quote: folder }, /cannot read the quote file .*: it is a folder/],
    ['no such collateral', { ...good, collateral: join(folder, 'nowhere') }, /cannot read the collateral file .*: there is no such file/],
    ['no such root', { ...good, root: join(folder, 'nowhere') }, /cannot read the root certificate file/],
    ['a root that is none', { ...good, root: quote }, /is not a certificate; give the root of trust/],
    ['no such policy', { ...good, policy: join(folder, 'nowhere') }, /cannot read the policy file/],
    ['a policy that is no JSON', { ...good, policy: quote }, /is not a valid policy: it is not JSON/],
    ['a policy without a member', { ...good, policy: file('half.json', '{"version":2}') }, /is not a valid policy: .*mr_td/],
    [
      'a policy that is endless',
      { ...good, policy: file('fat.json', ' '.repeat(1_100_000)) },
      /larger than 1048576 bytes; is it the right file/,
    ],
  ])('%s', async (_, flags, message) => {
    expect(await wrong(flags)).toMatch(message)
  })
})

describe('the command itself', () => {
  const command = fileURLToPath(new URL('../../bin/chrysalis.js', import.meta.url))
  const run = (...args: string[]) => spawnSync(process.execPath, [command, 'verify', ...args], { encoding: 'utf8' })
  const usual = ['--collateral', collateral, '--at', at, '--root', root]

  test('leaves its verdict as exit code and output', () => {
    expect(run('--quote', quote, ...usual, '--json')).toMatchObject({ status: 0, stderr: '' })
    expect(run('--quote', quote, ...usual, '--json', '--policy', strictPolicy)).toMatchObject({ status: 3, stderr: '' })
    expect(run('--quote', file('bad.bin', 'x'), ...usual, '--json')).toMatchObject({ status: 4, stderr: '' })
  })

  test('ends with 2 and a message on wrong usage, and writes nothing else', () => {
    expect(run()).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('nothing to verify') })
    expect(run('--quote')).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('argument missing') })
    expect(run('--qoute', quote)).toMatchObject({ status: 2, stdout: '', stderr: expect.stringContaining('--quote') })
  })
})
