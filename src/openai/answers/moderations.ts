/** The answer of `POST /v1/moderations`. */
import { z } from 'zod'
import { named } from './parts.ts'
import { promptUsage } from './usage.ts'

/** What OpenAI judges by; the two that came later may be null. */
const categories = [
  'hate',
  'hate/threatening',
  'harassment',
  'harassment/threatening',
  'self-harm',
  'self-harm/intent',
  'self-harm/instructions',
  'sexual',
  'sexual/minors',
  'violence',
  'violence/graphic',
] as const
const laterCategories = ['illicit', 'illicit/violent'] as const
/** Kinds whose judgement can rest on an image too. */
const seen = new Set<string>(['self-harm', 'self-harm/intent', 'self-harm/instructions', 'sexual', 'violence', 'violence/graphic'])

function each<Names extends readonly string[], Schema extends z.ZodType>(names: Names, schema: (name: Names[number]) => Schema) {
  return Object.fromEntries(names.map(name => [name, schema(name)])) as Record<Names[number], Schema>
}

const all = [...categories, ...laterCategories] as const

export const moderation = named(
  'Moderation',
  'A judgement for each input.',
  z.looseObject({
    id: z.string(),
    model: z.string(),
    results: z.array(
      z.looseObject({
        flagged: z.boolean(),
        categories: z.looseObject({ ...each(categories, () => z.boolean()), ...each(laterCategories, () => z.boolean().nullable()) }),
        category_scores: z.looseObject(each(all, () => z.number())),
        category_applied_input_types: z.looseObject(
          each(all, name => z.array(seen.has(name) ? z.enum(['text', 'image']) : z.enum(['text']))),
        ),
      }),
    ),
    usage: promptUsage,
  }),
)
