/** OpenAI's way to give one or many texts, as text or as tokens: `prompt` of completions, `input` of embeddings. */
import { z } from 'zod'
import { badMember } from './members.ts'

/** One text: as it is, or as its tokens. */
export type Input = string | readonly number[]

const text = z.string().max(1_000_000)
const tokens = z.array(z.int().min(0)).min(1)
/** Tells the four forms apart in {@link readInputs}, whose complaints are clearer than a union's. */
export const inputs = z.unknown().optional()

/** The texts that `value` holds, in their order. Throws {@link EngineError} `invalid-request`. */
export function readInputs(value: unknown, param: string, limits: { most: number; emptyText: boolean }): readonly Input[] {
  const list = Array.isArray(value) && typeof value[0] !== 'number' ? (value as unknown[]) : [value]
  if (value === undefined || value === null) throw badMember(param, 'it is missing')
  if (list.length === 0) throw badMember(param, 'it must not be empty')
  if (list.length > limits.most) throw badMember(param, `at most ${limits.most} texts`)
  const kind = typeof list[0]
  return list.map((item, index) => {
    const where = list.length === 1 ? param : `${param}.${index}`
    const parsed = typeof item === 'string' ? text.safeParse(item) : tokens.safeParse(item)
    if (!parsed.success || typeof item !== kind)
      throw badMember(where, 'it must be a string, an array of strings, an array of tokens or an array of arrays of tokens')
    if (item === '' && !limits.emptyText) throw badMember(where, 'it must not be empty')
    return parsed.data
  })
}
