/** The schemas of answers: each accepts a good sample, and refuses it with any one member missing or of another kind. */
import { describe, expect, test } from 'vitest'
import { answers } from '../../src/openai/answers/index.ts'
import { responseSamples } from './response-samples.ts'
import { type Json, type Sample, samples } from './samples.ts'

type Path = readonly (string | number)[]

const all = [...samples, ...responseSamples]

describe.each(all)('$name', ({ schema, least, more, fixed, free = [] }: Sample) => {
  const accepts = (value: unknown) => schema.safeParse(value).success

  test('is accepted, with members that nobody knows too', () => {
    for (const good of [least, more ?? least]) {
      const parsed = schema.safeParse(good)
      expect('error' in parsed ? parsed.error : undefined).toBeUndefined()
    }
    if (!('error' in least)) expect(accepts({ ...least, unheard_of: { of: 1 } })).toBe(true)
  })

  test('is refused without any one of its members', () => {
    const wrong = membersOf(least).filter(path => accepts(without(least, path)))
    expect(wrong.map(path => path.join('.'))).toEqual([])
  })

  test('is refused with any one member of another kind', () => {
    for (const good of [least, more ?? least]) {
      const wrong = valuesOf(good).filter(([path, value]) => accepts(withValue(good, path, otherKind(value))))
      expect(wrong.map(([path]) => path.join('.')).filter(path => !free.includes(path))).toEqual([])
    }
  })

  test('takes any text where any text may stand, and nowhere else', () => {
    const refused = new Set<string>()
    for (const good of [least, more ?? least])
      for (const [path, value] of valuesOf(good))
        if (typeof value === 'string' && !accepts(withValue(good, path, 'no such!'))) refused.add(path.join('.'))
    expect([...refused].sort()).toEqual([...fixed].sort())
  })
})

describe('errors', () => {
  const { schema, least } = samples.find(({ name }) => name === 'an error')!
  test('have four members and no other', () => {
    expect(schema.safeParse({ ...least, more: 1 }).success).toBe(false)
    expect(schema.safeParse({ error: { ...(least.error as Json), more: 1 } }).success).toBe(false)
  })
})

describe('the table', () => {
  test('describes each answer once', () => {
    const keys = answers.map(({ method, path, status }) => `${method} ${path} ${status}`)
    expect(new Set(keys).size).toBe(keys.length)
  })

  test('has a sample for each form in it', () => {
    const forms = answers.flatMap(({ media }) =>
      Object.values(media).flatMap(form => (form.kind === 'json' ? form.oneOf : form.kind === 'events' ? [form.event] : [])),
    )
    expect(forms.filter(form => !all.some(({ schema }) => schema === form))).toEqual([])
  })

  test('tells the forms of a transcription apart by their members', () => {
    const form = answers.find(({ path }) => path === '/v1/audio/transcriptions')!.media['application/json']!
    if (form.kind !== 'json') throw new Error('not JSON')
    for (const name of ['a transcription', 'a transcription with times', 'a transcription with speakers']) {
      const { schema, least, more } = samples.find(sample => sample.name === name)!
      for (const value of [least, more ?? least]) expect(form.formOf(value)).toBe(schema)
    }
    expect(form.formOf(null)).toBe(form.oneOf[0])
  })
})

/** Paths of all members of all objects in `value`. */
function membersOf(value: unknown, at: Path = []): Path[] {
  if (Array.isArray(value)) return value.flatMap((item, index) => membersOf(item, [...at, index]))
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([member, inner]) => [[...at, member], ...membersOf(inner, [...at, member])])
}

/** All values in `value` but itself, with their paths. */
function valuesOf(value: unknown, at: Path = []): [Path, unknown][] {
  if (typeof value !== 'object' || value === null) return []
  const inner: [string | number, unknown][] = Array.isArray(value) ? [...value.entries()] : Object.entries(value)
  return inner.flatMap(([key, item]) => [[[...at, key], item] as [Path, unknown], ...valuesOf(item, [...at, key])])
}

function withValue(value: unknown, [first, ...rest]: Path, put: unknown): unknown {
  if (first === undefined) return put
  const copy = Array.isArray(value) ? [...value] : { ...(value as object) }
  const members = copy as Record<string | number, unknown>
  members[first] = withValue(members[first], rest, put)
  return copy
}

function without(value: unknown, path: Path): unknown {
  const [first, ...rest] = path
  const copy = (Array.isArray(value) ? [...value] : { ...(value as object) }) as Record<string | number, unknown>
  if (rest.length === 0) delete copy[first!]
  else copy[first!] = without(copy[first!], rest)
  return copy
}

/** A value that no schema takes in place of `value`. */
function otherKind(value: unknown): unknown {
  if (typeof value === 'boolean') return 'yes'
  if (value === null || typeof value === 'string') return true
  if (typeof value === 'number') return 'many'
  return false
}
