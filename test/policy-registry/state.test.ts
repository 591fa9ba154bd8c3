/** Items and storage of a registry: what is written is read again, and nothing else is. */
import { beginCell, type Cell, Dictionary } from '@ton/core'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { channelCode } from '../../src/payment-channel/index.ts'
import {
  decodeItem,
  decodeStorage,
  encodeItem,
  encodeStorage,
  type Item,
  itemsInForce,
  mostEntries,
  parseRegistry,
  policyValues,
  RegistryError,
  type RegistryState,
  registers,
  registryAddress,
  registryCode,
  registryInit,
} from '../../src/policy-registry/index.ts'
import { exotic, testAddress, withoutBits, withTrailingBit, withTrailingRef } from '../support/ton.ts'

const owner = testAddress('owner')
const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(value => Buffer.from(value).toString('hex'))
const item: fc.Arbitrary<Item> = fc.oneof(
  fc.record({ kind: fc.constant('measurement' as const), register: fc.constantFrom(...registers), value: hex(48) }),
  fc.record({ kind: fc.constant('image' as const), digest: hex(32) }),
  fc.record({ kind: fc.constant('weights' as const), digest: hex(32) }),
  fc.record({ kind: fc.constant('proxy' as const), payee: fc.string().map(name => testAddress(name)), key: hex(32) }),
)
const said = (value: unknown) =>
  JSON.stringify(value, (_, each) => (typeof each === 'object' && each?.hash instanceof Buffer ? String(each) : each))

describe('an item', () => {
  it('is read as it was written', () => {
    fc.assert(
      fc.property(item, one => {
        expect(said(decodeItem(encodeItem(one)))).toBe(said(one))
      }),
    )
  })

  it('is not read from a cell that is cut, longer, exotic, of another kind, or of a register without a name', () => {
    const cell = encodeItem({ kind: 'measurement', register: 'mr_td', value: 'ab'.repeat(48) })
    const others = [
      withoutBits(cell),
      withTrailingBit(cell),
      withTrailingRef(cell),
      exotic(cell, 'library'),
      beginCell().storeUint(0x4d454154, 32).storeUint(0, 8).storeBuffer(Buffer.alloc(48)).endCell(),
      beginCell().storeUint(0x4d454153, 32).storeUint(registers.length, 8).storeBuffer(Buffer.alloc(48)).endCell(),
    ]
    for (const other of others) expect(decodeItem(other)).toBeUndefined()
  })

  it.each(['', 'ab', 'AB'.repeat(32), 'ab'.repeat(33), 'zz'.repeat(32)])('of the digest “%s” is refused', digest => {
    expect(() => encodeItem({ kind: 'weights', digest })).toThrow(RegistryError)
  })
})

describe('storage', () => {
  const state = fc.record({
    owner: fc.constant(owner),
    delay: fc.integer({ min: 0, max: 2 ** 32 - 1 }),
    next: fc.option(fc.record({ owner: fc.constant(testAddress('heir')), at: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }), {
      nil: undefined,
    }),
    entries: fc.uniqueArray(fc.record({ cell: item.map(encodeItem), activeAt: fc.integer({ min: 0, max: 2 ** 32 - 1 }) }), {
      selector: ({ cell }) => cell.hash().toString('hex'),
      maxLength: 20,
    }),
  })

  it('is read as it was written, whatever the order', () => {
    fc.assert(
      fc.property(state, one => {
        const read = decodeStorage(encodeStorage(one))
        expect(encodeStorage(read).equals(encodeStorage(one))).toBe(true)
        expect(read.entries.length).toBe(one.entries.length)
        expect(itemsInForce(read, 2 ** 32).length).toBe(one.entries.length)
      }),
    )
  })

  const good: RegistryState = { owner, delay: 1, next: undefined, entries: [] }
  const boc = (cell: Cell) => cell.toBoc()

  it('is read from an account that runs a registry’s code, and from no other', () => {
    const { code, data } = registryInit(good)
    expect(parseRegistry(boc(code), boc(data)).delay).toBe(1)
    for (const other of [channelCode, beginCell().endCell(), exotic(registryCode, 'library')])
      expect(() => parseRegistry(boc(other), boc(data))).toThrow(RegistryError)
  })

  it('is refused where it is cut, longer, of two roots, or no cells at all', () => {
    const cell = encodeStorage(good)
    const bad = [withoutBits(cell), withTrailingBit(cell), withTrailingRef(cell), beginCell().endCell()].map(boc)
    for (const data of [...bad, Buffer.alloc(0), Buffer.alloc(100), Buffer.alloc(3 * 1024 * 1024)])
      expect(() => parseRegistry(boc(registryCode), data)).toThrow(RegistryError)
  })

  it('is refused where an entry stands under another key than its hash', () => {
    const map = Dictionary.empty(Dictionary.Keys.BigUint(256), Dictionary.Values.Uint(32)).set(5n, 0)
    const cell = beginCell().storeAddress(owner).storeUint(1, 32).storeMaybeRef(null).storeDict(map).endCell()
    expect(() => decodeStorage(cell)).toThrow(RegistryError)
  })

  it('is refused in little time where few cells make a dictionary of more entries than anybody could read', () => {
    // A tree whose two branches are the same cell: 256 cells, 2^256 leaves.
    let node = beginCell().storeUint(0, 2).storeUint(0, 32).endCell()
    for (let depth = 0; depth < 256; depth++) node = beginCell().storeUint(0, 2).storeRef(node).storeRef(node).endCell()
    const cell = beginCell().storeAddress(owner).storeUint(1, 32).storeMaybeRef(null).storeBit(1).storeRef(node).endCell()
    const begin = performance.now()
    expect(() => decodeStorage(cell)).toThrow(RegistryError)
    expect(performance.now() - begin).toBeLessThan(2_000)
    expect(mostEntries).toBe(4_096)
  })

  it('leads to an address that owner, delay and first entries all decide', () => {
    const cell = encodeItem({ kind: 'image', digest: 'ab'.repeat(32) })
    const addresses = [
      good,
      { ...good, owner: testAddress('other') },
      { ...good, delay: 2 },
      { ...good, entries: [{ cell, activeAt: 0 }] },
      { ...good, entries: [{ cell, activeAt: 1 }] },
    ].map(each => registryAddress(each).toString())
    expect(new Set(addresses).size).toBe(addresses.length)
  })
})

describe('what counts', () => {
  const cell = encodeItem({ kind: 'image', digest: 'ab'.repeat(32) })
  const state: RegistryState = { owner, delay: 1, next: undefined, entries: [{ cell, activeAt: 100 }] }

  it('counts from its time on, and not a second sooner', () => {
    expect(itemsInForce(state, 99)).toEqual([])
    expect(itemsInForce(state, 100)).toEqual([{ kind: 'image', digest: 'ab'.repeat(32) }])
  })

  it('is nothing of a kind that is not known', () => {
    expect(itemsInForce({ ...state, entries: [{ cell: beginCell().storeUint(1, 32).endCell(), activeAt: 0 }] }, 100)).toEqual([])
  })

  it('stands in the member of the policy that asks for it', () => {
    const values = policyValues([
      { kind: 'measurement', register: 'rtmr2', value: '01'.repeat(48) },
      { kind: 'image', digest: '02'.repeat(32) },
      { kind: 'weights', digest: '03'.repeat(32) },
      { kind: 'proxy', payee: owner, key: '04'.repeat(32) },
    ])
    expect(Object.entries(values).filter(([, list]) => list.length > 0)).toEqual([
      ['rtmr2', ['01'.repeat(48)]],
      ['software_images', [`sha256:${'02'.repeat(32)}`]],
      ['weights.digests', [`sha256:${'03'.repeat(32)}`]],
    ])
  })
})
