/** The stack of a get-method in toncenter's JSON, both ways. */
import { Cell, parseTuple, type TupleItem } from '@ton/core'
import { DevChainError } from './errors.ts'

/** Arguments as a client sends them: `["num", "0x1f"]`, `["tvm.Cell", boc]`, `["tvm.Slice", boc]`. */
export function readStack(items: unknown): TupleItem[] {
  if (!Array.isArray(items) || items.length > 255) throw new DevChainError('bad-request', 'stack must be a list')
  return items.map(readItem)
}

function readItem(item: unknown): TupleItem {
  const [kind, value] = Array.isArray(item) ? (item as unknown[]) : []
  try {
    if (kind === 'num' && (typeof value === 'string' || typeof value === 'number')) return { type: 'int', value: signed(String(value)) }
    if (kind === 'tvm.Cell' && typeof value === 'string') return { type: 'cell', cell: Cell.fromBase64(value) }
    if (kind === 'tvm.Slice' && typeof value === 'string') return { type: 'slice', cell: Cell.fromBase64(value) }
    if (kind === 'tvm.Builder' && typeof value === 'string') return { type: 'builder', cell: Cell.fromBase64(value) }
    if (kind === 'null') return { type: 'null' }
  } catch (cause) {
    throw new DevChainError('bad-request', 'a stack item cannot be read', { cause })
  }
  throw new DevChainError('bad-request', 'a stack item of an unknown kind')
}

function signed(text: string): bigint {
  return text.startsWith('-') ? -BigInt(text.slice(1)) : BigInt(text)
}

/** The machine's stack as a client reads it. */
export function writeStack(boc: string): unknown[] {
  return parseTuple(Cell.fromBase64(boc)).map(writeItem)
}

function writeItem(item: TupleItem): unknown[] {
  switch (item.type) {
    case 'int':
      return ['num', hex(item.value)]
    case 'cell':
      return ['cell', { bytes: base64(item.cell) }]
    case 'slice':
      return ['slice', { bytes: base64(item.cell) }]
    case 'builder':
      return ['builder', { bytes: base64(item.cell) }]
    case 'tuple':
      return ['tuple', { '@type': 'tvm.tuple', elements: item.items.map(nested) }]
    case 'null':
      return ['null']
    case 'nan':
      return ['num', 'NaN']
  }
}

function nested(item: TupleItem): object {
  switch (item.type) {
    case 'int':
      return { '@type': 'tvm.stackEntryNumber', number: { '@type': 'tvm.numberDecimal', number: item.value.toString() } }
    case 'tuple':
      return { '@type': 'tvm.stackEntryTuple', tuple: { '@type': 'tvm.tuple', elements: item.items.map(nested) } }
    case 'cell':
      return { '@type': 'tvm.stackEntryCell', cell: { '@type': 'tvm.cell', bytes: base64(item.cell) } }
    case 'slice':
      return { '@type': 'tvm.stackEntrySlice', slice: { '@type': 'tvm.slice', bytes: base64(item.cell) } }
    default:
      return { '@type': 'tvm.stackEntryUnsupported' }
  }
}

function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
}

function base64(cell: Cell): string {
  return cell.toBoc().toString('base64')
}
