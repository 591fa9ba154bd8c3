/**
 * What is accepted, as data. Every member is required and an unknown one rejects, so nothing is ever allowed by a slip. An
 * allow-list is never empty; where everything is meant, the policy has to say `"any"`.
 */
import { z } from 'zod'
import { AttestationError } from './errors.ts'
import { platformStatuses } from './tdx/tcb-info.ts'

const hexOf = (size: number) => z.string().regex(new RegExp(`^[0-9a-f]{${size * 2}}$`), `must be ${size} bytes in lowercase hex`)
const measurement = z.array(hexOf(48)).min(1, 'an empty allow-list accepts nothing; name a value')
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits')
const listOrAny = <Item extends z.ZodType>(item: Item) =>
  z.union([z.literal('any'), z.array(item).min(1, 'an empty allow-list accepts nothing; name a value or say "any"')])
/** Bits where `mask` is 1 must be as in `value`; bytes stand as in the quote. */
const bits = z.strictObject({ mask: hexOf(8), value: hexOf(8) })

const schema = z.strictObject({
  version: z.literal(1),
  tcb_statuses: z
    .array(
      z.enum([...platformStatuses.filter(status => status !== 'Revoked'), 'TDRelaunchAdvised', 'TDRelaunchAdvisedConfigurationNeeded']),
    )
    .min(1, 'an empty allow-list accepts nothing; name a status'),
  rejected_advisories: z.array(z.string()),
  min_evaluation_number: z.int().min(0),
  td_attributes: bits,
  xfam: bits,
  mr_seam: measurement,
  mr_signer_seam: measurement,
  mr_td: measurement,
  rtmr0: measurement,
  rtmr1: measurement,
  rtmr2: measurement,
  rtmr3: measurement,
  mr_config_id: measurement,
  mr_owner: measurement,
  mr_owner_config: measurement,
  mr_service_td: measurement,
  fmspcs: listOrAny(hexOf(6)),
  ppids: listOrAny(hexOf(16)),
  software_images: listOrAny(digest),
  weights: z.strictObject({ digests: listOrAny(digest), allow_unmeasured: z.boolean() }),
})

export type Policy = Readonly<z.output<typeof schema>>

/** Reads a policy from its JSON value. Throws {@link AttestationError} `policy-malformed` that names the member. */
export function parsePolicy(json: unknown): Policy {
  const parsed = schema.safeParse(json)
  if (parsed.success) return Object.freeze(parsed.data)
  const issues = parsed.error.issues.map(issue => `${issue.path.join('.') || 'policy'}: ${issue.message}`)
  throw new AttestationError('policy-malformed', issues.join('; '), { reasons: issues })
}

/** Measurements of a TD, named as its report's fields. */
export interface NamedMeasurements {
  readonly mrSeam: Uint8Array
  readonly mrSignerSeam: Uint8Array
  readonly mrTd: Uint8Array
  readonly mrConfigId: Uint8Array
  readonly mrOwner: Uint8Array
  readonly mrOwnerConfig: Uint8Array
  readonly mrServiceTd: Uint8Array
  readonly rtMr0: Uint8Array
  readonly rtMr1: Uint8Array
  readonly rtMr2: Uint8Array
  readonly rtMr3: Uint8Array
}

/** A policy that accepts exactly these measurements, any software image and any weights: for the development mode, as a start to edit. */
export function developmentPolicy(measurements: NamedMeasurements): Policy {
  const only = (value: Uint8Array) => [Buffer.from(value).toString('hex')]
  return parsePolicy({
    version: 1,
    tcb_statuses: ['UpToDate'],
    rejected_advisories: [],
    min_evaluation_number: 0,
    // DEBUG and every reserved, PKS, KL and PERFMON bit 0; SEPT_VE_DISABLE 1.
    td_attributes: { mask: 'ffffffffffffffff', value: '0000001000000000' },
    // x87 and SSE on; nothing outside what Linux guests use.
    xfam: { mask: '0300000000000000', value: '0300000000000000' },
    mr_seam: only(measurements.mrSeam),
    mr_signer_seam: only(measurements.mrSignerSeam),
    mr_td: only(measurements.mrTd),
    rtmr0: only(measurements.rtMr0),
    rtmr1: only(measurements.rtMr1),
    rtmr2: only(measurements.rtMr2),
    rtmr3: only(measurements.rtMr3),
    mr_config_id: only(measurements.mrConfigId),
    mr_owner: only(measurements.mrOwner),
    mr_owner_config: only(measurements.mrOwnerConfig),
    mr_service_td: only(measurements.mrServiceTd),
    fmspcs: 'any',
    ppids: 'any',
    software_images: 'any',
    weights: { digests: 'any', allow_unmeasured: true },
  })
}
