/** `chrysalis verify --batch` over the data set of real quotes: every case, and every conformance vector, each with its expected answer. */
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { appraise, developmentPolicy, loadCollateral, type Policy, parseQuote, verifyQuote } from '../../src/attestation/index.ts'
import { developmentMeasurements } from '../../src/tee/index.ts'
import { authority, now as ownNow } from '../attestation/support/sample.ts'
import { tdxData, whySkipped } from '../tee/support/tdx-data.ts'
import { file, verify } from './support/world.ts'

const data = tdxData ?? ''
type Answer = Record<string, unknown> & { code?: string; status?: string; policy?: { accepted: boolean; reasons: string[] } | null }

async function batch(lines: readonly object[]): Promise<Answer[]> {
  const { output } = await verify({ batch: file('cases.jsonl', lines.map(line => `${JSON.stringify(line)}\n`).join('')) })
  return output
    .trim()
    .split('\n')
    .map(text => JSON.parse(text) as Answer)
}

describe.skipIf(whySkipped)(`every case of the data set, in one batch${whySkipped}`, () => {
  interface Case {
    readonly quote: string
    readonly collateral: string
    readonly nowIso: string
    readonly tcbStatus: string
    readonly platform?: string
    readonly module?: string
    readonly qe?: string
    readonly advisoryIDs: readonly string[]
    readonly tcbDate?: string
  }

  test('has its expected answer: 96 of 96', async () => {
    const { cases } = JSON.parse(readFileSync(join(data, 'index.json'), 'utf8')) as { cases: Case[] }
    const answers = await batch(
      cases.map(item => ({
        quote: join(data, 'quotes', `${item.quote}.bin`),
        collateral: join(data, 'collateral', item.collateral),
        at: item.nowIso,
      })),
    )
    const good = cases.filter((item, index) => {
      const answer = answers[index]!
      if (item.tcbStatus === 'NotSupported') {
        expect(answer, `${item.quote} ${item.nowIso}`).toMatchObject({ verified: false, code: 'tcb-not-supported' })
        return true
      }
      const { advisories, ...rest } = answer as Answer & { advisories: string[] }
      expect({ ...rest, advisories: [...advisories].sort() }, `${item.quote} ${item.nowIso}`).toMatchObject({
        verified: true,
        status: item.tcbStatus,
        platform: item.platform,
        module: item.module ?? 'UpToDate',
        qe: item.qe,
        tcbDate: item.tcbDate,
        advisories: [...item.advisoryIDs].sort(),
        policy: null,
      })
      return true
    })
    expect([good.length, answers.length]).toEqual([96, 96])
  })
})

/**
 * What we answer to each vector. Where a vector leaves the TCB out of account (its platform is older than every level of its TCB
 * info), Intel's rule has nothing to say for it: we refuse, as `tcb-not-supported`, once everything before that has held.
 */
const vectors: Readonly<Record<string, string>> = {
  '300-tdx-v4-happy': 'tcb-not-supported',
  '310-wrong-quote-version': 'quote-unsupported',
  '312-akt-p384-unsupported': 'quote-unsupported',
  '313-wrong-qe-vendor': 'qe-identity-mismatch',
  '315-wrong-signed-data-size': 'quote-malformed',
  '320-pck-leaf-sig-broken': 'chain-untrusted',
  '322-pck-root-byte-changed': 'chain-untrusted',
  '323-pck-chain-byte-changed': 'certificate-malformed',
  '325-pck-fmspc-mismatch': 'tcb-not-supported',
  '326-pck-crl-sig-broken': 'crl-untrusted',
  '328-pck-crl-expired': 'crl-expired',
  '329-root-crl-expired': 'crl-expired',
  '331-quote-sig-broken-via-body': 'quote-signature-invalid',
  '332-qe-report-sig-broken': 'qe-report-untrusted',
  '334-intermediate-revoked': 'certificate-revoked',
  '335-tcb-info-chain-invalid': 'chain-untrusted',
  '337-qe-identity-field-mismatch': 'qe-identity-mismatch',
  '338-qe-identity-expired-only': 'collateral-expired',
  '341-tcb-info-expired': 'crl-expired',
  '342-qe-identity-sig-broken': 'collateral-untrusted',
  '344-tcb-info-fmspc-tampered': 'collateral-untrusted',
  '345-qe-identity-mrsigner-tampered': 'collateral-untrusted',
  '347-ak-binding-invalid': 'qe-report-mismatch',
  '348-qe-identity-id-invalid': 'collateral-malformed',
  '350-tcb-uptodate': 'UpToDate',
  '360-tcb-swhardening-needed': 'SWHardeningNeeded',
  '362-tcb-config-and-sw-hardening-needed': 'ConfigurationAndSWHardeningNeeded',
  '363-tcb-out-of-date': 'OutOfDate',
  '365-tcb-swhardening-needed-policy-rejected': 'SWHardeningNeeded, refused',
  '368-tcb-revoked': 'Revoked, refused',
  '400-td-attributes-mismatch': 'tcb-not-supported',
  '401-td-attributes-debug-bit-set': 'UpToDate, refused',
  '403-td-attributes-sec-reserved-lower-set': 'UpToDate, refused',
  '404-td-attributes-sec-bit29-reserved-set': 'UpToDate, refused',
  '410-xfam-mismatch': 'tcb-not-supported',
  '412-xfam-fp-sse-not-set': 'UpToDate, refused',
  '420-mrsignerseam-pinned-mismatch': 'tcb-not-supported',
  '421-seam-attributes-pinned-mismatch': 'tcb-not-supported',
  '440-mrtd-pinned-mismatch': 'tcb-not-supported',
  '450-rtmr3-pinned-mismatch': 'tcb-not-supported',
  '470-mr-config-id-pinned-mismatch': 'tcb-not-supported',
  '471-mr-owner-pinned-mismatch': 'tcb-not-supported',
  '480-tee-tcb-svn-below-minimum': 'tcb-not-supported',
  '490-qe-vendor-id-mismatch': 'tcb-not-supported',
}

describe.skipIf(whySkipped)(`the conformance vectors${whySkipped}`, () => {
  interface Vector {
    readonly id: string
    readonly input: {
      readonly quote_b64: string
      readonly collateral: Readonly<Record<string, string>>
      readonly expiration_check_date_unix: number
      readonly policy: Readonly<Record<string, unknown>>
    }
    readonly accepted: boolean
  }
  const folder = mkdtempSync(join(tmpdir(), 'chrysalis-vectors-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))
  const read = (path: string) => readFileSync(join(data, path), 'utf8')
  const all: Vector[] = tdxData
    ? readdirSync(join(data, 'conformance'))
        .filter(id => existsSync(join(data, 'conformance', id, 'input.json')))
        .map(id => {
          const { accepted } = JSON.parse(read(`conformance/${id}/expected.json`)) as { accepted: boolean }
          return { id, input: JSON.parse(read(`conformance/${id}/input.json`)) as Vector['input'], accepted }
        })
    : []

  /** A vector's quote. To many of them a text is added, for readers that pass over what follows a quote; we refuse it, as one of them shows. */
  const added = '\nextra bytes(only for testing purpose)\n'
  function quoteOf({ quote_b64 }: Vector['input']): Buffer {
    const bytes = Buffer.from(quote_b64, 'base64')
    return bytes.subarray(-added.length).toString('latin1') === added ? bytes.subarray(0, -added.length) : bytes
  }

  test('a quote that is followed by a text is not taken', () => {
    const { input } = all.find(({ id }) => id === '300-tdx-v4-happy')!
    const whole = Buffer.from(input.quote_b64, 'base64')
    expect(whole.length).toBe(quoteOf(input).length + added.length)
    expect(() => parseQuote(whole, { allowZeroPadding: true })).toThrow(/something follows/)
  })

  /** The vector as files, and the line that names them. */
  function unpack({ id, input }: Vector): object {
    const home = join(folder, id)
    mkdirSync(home)
    const save = (name: string, content: string | Buffer) => {
      writeFileSync(join(home, name), content)
      return join(home, name)
    }
    const { collateral: given, policy } = input
    // Collateral of Intel leaves out the chains, which are the same for everybody.
    const root = given.intel_root_ca_pem ?? read('roots/intel-sgx-root-ca.pem')
    save('tcb_info.json', given.tcb_info_json!)
    save('qe_identity.json', given.qe_identity_json!)
    save('pck_crl.der', Buffer.from(given.pck_crl_der_b64!, 'base64'))
    save('root_ca_crl.der', Buffer.from(given.root_crl_der_b64!, 'base64'))
    save('tcb_issuer_chain.pem', given.tcb_info_issuer_chain_pem ?? read('roots/intel-tcb-signing-2018.pem') + root)
    save('pck_crl_issuer_chain.pem', given.pck_crl_issuer_chain_pem ?? read('roots/intel-pck-platform-ca.pem') + root)
    const wanted = policyOf(policy)
    return {
      quote: save('quote.bin', quoteOf(input)),
      collateral: home,
      at: new Date(input.expiration_check_date_unix * 1000).toISOString(),
      root: save('root.pem', root),
      ...(wanted && { policy: save('policy.json', JSON.stringify(wanted)) }),
    }
  }

  /** The rules of a vector as a policy of ours, where it has any that a policy can say. */
  function policyOf(rules: Readonly<Record<string, unknown>>): Policy | undefined {
    const open = { ...developmentPolicy(developmentMeasurements), tcb_statuses: ['UpToDate', 'SWHardeningNeeded'] } as Policy
    if (rules.accepted_qv_results) return { ...open, tcb_statuses: ['UpToDate'] }
    return rules.enforce_spec_defaults ? open : undefined
  }

  test('have their expected answer: 44 of 44', async () => {
    expect(all.map(({ id }) => id)).toEqual(Object.keys(vectors))
    const answers = await batch(all.map(unpack))
    const told = answers.map(answer => answer.code ?? `${answer.status}${answer.policy?.accepted === false ? ', refused' : ''}`)
    expect(Object.fromEntries(all.map(({ id }, index) => [id, told[index]]))).toEqual(vectors)
  })

  test('are accepted and refused as they should be, the one that leaves the TCB out apart', () => {
    // Tinfoil's policy takes these three; a status of a vector that it refuses is ours to report, and a policy's to refuse.
    const statuses = ['UpToDate', 'SWHardeningNeeded', 'ConfigurationAndSWHardeningNeeded']
    const differing = all.filter(({ id, accepted }) => accepted !== statuses.includes(vectors[id]!))
    expect(differing.map(({ id }) => id)).toEqual(['300-tdx-v4-happy'])
  })

  test('that the TCB alone stands in the way of have passed everything before it', async () => {
    const { input } = all.find(({ id }) => id === '300-tdx-v4-happy')!
    const { output } = await verify({ ...(unpackedFlags(input) as object), json: false } as Parameters<typeof verify>[0])
    expect(output).toContain('✓ quote is signed by the attestation key')
    expect(output).toContain('✗ TCB level is known')
  })

  test.each<[string, RegExp]>([
    ['401-td-attributes-debug-bit-set', /under DEBUG/],
    ['403-td-attributes-sec-reserved-lower-set', /^TD attributes: reserved \(bit \d+\) is 1/],
    ['404-td-attributes-sec-bit29-reserved-set', /^TD attributes: .*MIGRATABLE \(bit 29\) is 1/],
    ['412-xfam-fp-sse-not-set', /^XFAM: x87 \(bit 0\) is 0/],
  ])('%s is refused for its own reason', (id, reason) => {
    expect(reasonsOf(all.find(vector => vector.id === id)!, {})).toContainEqual(expect.stringMatching(reason))
  })

  const pinned = (hex: string) => [hex]
  test.each<[string, (rules: Readonly<Record<string, string>>) => Partial<Policy>, RegExp]>([
    [
      '400-td-attributes-mismatch',
      rules => ({ td_attributes: { mask: 'f'.repeat(16), value: rules.expected_td_attributes_hex! } }),
      /^TD attributes: /,
    ],
    [
      '420-mrsignerseam-pinned-mismatch',
      rules => ({ mr_signer_seam: pinned(rules.expected_mr_signer_seam_hex!) }),
      /^MRSIGNERSEAM is .* not in the policy/,
    ],
    ['440-mrtd-pinned-mismatch', rules => ({ mr_td: pinned(rules.expected_mrtd_hex!) }), /^MRTD is .* not in the policy/],
    ['450-rtmr3-pinned-mismatch', rules => ({ rtmr3: pinned(rules.expected_rtmr3_hex!) }), /^RTMR3 is .* not in the policy/],
    [
      '470-mr-config-id-pinned-mismatch',
      rules => ({ mr_config_id: pinned(rules.expected_mr_config_id_hex!) }),
      /^MRCONFIGID is .* not in the policy/,
    ],
    ['471-mr-owner-pinned-mismatch', rules => ({ mr_owner: pinned(rules.expected_mr_owner_hex!) }), /^MROWNER is .* not in the policy/],
  ])('%s would be refused by a policy that says so, were its platform not too old', (id, rule, reason) => {
    const vector = all.find(one => one.id === id)!
    const { report } = parseQuote(quoteOf(vector.input))
    const own: Record<string, string> = {
      mr_signer_seam: hex(report.mrSignerSeam),
      mr_td: hex(report.mrTd),
      rtmr3: hex(report.rtmr[3]),
      mr_config_id: hex(report.mrConfigId),
      mr_owner: hex(report.mrOwner),
    }
    const change = rule(vector.input.policy as Record<string, string>)
    expect(reasonsOf(vector, change)).toContainEqual(expect.stringMatching(reason))
    const [member] = Object.keys(change)
    if (member! in own) expect(reasonsOf(vector, { [member!]: pinned(own[member!]!) })).not.toContainEqual(expect.stringMatching(reason))
  })

  /** The reasons that a policy has against a vector's TD, whatever its platform. */
  function reasonsOf({ input }: Vector, change: Partial<Policy>): readonly string[] {
    const facts = verifyQuote(
      parseQuote(authority.issueQuote()),
      loadCollateral(authority.collateral(ownNow), ownNow, authority.rootDer),
      ownNow,
    )
    const { report } = parseQuote(quoteOf(input))
    const policy = { ...developmentPolicy(developmentMeasurements), ...change }
    return appraise({ facts: { ...facts, report }, keyset: undefined, freshness: undefined, now: ownNow }, policy).reasons
  }

  function unpackedFlags({ expiration_check_date_unix }: Vector['input']): Parameters<typeof verify>[0] {
    const home = join(folder, '300-tdx-v4-happy')
    return {
      quote: join(home, 'quote.bin'),
      collateral: home,
      at: new Date(expiration_check_date_unix * 1000).toISOString(),
      root: join(home, 'root.pem'),
    }
  }
})

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}
