/** The report for people: the verdict first, each check, what to do, and colours only on a terminal that wants them. */
import { describe, expect, test } from 'vitest'
import { attestationErrorCodes, developmentPolicy } from '../../src/attestation/index.ts'
import { developmentMeasurements, teeTcbSvnFor } from '../../src/tee/index.ts'
import { whatToDo } from '../../src/verify/advice.ts'
import { plain, wrap } from '../../src/verify/paint.ts'
import { authority, flipped } from '../attestation/support/sample.ts'
import { at, collateral, file, quote, root, verify } from './support/world.ts'

const good = { quote, collateral, at, root }
const refusing = file('refusing.json', JSON.stringify({ ...developmentPolicy(developmentMeasurements), mr_td: ['ab'.repeat(48)] }))

describe('the report', () => {
  test('begins with the verdict, and names the root that was trusted in place of Intel’s', async () => {
    const { output } = await verify(good)
    expect(output).toMatch(/^VERIFIED {2}.*quote\.bin\n {2}A genuine TDX quote; TCB status UpToDate/)
    expect(output).toMatch(/root of trust +.*root\.der, which is not Intel’s: this says nothing about hardware/)
    expect(output).toContain(`as of           ${at.replace('.000Z', 'Z')}`)
  })

  test('shows every check, the parts of the status, and the measurements whole', async () => {
    const { output } = await verify(good)
    expect(output).toContain('  ✓ quote is signed by the attestation key\n')
    expect(output).not.toContain('✗')
    for (const name of ['status', 'platform', 'TDX module', 'QE', 'advisories', 'TCB date', 'evaluation', 'FMSPC', 'PPID'])
      expect(output).toMatch(new RegExp(`^  ${name} +\\S`, 'm'))
    expect(output).toContain(Buffer.from(developmentMeasurements.mrTd).toString('hex'))
  })

  test('says what is not proven: software, freshness, and a machine that nobody has opened', async () => {
    const { output } = await verify(good)
    expect(output).toMatch(
      /What this does not prove\n {2}- That the software inside[\s\S]*\n {2}- That it is fresh[\s\S]*\n {2}- That nobody has opened/,
    )
  })

  test('of a refusal gives each reason, marks the check, and says what to do', async () => {
    const { code, output } = await verify({ ...good, policy: refusing })
    expect(code).toBe(3)
    expect(output).toMatch(/^REFUSED/)
    expect(output).toMatch(/Why it is refused\n {2}✗ MRTD is/)
    expect(output).toContain('  ✗ MRTD is in the policy\n')
    expect(output).toMatch(/What to do\n {2}If you know the reasons/)
    expect(output).not.toContain('compare the measurements with a build you trust')
  })

  test('of a failure gives code and message, what had passed, and what to do', async () => {
    const { code, output } = await verify({ ...good, quote: file('flipped.bin', flipped(authority.issueQuote(), 200)) })
    expect(code).toBe(4)
    expect(output).toMatch(/^NOT VERIFIED .*\n {2}The quote is not signed by the attestation key \(quote-signature-invalid\)\./)
    expect(output).toMatch(/✓ quoting enclave matches its identity\n {2}✗ quote is signed by the attestation key\n/)
    expect(output).toMatch(/What to do\n {2}Stop\./)
    expect(output).not.toContain('Measurements')
  })

  test('warns of a TD under DEBUG, whose memory is open', async () => {
    const debug = file('debug.bin', authority.issueQuote({ body: { tdAttributes: Buffer.from('0100001000000000', 'hex') } }))
    expect((await verify({ ...good, quote: debug })).output).toMatch(
      /What this does not prove\n {2}- That anything inside is private: the TD runs under\s+DEBUG/,
    )
  })

  test('of an old platform says what its status means', async () => {
    const old = file('old.bin', authority.issueQuote({ body: { teeTcbSvn: teeTcbSvnFor('OutOfDate') } }))
    expect((await verify({ ...good, quote: old })).output).toContain(
      'status          OutOfDate (fixes that Intel has published are missing)',
    )
  })

  test.each([60, 100, 200])('keeps its sentences within %i columns, and 120', async columns => {
    const { output } = await verify(good, { columns })
    const sentences = output.split('\n').filter(line => !/[0-9a-f]{32}|✓|root of trust/.test(line))
    expect(Math.max(...sentences.map(line => line.length))).toBeLessThanOrEqual(Math.min(columns, 120))
  })
})

describe('colours', () => {
  const sequence = '\u001b['

  test('are for terminals alone', async () => {
    expect((await verify(good)).output).not.toContain(sequence)
    expect((await verify(good, { isTTY: true })).output).toContain(sequence)
  })

  test.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('are left out of a terminal with %o', async env => {
    expect((await verify(good, { isTTY: true, env })).output).not.toContain(sequence)
  })

  test('an empty NO_COLOR says nothing', async () => {
    expect((await verify(good, { isTTY: true, env: { NO_COLOR: '' } })).output).toContain(sequence)
  })

  test('never change the words', async () => {
    const coloured = (await verify(good, { isTTY: true })).output
    expect(
      coloured
        .split(sequence)
        .map((part, index) => (index === 0 ? part : part.replace(/^\d+m/, '')))
        .join(''),
    ).toBe((await verify(good)).output)
  })
})

test.each(attestationErrorCodes)('there is advice for %s', code => {
  expect(whatToDo(code)).toMatch(/^[A-Z].*\.$/)
})

test('texts of others cannot move the cursor', () => {
  expect(plain('a\u001b[2Jb\r\nc\u009bd')).toBe('a�[2Jb��c�d')
})

test('a word longer than the line stands alone', () => {
  expect(wrap('one twotwotwotwo three', 10, 2)).toBe('one\n  twotwotwotwo\n  three')
})
