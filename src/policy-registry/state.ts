/**
 * What a registry is on chain. Cells in, plain data out, no I/O.
 *
 *     registry$_ owner:MsgAddressInt delay:uint32 next:(Maybe ^NextOwner) entries:(HashmapE 256 Entry) = Registry;
 *     next_owner$_ owner:MsgAddressInt at:uint32 = NextOwner;
 *     entry$_ active_at:uint32 item:(remaining bits) = Entry;      // its key: the hash of a cell with nothing but the item
 */
import { type Address, beginCell, Cell, contractAddress, Dictionary, type DictionaryValue, type Slice } from '@ton/core'
import { equalBytes, toHex } from '../lib/bytes.ts'
import { registryCode } from './code.ts'
import { RegistryError } from './errors.ts'
import { decodeItem, type Item } from './items.ts'

/** An item as the registry keeps it. */
export interface Entry {
  readonly cell: Cell
  /** From when on it counts, Unix seconds of the chain. */
  readonly activeAt: number
}

/** A registry's storage. */
export interface RegistryState {
  readonly owner: Address
  /** Seconds from an announcement to its effect. Never changes. */
  readonly delay: number
  /** Who may take the registry over, and from when on (Unix seconds). */
  readonly next: { readonly owner: Address; readonly at: number } | undefined
  /** By the hash of their cells, in the order of the hashes. */
  readonly entries: readonly Entry[]
}

/** A registry of more entries than these is not read: what an endpoint shows could be anything. */
export const mostEntries = 4_096
/** Nor are larger bags of cells. */
export const mostBytes = 2 * 1024 * 1024

/** The storage cell of a registry. What stands in it at birth is part of its address and may count from any time on, 0 included. */
export function encodeStorage({ owner, delay, next, entries }: RegistryState): Cell {
  const map = Dictionary.empty(Dictionary.Keys.BigUint(256), entryValue())
  for (const entry of entries) map.set(BigInt(`0x${toHex(entry.cell.hash())}`), entry)
  return beginCell()
    .storeAddress(owner)
    .storeUint(delay, 32)
    .storeMaybeRef(next && beginCell().storeAddress(next.owner).storeUint(next.at, 32).endCell())
    .storeDict(map)
    .endCell()
}

/** Reads a registry's storage strictly. Throws {@link RegistryError} `not-a-registry`. */
export function decodeStorage(cell: Cell): RegistryState {
  return strictly(() => {
    const slice = cell.beginParse()
    const owner = slice.loadAddress()
    const delay = slice.loadUint(32)
    const next = slice.loadMaybeRef()
    const map = slice.loadDict(Dictionary.Keys.BigUint(256), entryValue())
    slice.endParse()
    const entries = Array.from(map, ([key, entry]) => {
      if (key !== BigInt(`0x${toHex(entry.cell.hash())}`)) throw new RangeError('an entry stands under a key that is not its hash')
      return entry
    })
    return { owner, delay, next: next ? nextOwner(next) : undefined, entries }
  })
}

/** Code and initial storage of a registry. */
export function registryInit(state: Pick<RegistryState, 'owner' | 'delay' | 'entries'>): { code: Cell; data: Cell } {
  return { code: registryCode, data: encodeStorage({ ...state, next: undefined }) }
}

/** The address of a registry that is born so, in the basechain. */
export function registryAddress(state: Pick<RegistryState, 'owner' | 'delay' | 'entries'>): Address {
  return contractAddress(0, registryInit(state))
}

/**
 * What account data say of a registry. The address cannot be derived from it again, since owner and entries change: that this is the
 * storage of the right account is the word of the endpoints. Throws {@link RegistryError} `not-a-registry`.
 */
export function parseRegistry(code: Uint8Array, data: Uint8Array): RegistryState {
  if (code.length > mostBytes || data.length > mostBytes) throw new RegistryError('not-a-registry', 'the account is too large')
  const cells = strictly(() => ({ code: rootOf(code), data: rootOf(data) }))
  if (!equalBytes(cells.code.hash(), registryCode.hash()))
    throw new RegistryError('not-a-registry', 'the account runs other code than a registry’s of this version')
  return decodeStorage(cells.data)
}

/** The items that count at `now` (Unix seconds of the chain), without those of unknown kinds. */
export function itemsInForce({ entries }: RegistryState, now: number): Item[] {
  return entries.flatMap(({ cell, activeAt }) => (activeAt <= now ? (decodeItem(cell) ?? []) : []))
}

function nextOwner(cell: Cell): { owner: Address; at: number } {
  const slice = cell.beginParse()
  const next = { owner: slice.loadAddress(), at: slice.loadUint(32) }
  slice.endParse()
  return next
}

/** Counts what it reads: cells that share their branches make a dictionary without end out of a few bytes. */
function entryValue(): DictionaryValue<Entry> {
  let read = 0
  return {
    serialize: ({ activeAt, cell }, builder) => void builder.storeUint(activeAt, 32).storeSlice(cell.beginParse()),
    parse: (slice: Slice) => {
      read += 1
      if (read > mostEntries) throw new RangeError(`more than ${mostEntries} entries`)
      return { activeAt: slice.loadUint(32), cell: slice.asCell() }
    },
  }
}

function rootOf(boc: Uint8Array): Cell {
  const [root, ...others] = Cell.fromBoc(Buffer.from(boc))
  if (root === undefined || others.length > 0) throw new RangeError('a bag of cells must have one root')
  return root
}

function strictly<T>(parse: () => T): T {
  try {
    return parse()
  } catch (cause) {
    throw new RegistryError('not-a-registry', 'malformed registry storage', { cause })
  }
}
