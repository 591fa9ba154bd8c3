/** The policy file of the development mode over its versions: what is ours is kept current, what somebody wrote is left alone. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, onTestFinished, test } from 'vitest'
import { developmentPolicy } from '../../src/attestation/index.ts'
import { keepPolicy } from '../../src/dev/policy.ts'
import { developmentMeasurements } from '../../src/tee/index.ts'

const own = developmentPolicy(developmentMeasurements)
const { freshness, grace_days, accepted_advisories, sgx_types, dynamic_platform, cached_keys, smt_enabled, gpu, ...rest } = own
const older = { ...rest, version: 1 }

function policyAfter(before: string | undefined): { text: string; mode: number } {
  const folder = mkdtempSync(join(tmpdir(), 'chrysalis-policy-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const file = join(folder, 'policy.json')
  if (before !== undefined) writeFileSync(file, before)
  keepPolicy(file, developmentMeasurements)
  return { text: readFileSync(file, 'utf8'), mode: statSync(file).mode & 0o777 }
}

describe('the policy file', () => {
  test('is written at the first start, for its owner alone', () => {
    const { text, mode } = policyAfter(undefined)
    expect(JSON.parse(text)).toEqual(own)
    expect(mode).toBe(0o600)
  })

  test('that version 1 wrote is written anew', () => {
    expect(JSON.parse(policyAfter(JSON.stringify(older, null, 2)).text)).toEqual(own)
  })

  test.each([
    ['that version 1 wrote and somebody edited', JSON.stringify({ ...older, min_evaluation_number: 17 })],
    ['of today that somebody edited', JSON.stringify({ ...own, fmspcs: ['00806f050000'] })],
    ['that is no policy', 'not a policy'],
    ['that is empty', ''],
  ])('%s is left as it is', (_, text) => {
    expect(policyAfter(text).text).toBe(text)
  })
})
