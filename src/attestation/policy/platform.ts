/** Which machines are accepted: the kind, how it was set up, and the very one. From the PCK certificate, so Intel's word. */
import { z } from 'zod'
import { sgxTypes } from '../tdx/sgx-extension.ts'
import type { Facts } from '../tdx/verify.ts'
import { allows, hexOf, type Judgement, listOrAny } from './fields.ts'

/** `unstated` is a processor CA's certificate, which does not tell. */
const flag = listOrAny(z.union([z.boolean(), z.literal('unstated')]))

export const platformMembers = {
  sgx_types: listOrAny(z.enum(sgxTypes)),
  dynamic_platform: flag,
  cached_keys: flag,
  smt_enabled: flag,
  fmspcs: listOrAny(hexOf(6)),
  ppids: listOrAny(hexOf(16)),
}

type PlatformRules = z.output<z.ZodObject<typeof platformMembers>>

const said = (value: boolean | 'unstated') => (value === 'unstated' ? 'not stated' : value ? 'on' : 'off')

/** Judges the platform of verified facts. */
export function judgePlatform({ pck, fmspc, ppid }: Facts, rules: PlatformRules): Judgement[] {
  const { dynamicPlatform = 'unstated', cachedKeys = 'unstated', smtEnabled = 'unstated' } = pck.platform ?? {}
  return [
    {
      name: 'SGX type is accepted',
      ok: allows<string>(rules.sgx_types, pck.sgxType ?? ''),
      reason: `the SGX type is ${pck.sgxType ?? 'not stated'}`,
    },
    {
      name: 'adding packages is as accepted',
      ok: allows(rules.dynamic_platform, dynamicPlatform),
      reason: `dynamic platform is ${said(dynamicPlatform)}`,
    },
    { name: 'key caching is as accepted', ok: allows(rules.cached_keys, cachedKeys), reason: `cached keys is ${said(cachedKeys)}` },
    { name: 'multithreading is as accepted', ok: allows(rules.smt_enabled, smtEnabled), reason: `SMT is ${said(smtEnabled)}` },
    { name: 'platform is accepted', ok: allows(rules.fmspcs, fmspc), reason: `the FMSPC is ${fmspc}` },
    { name: 'machine is accepted', ok: allows(rules.ppids, ppid), reason: `the PPID is ${ppid}` },
  ]
}
