/**
 * How much a JSON text would become, told before it is parsed. A parser makes of `[],[],…` twenty times the memory that the
 * text takes, natively and in one go, so that not even a thread with a memory limit survives it: what is too heavy must never
 * reach the parser.
 */

/** What an array, an object or a member of one counts; a plain element counts 1. */
const structureWeight = 8

export interface JsonBounds {
  readonly depth: number
  readonly weight: number
}

/**
 * A million objects and members together, or eight million plain elements: far above any request that is one, and with the
 * longest texts beside it below half a gigabyte once parsed.
 */
export const defaultJsonBounds: JsonBounds = { depth: 1_024, weight: structureWeight * 1024 * 1024 }

/** Whether a JSON text stays within `bounds`. About a millisecond per MiB; says nothing about whether it is well formed. */
export function isLightJson(text: Uint8Array, bounds: JsonBounds = defaultJsonBounds): boolean {
  let depth = 0
  let weight = 0
  for (let at = 0; at < text.length; at++) {
    switch (text[at]) {
      case 0x22: // "
        at = endOfString(text, at + 1)
        break
      case 0x2c: // ,
        weight += 1
        break
      case 0x3a: // :
        weight += structureWeight
        break
      case 0x5b: // [
      case 0x7b: // {
        weight += structureWeight
        depth += 1
        if (depth > bounds.depth) return false
        break
      case 0x5d: // ]
      case 0x7d: // }
        depth -= 1
    }
    if (weight > bounds.weight) return false
  }
  return true
}

/** Index of the closing quote, or of the text's end. */
function endOfString(text: Uint8Array, start: number): number {
  let at = start
  while (at < text.length && text[at] !== 0x22) at += text[at] === 0x5c ? 2 : 1
  return at
}
