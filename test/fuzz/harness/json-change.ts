/** Changes to JSON that keep it JSON: a member or an item is changed, dropped, doubled or replaced. */
import type { Chance } from './chance.ts'

type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

const decoder = new TextDecoder()
const encoder = new TextEncoder()
const odd: readonly Json[] = [
  null,
  true,
  0,
  -1,
  1.5,
  255,
  256,
  65_536,
  1e308,
  2 ** 53,
  '',
  '0',
  'ff',
  ' ',
  '\u0000',
  '\ud800',
  [],
  {},
  [[]],
]

/** A changed copy of JSON; of anything else, the input as it is. */
export function changeJson(input: Uint8Array, chance: Chance, other: Uint8Array): Uint8Array {
  const [value, donor] = [parsed(input), parsed(other)]
  if (value === undefined) return input
  const places = placesIn(value)
  if (places.length === 0) return input
  const { within, key } = chance.pick(places)
  const at = within as { [name: string | number]: Json }
  const old = at[key]!
  switch (chance.below(6)) {
    case 0:
      if (Array.isArray(within)) within.splice(Number(key), 1)
      else delete within[key]
      break
    case 1:
      if (Array.isArray(within)) within.splice(Number(key), 0, ...Array<Json>(1 + chance.below(4)).fill(old))
      else within[`${key}${chance.below(3)}`] = old
      break
    case 2: {
      const from = placesIn(donor ?? value)
      const place = chance.pick(from.length > 0 ? from : places)
      at[key] = (place.within as { [name: string | number]: Json })[place.key]!
      break
    }
    case 3:
      at[key] = typeof old === 'string' && old.length > 0 ? spelled(old, chance) : chance.pick(odd)
      break
    case 4:
      if (typeof old === 'number') at[key] = old + chance.pick([-1, 1, 0.5, 256])
      break
    default:
      at[key] = chance.pick(odd)
  }
  // A member that holds itself, by way of a copy, has no text.
  try {
    return encoder.encode(JSON.stringify(value))
  } catch {
    return input
  }
}

function spelled(text: string, chance: Chance): string {
  const at = chance.below(text.length)
  return text.slice(0, at) + chance.pick(['', '0', 'F', 'Z', ' ', '"', '\\', '\u00e9', text.slice(0, at)]) + text.slice(at + 1)
}

function parsed(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(decoder.decode(bytes)) as Json
  } catch {
    return undefined
  }
}

interface Place {
  readonly within: Json[] | { [name: string]: Json }
  readonly key: string
}

function placesIn(value: Json): Place[] {
  const found: Place[] = []
  const open: Json[] = [value]
  for (let within = open.pop(); within !== undefined && found.length < 5000; within = open.pop()) {
    if (typeof within !== 'object' || within === null) continue
    for (const [key, item] of Object.entries(within)) {
      found.push({ within, key })
      open.push(item)
    }
  }
  return found
}
