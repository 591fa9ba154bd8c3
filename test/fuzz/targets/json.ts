import { isDeepStrictEqual } from 'node:util'
import { type Json, JsonError, readSigned, readStrict } from '../../../src/attestation/tdx/json.ts'
import { changeJson } from '../harness/json-change.ts'
import type { FuzzTarget } from '../harness/target.ts'
import { collateralSets } from '../samples.ts'

const text = (source: string) => new TextEncoder().encode(source)

/** The strict reader beside the language's own: what it takes, that takes too, and both read the same. */
export const jsonTarget: FuzzTarget = {
  name: 'json',
  seeds: corpus => [
    ...collateralSets(corpus).flatMap(({ parts }) => [text(parts.tcbInfo), text(parts.qeIdentity)]),
    text('{"a":[1,-0.5e+7,true,false,null,"\\u00e9\\n",{}],"b":{"c":[]}} '),
    text('[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]'),
  ],
  run(input) {
    const source = new TextDecoder().decode(input)
    const value = readStrict(source)
    if (!isDeepStrictEqual(value, nullPrototypes(JSON.parse(source) as Json))) throw new Error('read otherwise than by JSON.parse')
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return
    const { values, sources } = readSigned(source)
    for (const [name, member] of values)
      if (!isDeepStrictEqual(readStrict(sources.get(name)!), member)) throw new Error('a source that is not its value’s')
  },
  isRefusal: error => error instanceof JsonError,
  sources: ['src/attestation/tdx/json.ts'],
  words: ['{', '}', '[', ']', '"', ':', ',', '\\u', '\\', 'null', 'true', '1e999', '-0', '0.', '"__proto__":', '[[[[[[[[[[[[[[[['],
  change: changeJson,
}

/** As `JSON.parse` read it, but with objects that have no prototype, as the strict reader makes them. */
function nullPrototypes(value: Json): Json {
  if (Array.isArray(value)) return value.map(nullPrototypes)
  if (typeof value !== 'object' || value === null) return value
  const copy: { [name: string]: Json } = Object.create(null)
  for (const [name, member] of Object.entries(value)) copy[name] = nullPrototypes(member)
  return copy
}
