/** What the keyset, bound to the quote, says of the software and of the models. */
import { z } from 'zod'
import type { Keyset } from '../evidence.ts'
import { allows, digest, type Judgement, listOrAny } from './fields.ts'

export const softwareMembers = {
  software_images: listOrAny(digest),
  weights: z.strictObject({ digests: listOrAny(digest), allow_unmeasured: z.boolean() }),
}

type SoftwareRules = z.output<z.ZodObject<typeof softwareMembers>>

/** Judges a keyset. A bare quote shows none: then only a policy that asks for no software and no weights accepts it. */
export function judgeSoftware(keyset: Pick<Keyset, 'software' | 'models'> | undefined, rules: SoftwareRules): Judgement[] {
  const image = keyset?.software.image_digest
  return [
    {
      name: 'software image is accepted',
      ok: rules.software_images === 'any' || (image !== undefined && rules.software_images.includes(image)),
      reason: `the software image is ${image ?? 'not shown'}`,
    },
    ...(keyset ? keyset.models.map(model => judgeWeights(model, rules)) : [judgeNoWeights(rules)]),
  ]
}

function judgeWeights({ id, weights_digest }: Keyset['models'][number], { weights }: SoftwareRules): Judgement {
  return {
    name: `weights of ${id} are accepted`,
    ok: weights_digest === null ? weights.allow_unmeasured : allows(weights.digests, weights_digest),
    reason: `the weights of ${id} are ${weights_digest ?? 'not measured'}`,
  }
}

function judgeNoWeights({ weights }: SoftwareRules): Judgement {
  return {
    name: 'weights are accepted',
    ok: weights.digests === 'any' && weights.allow_unmeasured,
    reason: 'the weights are not shown',
  }
}
