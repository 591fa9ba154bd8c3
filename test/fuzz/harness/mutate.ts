/** Changes that know nothing of a format: bits, bytes, integers, pieces that go, come twice, or come from elsewhere. */
import type { Chance } from './chance.ts'

type Change = (input: Uint8Array, chance: Chance, other: Uint8Array, words: readonly Uint8Array[]) => Uint8Array

const edges = [0, 1, 2, 0x10, 0x1f, 0x20, 0x22, 0x30, 0x31, 0x7f, 0x80, 0x81, 0x83, 0x84, 0xa0, 0xa3, 0xfe, 0xff]

const changes: readonly Change[] = [
  // one bit
  (input, chance) => at(input, chance.below(input.length), byte => byte ^ (1 << chance.below(8))),
  // one byte, to any value or to one at an edge
  (input, chance) => at(input, chance.below(input.length), () => chance.below(256)),
  (input, chance) => at(input, chance.below(input.length), () => chance.pick(edges)),
  // a number of two or four bytes, a little more or less, in either order
  (input, chance) => {
    const size = chance.pick([2, 4])
    if (input.length < size) return input
    const copy = new Uint8Array(input) // a Buffer’s own slice is no copy
    const view = new DataView(copy.buffer)
    const offset = chance.below(input.length - size + 1)
    const little = chance.below(2) === 0
    const by = chance.below(33) - 16
    if (size === 2) view.setUint16(offset, view.getUint16(offset, little) + by, little)
    else view.setUint32(offset, view.getUint32(offset, little) + by, little)
    return copy
  },
  // a piece gone
  (input, chance) => {
    const [from, to] = piece(input, chance)
    return replaced(input, from, to, new Uint8Array())
  },
  // a piece twice, or many times
  (input, chance) => {
    const [from, to] = piece(input, chance)
    const once = input.subarray(from, to)
    const times = chance.below(8) === 0 ? 1 + chance.below(256) : 1
    return replaced(input, to, to, repeated(once, times))
  },
  // bytes from nowhere
  (input, chance) => {
    const offset = chance.below(input.length + 1)
    return replaced(input, offset, offset, chance.bytes(1 + chance.below(16)))
  },
  // a piece of another input, here or in place of what is here
  (input, chance, other) => {
    const [from, to] = piece(other, chance)
    const offset = chance.below(input.length + 1)
    return replaced(input, offset, chance.below(2) === 0 ? offset : Math.min(input.length, offset + to - from), other.subarray(from, to))
  },
  // the beginning of this, the end of another
  (input, chance, other) => {
    const share = chance.below(1000) / 1000
    return replaced(input, Math.floor(input.length * share), input.length, other.subarray(Math.floor(other.length * share)))
  },
  // a word of the format, between or instead
  (input, chance, _, words) => {
    if (words.length === 0) return input
    const word = chance.pick(words)
    const offset = chance.below(input.length + 1)
    return replaced(input, offset, chance.below(2) === 0 ? offset : Math.min(input.length, offset + word.length), word)
  },
]

/** A changed copy: mostly by one change, at times by up to eight. Never longer than `maxBytes`. */
export function mutate(input: Uint8Array, chance: Chance, other: Uint8Array, words: readonly Uint8Array[], maxBytes: number): Uint8Array {
  let changed = input
  const times = 1 << chance.below(4)
  for (let turn = 0; turn < times; turn++)
    changed = changed.length === 0 ? chance.bytes(8) : chance.pick(changes)(changed, chance, other, words).subarray(0, maxBytes)
  return changed
}

function at(input: Uint8Array, offset: number, change: (byte: number) => number): Uint8Array {
  const copy = new Uint8Array(input) // a Buffer’s own slice is no copy
  copy[offset] = change(copy[offset]!)
  return copy
}

function piece(input: Uint8Array, chance: Chance): [from: number, to: number] {
  const from = chance.below(input.length + 1)
  const most = chance.below(4) === 0 ? input.length - from : Math.min(32, input.length - from)
  return [from, from + chance.below(most + 1)]
}

/** A copy with `from` to `to` replaced. */
export function replaced(input: Uint8Array, from: number, to: number, by: Uint8Array): Uint8Array {
  const joined = new Uint8Array(from + by.length + input.length - to)
  joined.set(input.subarray(0, from))
  joined.set(by, from)
  joined.set(input.subarray(to), from + by.length)
  return joined
}

function repeated(piece: Uint8Array, times: number): Uint8Array {
  const whole = new Uint8Array(Math.min(piece.length * times, 64 * 1024))
  for (let offset = 0; offset < whole.length; offset += piece.length) whole.set(piece.subarray(0, whole.length - offset), offset)
  return whole
}
