import * as der from '../../../src/attestation/tdx/der.ts'
import { changeDer, joined } from '../harness/der-change.ts'
import type { FuzzTarget } from '../harness/target.ts'
import { authority, collateralSets } from '../samples.ts'

const readers: readonly ((element: der.Element) => unknown)[] = [
  element => der.readInteger(element),
  element => der.readSmall(element),
  element => der.readBoolean(element),
  element => der.readTrue(element),
  element => der.readBitString(element),
  element => der.readOid(element),
  element => der.readTime(element),
]

/** The reader by itself: all the way down, each element by every reader, and what is read is what stands there. */
export const derTarget: FuzzTarget = {
  name: 'der',
  seeds: corpus => [
    ...Object.values(authority.certificates),
    ...collateralSets(corpus).flatMap(({ parts }) => [parts.rootCaCrl, ...(parts.pckCrl.length <= 8192 ? [parts.pckCrl] : [])]),
  ],
  run(input) {
    const open = der.readAll(input)
    if (!Buffer.from(joined(...open.map(element => element.raw))).equals(input)) throw new Error('elements that are not all of the input')
    for (let element = open.pop(), count = 1; element; element = open.pop(), count++) {
      // An error is dear to make: all readers have a go at the first, then one in turn, so that the cost is the reader's and not ours.
      if (count <= 8) for (const read of readers) quietly(() => read(element!))
      else if (count % 64 === 0) quietly(() => readers[(count / 64) % readers.length]!(element!))
      if (element.tag & 0x20) quietly(() => open.push(...der.readAll(element!.contents)))
    }
  },
  isRefusal: error => error instanceof der.DerError,
  sources: ['src/attestation/tdx/der.ts'],
  change: changeDer,
}

function quietly(work: () => unknown): void {
  try {
    work()
  } catch (error) {
    if (!(error instanceof der.DerError)) throw error
  }
}
