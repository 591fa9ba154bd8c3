/** What parties sign and send: against vectors that anyone can check, and every value there and back. */
import { readdirSync, readFileSync } from 'node:fs'
import { Address, beginCell, type Cell } from '@ton/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../src/lib/bytes.ts'
import { maxNanoton, nanoton } from '../../src/lib/nanoton.ts'
import {
  authorizationCell,
  ChannelError,
  claimCell,
  keyPairOf,
  parseChannelEvent,
  releaseCell,
  settleBody,
  signAuthorization,
  signClaim,
  signRelease,
  verifyAuthorization,
  verifyClaim,
  verifyRelease,
} from '../../src/payment-channel/index.ts'
import { testAddress } from '../support/ton.ts'

interface Vector {
  kind: 'authorization' | 'claim' | 'release'
  seed: string
  publicKey: string
  chain: number
  channel: string
  amount: string
  root?: string
  bits: string
  hash: string
  signature: string
}

const folder = new URL('../vectors/payment-channel/', import.meta.url)
const vectors = readdirSync(folder).flatMap(file => {
  const { vectors }: { vectors: Vector[] } = JSON.parse(readFileSync(new URL(file, folder), 'utf8'))
  return vectors.map((vector, index): [string, Vector] => [`${file} ${index}`, vector])
})

const rootOf = (vector: Vector) => fromHex(vector.root ?? '')

function cellOf(vector: Vector): Cell {
  const reference = { chain: vector.chain, channel: Address.parseRaw(vector.channel) }
  const amount = nanoton(BigInt(vector.amount))
  if (vector.kind === 'authorization') return authorizationCell({ ...reference, ceiling: amount })
  if (vector.kind === 'claim') return claimCell({ ...reference, amount, root: rootOf(vector) })
  return releaseCell({ ...reference, minSettled: amount })
}

function signatureOf(vector: Vector): Buffer {
  const { privateKey } = keyPairOf(fromHex(vector.seed))
  const reference = { chain: vector.chain, channel: Address.parseRaw(vector.channel) }
  const amount = nanoton(BigInt(vector.amount))
  if (vector.kind === 'authorization') return signAuthorization(privateKey, { ...reference, ceiling: amount })
  if (vector.kind === 'claim') return signClaim(privateKey, { ...reference, amount, root: rootOf(vector) })
  return signRelease(privateKey, { ...reference, minSettled: amount })
}

describe('the golden vectors', () => {
  it('are there for all three', () => {
    expect(new Set(vectors.map(([, { kind }]) => kind))).toEqual(new Set(['authorization', 'claim', 'release']))
  })

  it.each(vectors)('%s: bits, hash and signature', (_, vector) => {
    const cell = cellOf(vector)
    expect(cell.bits.toString()).toBe(vector.bits)
    expect(toHex(cell.hash())).toBe(vector.hash)
    expect(toHex(keyPairOf(fromHex(vector.seed)).publicKey)).toBe(vector.publicKey)
    expect(toHex(signatureOf(vector))).toBe(vector.signature)
  })
})

const key = keyPairOf(Buffer.alloc(32, 1))
const other = keyPairOf(Buffer.alloc(32, 2))
const root = Buffer.alloc(32, 9)
const reference = { chain: -239, channel: testAddress('channel') }
const amount = nanoton(5n)

const kinds = [
  {
    kind: 'authorization',
    sign: (changes: object = {}) => signAuthorization(key.privateKey, { ...reference, ceiling: amount, ...changes }),
    verify: (signature: Uint8Array, publicKey: Uint8Array = key.publicKey) =>
      verifyAuthorization(publicKey, { ...reference, ceiling: amount }, signature),
    changes: [{ chain: -3 }, { channel: testAddress('another') }, { ceiling: nanoton(6n) }],
  },
  {
    kind: 'claim',
    sign: (changes: object = {}) => signClaim(key.privateKey, { ...reference, amount, root, ...changes }),
    verify: (signature: Uint8Array, publicKey: Uint8Array = key.publicKey) =>
      verifyClaim(publicKey, { ...reference, amount, root }, signature),
    changes: [{ chain: -3 }, { channel: testAddress('another') }, { amount: nanoton(6n) }, { root: Buffer.alloc(32) }],
  },
  {
    kind: 'release',
    sign: (changes: object = {}) => signRelease(key.privateKey, { ...reference, minSettled: amount, ...changes }),
    verify: (signature: Uint8Array, publicKey: Uint8Array = key.publicKey) =>
      verifyRelease(publicKey, { ...reference, minSettled: amount }, signature),
    changes: [{ chain: -3 }, { channel: testAddress('another') }, { minSettled: nanoton(6n) }],
  },
]

describe.each(kinds)('the signature of a $kind', ({ sign, verify, changes, kind }) => {
  const refused = (check: () => void) => expect(check).toThrow(expect.objectContaining({ code: 'bad-signature' }))

  it('verifies', () => {
    expect(verify(sign())).toBeUndefined()
  })

  it('does not verify for any other value', () => {
    for (const change of changes) refused(() => verify(sign(change)))
  })

  it('does not verify for another key, of another size, or with a flipped bit', () => {
    refused(() => verify(sign(), other.publicKey))
    refused(() => verify(sign(), key.publicKey.subarray(1)))
    refused(() => verify(sign().subarray(1)))
    for (let bit = 0; bit < 512; bit += 7) {
      const flipped = Buffer.from(sign())
      flipped[bit >> 3]! ^= 1 << (bit & 7)
      refused(() => verify(flipped))
    }
  })

  it('is not the signature of another kind', () => {
    for (const another of kinds) if (another.kind !== kind) refused(() => another.verify(sign()))
  })
})

const nanotons = fc.bigInt({ min: 0n, max: maxNanoton }).map(nanoton)
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytes => Buffer.from(bytes))
const addresses = bytes32.map(hash => new Address(0, hash))
const chains = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

describe('every value', () => {
  it('comes out of its cell as it went in', () => {
    fc.assert(
      fc.property(chains, addresses, nanotons, bytes32, (chain, channel, amount, root) => {
        const slice = claimCell({ chain, channel, amount, root }).beginParse()
        expect([slice.loadUint(32), slice.loadInt(32), slice.loadAddress().toRawString()]).toEqual([
          0x434c4d31,
          chain,
          channel.toRawString(),
        ])
        expect(slice.loadCoins()).toBe(amount)
        expect(slice.loadBuffer(32).equals(root)).toBe(true)
        slice.endParse()
      }),
    )
  })

  it('stands in a settle message as it was signed', () => {
    fc.assert(
      fc.property(
        chains,
        addresses,
        nanotons,
        nanotons,
        bytes32,
        fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
        (chain, channel, ceiling, amount, root, id) => {
          const signature = Buffer.alloc(64, 3)
          const body = settleBody({ chain, channel, authorization: { ceiling, signature }, claim: { amount, root, signature } }, id)
          const slice = body.beginParse()
          expect([slice.loadUint(32), slice.loadUintBig(64)]).toEqual([0x53544c31, id])
          expect(slice.loadBuffer(64).equals(signature)).toBe(true)
          expect(slice.loadRef().equals(authorizationCell({ chain, channel, ceiling }))).toBe(true)
          const rest = slice.loadRef().beginParse()
          slice.endParse()
          expect(rest.loadBuffer(64).equals(signature)).toBe(true)
          expect(rest.loadRef().equals(claimCell({ chain, channel, amount, root }))).toBe(true)
          rest.endParse()
        },
      ),
    )
  })

  it('that does not fit is refused', () => {
    expect(() => claimCell({ ...reference, amount, root: Buffer.alloc(31) })).toThrow(ChannelError)
    expect(() => authorizationCell({ ...reference, chain: 2 ** 31, ceiling: amount })).toThrow()
    const short = { amount, root, signature: Buffer.alloc(63) }
    expect(() => settleBody({ ...reference, authorization: { ceiling: amount, signature: Buffer.alloc(64) }, claim: short })).toThrow()
  })
})

describe('a message of a channel', () => {
  it('that is none of ours is nothing', () => {
    expect(parseChannelEvent(beginCell().endCell())).toBeUndefined()
    expect(parseChannelEvent(beginCell().storeUint(0x12345678, 32).endCell())).toBeUndefined()
    expect(parseChannelEvent(beginCell().storeUint(0x50414431, 32).storeCoins(1n).storeBit(1).endCell())).toBeUndefined()
  })
})
