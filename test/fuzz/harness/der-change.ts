/** Changes to DER that keep it DER: an element is changed, dropped, doubled or replaced, and every length around it is made right. */
import type { Chance } from './chance.ts'
import { replaced } from './mutate.ts'

interface Node {
  readonly tag: number
  readonly start: number
  readonly contents: number
  readonly end: number
  readonly children: readonly Node[]
}

/** A changed copy of DER; of anything else, the input as it is. */
export function changeDer(input: Uint8Array, chance: Chance, other: Uint8Array): Uint8Array {
  const top = nodes(input, 0, input.length, 0)
  const paths = top && pathsOf(top)
  if (!paths || paths.length === 0) return input
  const path = chance.pick(paths)
  const node = path.at(-1)!
  const raw = input.subarray(node.start, node.end)
  const contents = input.subarray(node.contents, node.end)
  switch (chance.below(7)) {
    case 0:
      return within(input, path, new Uint8Array())
    case 1:
      return within(input, path, joined(raw, raw))
    case 2: {
      const donors = pathsOf(nodes(other, 0, other.length, 0) ?? [])
      if (donors.length === 0) return input
      const donor = chance.pick(donors).at(-1)!
      return within(input, path, other.subarray(donor.start, donor.end))
    }
    case 3:
      return within(
        input,
        path,
        element(chance.pick([1, 2, 3, 4, 5, 6, 10, 0x17, 0x18, 0x30, 0x31, 0xa0, 0xa3, chance.below(256)]), contents),
      )
    case 4: {
      const from = chance.below(contents.length + 1)
      const to = chance.below(2) === 0 ? from : Math.min(contents.length, from + 1 + chance.below(8))
      return within(input, path, element(node.tag, replaced(contents, from, to, chance.bytes(chance.below(5)))))
    }
    case 5: {
      const siblings = (path.at(-2)?.children ?? top).filter(sibling => sibling !== node)
      if (siblings.length === 0) return input
      const sibling = chance.pick(siblings)
      return within(input, path, input.subarray(sibling.start, sibling.end))
    }
    default: {
      const copy = new Uint8Array(contents)
      if (copy.length > 0) copy[chance.below(copy.length)]! ^= 1 << chance.below(8)
      return within(input, path, element(node.tag, copy))
    }
  }
}

/** The elements between two offsets, or nothing where they are not DER. Octet strings and bit strings are looked into as well. */
function nodes(bytes: Uint8Array, from: number, to: number, depth: number): Node[] | undefined {
  const found: Node[] = []
  for (let at = from; at < to; ) {
    const tag = bytes[at]!
    let length = bytes[at + 1] ?? Number.NaN
    let contents = at + 2
    if (length & 0x80) {
      const digits = length & 0x7f
      length = digits >= 1 && digits <= 3 ? 0 : Number.NaN
      for (let digit = 0; digit < digits && digit < 3; digit++) length = length * 256 + (bytes[contents++] ?? Number.NaN)
    }
    const end = contents + length
    if (!(end <= to) || (tag & 0x1f) === 0x1f) return undefined
    const inside = tag === 3 ? contents + 1 : contents
    const wraps = (tag & 0x20) !== 0 || tag === 3 || tag === 4
    found.push({ tag, start: at, contents, end, children: (wraps && depth < 12 && nodes(bytes, inside, end, depth + 1)) || [] })
    at = end
  }
  return found
}

/** Every element, as the way to it from the top. */
function pathsOf(top: readonly Node[]): Node[][] {
  return top.flatMap(node => [[node], ...pathsOf(node.children).map(path => [node, ...path])])
}

/** A copy in which the element at the end of `path` is `by`, with the lengths on the way made right. */
function within(input: Uint8Array, path: readonly Node[], by: Uint8Array): Uint8Array {
  const node = path.at(-1)!
  const parent = path.at(-2)
  if (!parent) return replaced(input, node.start, node.end, by)
  const contents = joined(input.subarray(parent.contents, node.start), by, input.subarray(node.end, parent.end))
  return within(input, path.slice(0, -1), element(parent.tag, contents))
}

/** An element around its contents, with the shortest length. */
function element(tag: number, contents: Uint8Array): Uint8Array {
  const size = contents.length
  const length =
    size < 0x80
      ? [size]
      : size < 0x100
        ? [0x81, size]
        : size < 0x10000
          ? [0x82, size >> 8, size & 0xff]
          : [0x83, size >> 16, (size >> 8) & 0xff, size & 0xff]
  return joined(Uint8Array.of(tag, ...length), contents)
}

export function joined(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}
