/** Policies that leave members to a registry. */
import { describe, expect, it } from 'vitest'
import {
  AttestationError,
  developmentPolicy,
  nothingRegistered,
  parsePolicy,
  parsePolicyFile,
  registrable,
  withoutRegistry,
} from '../../src/attestation/index.ts'
import { developmentMeasurements } from '../../src/tee/index.ts'

const plain = () => structuredClone(developmentPolicy(developmentMeasurements)) as unknown as Record<string, unknown>
const leaving = (...members: string[]) => {
  const policy = plain()
  for (const member of members)
    if (member === 'weights.digests') policy.weights = { ...(policy.weights as object), digests: 'registry' }
    else policy[member] = 'registry'
  return policy
}
const value = (member: string) =>
  member === 'software_images' || member === 'weights.digests' ? `sha256:${'ab'.repeat(32)}` : 'ab'.repeat(48)

describe('a policy file', () => {
  it('that leaves nothing to a registry is the policy it was', () => {
    const file = parsePolicyFile(plain())
    expect(file.registered).toEqual([])
    expect(file.with(nothingRegistered)).toEqual(parsePolicy(plain()))
    expect(withoutRegistry(file)).toEqual(parsePolicy(plain()))
  })

  it.each(registrable)('can leave %s to a registry: what it lists, and nothing else, is accepted', member => {
    const file = parsePolicyFile(leaving(member))
    expect(file.registered).toEqual([member])
    const list = (values = nothingRegistered) => {
      const policy = file.with(values) as unknown as Record<string, unknown> & { weights: { digests: unknown } }
      return member === 'weights.digests' ? policy.weights.digests : policy[member]
    }
    expect(list()).toEqual([])
    expect(list({ ...nothingRegistered, [member]: [value(member)] })).toEqual([value(member)])
  })

  it('keeps everything else as it was', () => {
    const { mr_td: _, ...filled } = parsePolicyFile(leaving('mr_td')).with(nothingRegistered)
    const { mr_td: __, ...before } = parsePolicy(plain())
    expect(filled).toEqual(before)
  })

  it.each(['tcb_statuses', 'td_attributes', 'fmspcs', 'gpu', 'version'])('cannot leave %s to a registry', member => {
    expect(() => parsePolicyFile({ ...plain(), [member]: 'registry' })).toThrow(AttestationError)
  })

  it('is still read strictly in its other members', () => {
    expect(() => parsePolicyFile({ ...leaving('mr_td'), rtmr0: [] })).toThrow(/rtmr0: an empty allow-list/)
    expect(() => parsePolicyFile({ ...leaving('mr_td'), colour: 'red' })).toThrow(/colour/)
    const { rtmr1: _, ...missing } = leaving('mr_td')
    expect(() => parsePolicyFile(missing)).toThrow(/rtmr1/)
    const weights = { digests: 'registry', allow_unmeasured: 'yes' }
    expect(() => parsePolicyFile({ ...plain(), weights })).toThrow(/weights.allow_unmeasured/)
    for (const other of [undefined, null, 5, 'registry', []]) expect(() => parsePolicyFile(other)).toThrow(AttestationError)
  })

  it('that leaves something to a registry cannot be used without one', () => {
    expect(() => withoutRegistry(parsePolicyFile(leaving('rtmr3')))).toThrow(/rtmr3: says "registry"/)
    expect(() => parsePolicy(leaving('rtmr3'))).toThrow(AttestationError)
  })
})
