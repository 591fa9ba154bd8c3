/** Definitions that refer to each other: whether what they describe can be written down at all. */
import type { GbnfJsonSchema } from 'node-llama-cpp'

interface Parts {
  readonly $ref?: string
  readonly oneOf?: readonly GbnfJsonSchema[]
  readonly type?: unknown
  readonly properties?: Readonly<Record<string, GbnfJsonSchema>>
  readonly prefixItems?: readonly GbnfJsonSchema[]
  readonly additionalProperties?: boolean | GbnfJsonSchema
  readonly items?: GbnfJsonSchema
  readonly minItems?: number
  readonly minProperties?: number
}

type Definitions = Readonly<Record<string, GbnfJsonSchema>>

/**
 * A definition with no finite value (each property is written, so a property that needs its own object never ends), or one
 * that is itself before anything is written (a grammar cannot begin with itself); undefined where there is none.
 */
export function endlessReference(definitions: Definitions): string | undefined {
  const names = Object.keys(definitions)
  const finite = new Set<string>()
  for (let before = -1; before < finite.size; ) {
    before = finite.size
    for (const name of names) if (hasEnd(definitions[name]!, finite)) finite.add(name)
  }
  return names.find(name => !finite.has(name)) ?? names.find(name => beginsWith(definitions[name]!, name, definitions, new Set()))
}

function hasEnd(schema: GbnfJsonSchema, finite: ReadonlySet<string>): boolean {
  const parts = schema as Parts
  const all = (schemas: readonly GbnfJsonSchema[]) => schemas.every(item => hasEnd(item, finite))
  if (parts.$ref !== undefined) return finite.has(nameOf(parts.$ref))
  if (parts.oneOf) return parts.oneOf.some(item => hasEnd(item, finite))
  if (parts.type === 'object') {
    const more = typeof parts.additionalProperties === 'object' && (parts.minProperties ?? 0) > 0 ? [parts.additionalProperties] : []
    return all([...Object.values(parts.properties ?? {}), ...more])
  }
  if (parts.type !== 'array') return true
  const first = parts.prefixItems ?? []
  return all([...first, ...(parts.items && (parts.minItems ?? 0) > first.length ? [parts.items] : [])])
}

function beginsWith(schema: GbnfJsonSchema, name: string, definitions: Definitions, seen: Set<string>): boolean {
  const parts = schema as Parts
  if (parts.oneOf) return parts.oneOf.some(item => beginsWith(item, name, definitions, seen))
  if (parts.$ref === undefined) return false
  const next = nameOf(parts.$ref)
  if (next === name) return true
  if (seen.has(next)) return false
  seen.add(next)
  return beginsWith(definitions[next]!, name, definitions, seen)
}

function nameOf(reference: string): string {
  return reference.slice('#/$defs/'.length)
}
