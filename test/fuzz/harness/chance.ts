/** Repeatable chance (sfc32 by Chris Doty-Humphrey): fast, and nothing that a security property stands on. */

export interface Chance {
  /** A whole number below `limit`. */
  below(limit: number): number
  /** One of a list that is not empty. */
  pick<Item>(items: readonly Item[]): Item
  bytes(size: number): Uint8Array
}

/** Chance from a number and a name: the same for both, another for any other. */
export function chanceFrom(seed: number, name: string): Chance {
  let [a, b, c, d] = [0x9e3779b9, 0x243f6a88, seed | 0, 1]
  for (const character of name) b = Math.imul(b ^ character.codePointAt(0)!, 0x01000193)
  const next = (): number => {
    const sum = (a + b + d) | 0
    d = (d + 1) | 0
    a = b ^ (b >>> 9)
    b = (c + (c << 3)) | 0
    c = ((c << 21) | (c >>> 11)) + sum
    c |= 0
    return sum >>> 0
  }
  for (let turn = 0; turn < 16; turn++) next()
  const below = (limit: number) => Math.floor((next() / 2 ** 32) * limit)
  return { below, pick: items => items[below(items.length)]!, bytes: size => Uint8Array.from({ length: size }, () => below(256)) }
}
