/**
 * A policy of which some allow-lists are kept elsewhere: where the file says `"registry"`, the values of a registry stand, whatever
 * they are at the moment. A registry that lists nothing, or cannot be read, allows nothing.
 */
import { AttestationError } from './errors.ts'
import { type Policy, parsePolicy } from './policy.ts'

/** The members that may be left to a registry; digests are written `sha256:…`, registers in hex. */
export const registrable = [
  'mr_td',
  'rtmr0',
  'rtmr1',
  'rtmr2',
  'rtmr3',
  'mr_seam',
  'mr_signer_seam',
  'mr_config_id',
  'mr_owner',
  'mr_owner_config',
  'software_images',
  'weights.digests',
] as const

export type Registrable = (typeof registrable)[number]

/** What a registry allows, member by member. */
export type RegisteredValues = Readonly<Record<Registrable, readonly string[]>>

/** What allows nothing. */
export const nothingRegistered: RegisteredValues = Object.fromEntries(registrable.map(member => [member, []])) as never

/** A policy file as it was read, before a registry's values stand in it. */
export interface PolicyFile {
  /** The members that the file leaves to a registry. */
  readonly registered: readonly Registrable[]
  /** The policy with these values where the file says `"registry"`. */
  with(values: RegisteredValues): Policy
}

/** Reads a policy that may leave members to a registry. Throws {@link AttestationError} `policy-malformed` that names every member that is wrong. */
export function parsePolicyFile(json: unknown): PolicyFile {
  if (typeof json !== 'object' || json === null) return { registered: [], with: always(parsePolicy(json)) }
  const { weights, ...members } = json as Record<string, unknown>
  const says = (member: Registrable) => (member === 'weights.digests' ? digestsOf(weights) : members[member]) === 'registry'
  const registered = registrable.filter(says)
  const placed = { ...members, ...(weights === undefined ? {} : { weights }), ...placeholders(registered, weights) }
  const policy = parsePolicy(placed)
  return { registered, with: values => Object.freeze({ ...policy, ...filled(policy, registered, values) }) }
}

/** Throws {@link AttestationError} `policy-malformed` where `file` leaves members to a registry and there is none. */
export function withoutRegistry(file: PolicyFile): Policy {
  const [first] = file.registered
  if (first !== undefined)
    throw new AttestationError('policy-malformed', `${first}: says "registry", and no registry is given; name values, or a registry`)
  return file.with(nothingRegistered)
}

/** A value of the right form for each, so that everything else is judged as always. It never reaches a policy. */
function placeholders(registered: readonly Registrable[], weights: unknown): Record<string, unknown> {
  const register = ['00'.repeat(48)]
  const digest = [`sha256:${'00'.repeat(32)}`]
  return Object.fromEntries(
    registered.map(member => {
      if (member === 'weights.digests') return ['weights', { ...(weights as object), digests: digest }]
      return [member, member === 'software_images' ? digest : register]
    }),
  )
}

function filled(policy: Policy, registered: readonly Registrable[], values: RegisteredValues): Partial<Policy> {
  return Object.fromEntries(
    registered.map(member =>
      member === 'weights.digests' ? ['weights', { ...policy.weights, digests: [...values[member]] }] : [member, [...values[member]]],
    ),
  )
}

function digestsOf(weights: unknown): unknown {
  return typeof weights === 'object' && weights !== null && 'digests' in weights ? weights.digests : undefined
}

function always(policy: Policy): () => Policy {
  return () => policy
}
