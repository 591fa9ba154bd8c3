/**
 * What is accepted, as data. Every member is required and an unknown one rejects, so nothing is ever allowed by a slip. An
 * allow-list is never empty; where everything is meant, the policy has to say `"any"`.
 *
 * Members and the rules that read them stand together, one file for each concern, in `policy/`; here they become one schema, and
 * in `appraise.ts` one judgement.
 */
import { z } from 'zod'
import { AttestationError } from './errors.ts'
import { freshnessMembers } from './policy/freshness.ts'
import { gpuMembers } from './policy/gpu.ts'
import { platformMembers } from './policy/platform.ts'
import { softwareMembers } from './policy/software.ts'
import { tcbMembers } from './policy/tcb.ts'
import { tdMembers } from './policy/td.ts'

/** Raised when a member is added: a file of an older version is refused, with the names of what it lacks. */
export const policyVersion = 2

const schema = z.strictObject({
  version: z.literal(policyVersion),
  ...freshnessMembers,
  ...tcbMembers,
  ...tdMembers,
  ...platformMembers,
  ...softwareMembers,
  ...gpuMembers,
})

export type Policy = Readonly<z.output<typeof schema>>

/** Reads a policy from its JSON value. Throws {@link AttestationError} `policy-malformed` that names every member that is wrong. */
export function parsePolicy(json: unknown): Policy {
  const parsed = schema.safeParse(json)
  if (parsed.success) return Object.freeze(parsed.data)
  const older = olderVersion(json)
  const issues = older ? [older] : parsed.error.issues.flatMap(explain)
  throw new AttestationError('policy-malformed', issues.join('; '), { reasons: issues })
}

/** What version 2 asks for beyond version 1, as version 1 judged it. */
export const asVersion1: Partial<Policy> = {
  freshness: 'required',
  grace_days: { platform: 'any', qe: 'any' },
  accepted_advisories: 'any',
  sgx_types: 'any',
  dynamic_platform: 'any',
  cached_keys: 'any',
  smt_enabled: 'any',
  gpu: 'any',
}

/** What to do with a policy that was right for an older version; undefined for any other. */
function olderVersion(json: unknown): string | undefined {
  if (typeof json !== 'object' || json === null || !('version' in json) || json.version !== 1) return undefined
  const missing = Object.entries(asVersion1).filter(([member]) => !Object.hasOwn(json, member))
  const members = missing.map(([member, value]) => `"${member}": ${JSON.stringify(value)}`)
  return `version: this is a policy of version 1; set it to ${policyVersion} and add ${members.join(', ')}, which judges as version 1 did (docs/policy.md says what each accepts)`
}

function explain(issue: z.core.$ZodIssue): string[] {
  const where = issue.path.join('.')
  // A choice between forms tells what is wrong with the form that was meant.
  if (issue.code === 'invalid_union') {
    const meant = issue.errors
      .map(branch => branch.filter(inner => inner.path.length > 0 || inner.code === 'too_small'))
      .find(branch => branch.length > 0)
    if (meant) return meant.flatMap(inner => explain({ ...inner, path: [...issue.path, ...inner.path] }))
  }
  return [`${where || 'policy'}: ${issue.message}`]
}
