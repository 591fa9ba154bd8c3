/**
 * What a registry lists. The contract does not read items, and who reads them ignores the kinds it does not know, so that new kinds
 * need no new contract: an item that is not understood allows nothing.
 *
 *     measurement#4d454153 register:uint8 value:bits384 = Item;
 *     image#494d4147 digest:bits256 = Item;             // of the software beside the engine, as in a keyset
 *     weights#57474854 digest:bits256 = Item;           // of a model file
 *     proxy#50525859 payee:MsgAddressInt key:bits256 = Item;
 */
import { type Address, beginCell, type Cell, type Slice } from '@ton/core'
import { fromHex, toHex } from '../lib/bytes.ts'
import { RegistryError } from './errors.ts'

/** Registers of a TD, each at the number that its items name; the names are the policy's. Only ever added to. */
export const registers = [
  'mr_td',
  'rtmr0',
  'rtmr1',
  'rtmr2',
  'rtmr3',
  'mr_seam',
  'mr_signer_seam',
  'mr_config_id',
  'mr_owner',
  'mr_owner_config',
] as const

export type Register = (typeof registers)[number]

/** Values are lowercase hex: 48 bytes of a register, 32 of a digest or a raw Ed25519 key. */
export type Item =
  | { readonly kind: 'measurement'; readonly register: Register; readonly value: string }
  | { readonly kind: 'image'; readonly digest: string }
  | { readonly kind: 'weights'; readonly digest: string }
  | { readonly kind: 'proxy'; readonly payee: Address; readonly key: string }

const tags = { measurement: 0x4d454153, image: 0x494d4147, weights: 0x57474854, proxy: 0x50525859 } as const

/** The cell of an item; its hash is what the item is removed by. Throws {@link RegistryError} `bad-item`. */
export function encodeItem(item: Item): Cell {
  const cell = beginCell().storeUint(tags[item.kind], 32)
  if (item.kind === 'measurement') return cell.storeUint(registers.indexOf(item.register), 8).storeBuffer(bytesOf(item.value, 48)).endCell()
  if (item.kind === 'proxy') return cell.storeAddress(item.payee).storeBuffer(bytesOf(item.key, 32)).endCell()
  return cell.storeBuffer(bytesOf(item.digest, 32)).endCell()
}

/** Reads an item; undefined for one of a kind, or in a form, that is not known here. */
export function decodeItem(cell: Cell): Item | undefined {
  try {
    const slice = cell.beginParse()
    const item = itemOf(slice)
    slice.endParse()
    return item
  } catch {
    return undefined
  }
}

function itemOf(slice: Slice): Item | undefined {
  const tag = slice.loadUint(32)
  if (tag === tags.measurement) {
    const register = registers[slice.loadUint(8)]
    return register && { kind: 'measurement', register, value: toHex(slice.loadBuffer(48)) }
  }
  if (tag === tags.image) return { kind: 'image', digest: toHex(slice.loadBuffer(32)) }
  if (tag === tags.weights) return { kind: 'weights', digest: toHex(slice.loadBuffer(32)) }
  if (tag === tags.proxy) return { kind: 'proxy', payee: slice.loadAddress(), key: toHex(slice.loadBuffer(32)) }
  return undefined
}

function bytesOf(hex: string, size: number): Buffer {
  if (!/^(?:[0-9a-f]{2})*$/.test(hex) || hex.length !== size * 2)
    throw new RegistryError('bad-item', `${hex.slice(0, 130)} is not ${size} bytes in lowercase hex`)
  return fromHex(hex, size)
}
