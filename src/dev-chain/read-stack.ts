/** A get-method's arguments, from toncenter's JSON. */
import type { Cell, TupleItem } from '@ton/core'
import { bytes, invalid, readCell } from './parameters.ts'

const mostItems = 255
/** Nesting that toncenter still takes. */
const mostDepth = 100

/**
 * Arguments as a client sends them: `["num", "0x1f"]`, `["tvm.Cell", boc]`, `["tvm.Slice", boc]`, `["tuple", {elements}]`.
 * Throws `bad-request`.
 */
export function readStack(items: readonly unknown[]): TupleItem[] {
  if (items.length > mostItems) throw invalid(`more than ${mostItems} stack entries`)
  return items.map(readItem)
}

function readItem(item: unknown): TupleItem {
  if (!Array.isArray(item)) throw invalid('a stack entry is a list of two: type and value')
  if (item.length !== 2) throw invalid(`Expected 2 elements in stack entry, got: ${item.length}`)
  const [kind, value] = item as unknown[]
  switch (kind) {
    case 'num':
    case 'int':
    case 'number':
    case 'integer':
      return { type: 'int', value: readNumber(value) }
    case 'tvm.Cell':
      return { type: 'cell', cell: readBoc(value, 'tvm.Cell') }
    case 'tvm.Slice':
      return { type: 'slice', cell: readBoc(value, 'tvm.Slice') }
    case 'tvm.Builder':
      return { type: 'builder', cell: readBoc(value, 'tvm.Builder') }
    case 'cell':
      return { type: 'cell', cell: readBoc(memberOf(value, 'bytes'), 'cell') }
    case 'slice':
      return { type: 'slice', cell: readBoc(memberOf(value, 'bytes'), 'slice') }
    case 'tuple':
    case 'tvm.Tuple':
      return readTuple(memberOf(value, 'elements'), 0)
    case 'list':
    case 'tvm.List':
      return readList(memberOf(value, 'elements'), 0)
    default:
      throw invalid(`Unsupported stack entry type: ${String(kind).slice(0, 32)}`)
  }
}

function readNested(entry: unknown, depth: number): TupleItem {
  if (depth > mostDepth) throw invalid(`a stack entry is nested more than ${mostDepth} deep`)
  switch (memberOf(entry, '@type')) {
    case 'tvm.stackEntryNumber':
      return { type: 'int', value: readNumber(memberOf(memberOf(entry, 'number'), 'number')) }
    case 'tvm.stackEntryCell':
      return { type: 'cell', cell: readBoc(memberOf(memberOf(entry, 'cell'), 'bytes'), 'cell') }
    case 'tvm.stackEntrySlice':
      return { type: 'slice', cell: readBoc(memberOf(memberOf(entry, 'slice'), 'bytes'), 'slice') }
    case 'tvm.stackEntryTuple':
      return readTuple(memberOf(memberOf(entry, 'tuple'), 'elements'), depth)
    case 'tvm.stackEntryList':
      return readList(memberOf(memberOf(entry, 'list'), 'elements'), depth)
    default:
      throw invalid('a nested stack entry of an unknown type')
  }
}

function readTuple(elements: unknown, depth: number): TupleItem {
  if (!Array.isArray(elements) || elements.length > mostItems) throw invalid(`a tuple holds a list of up to ${mostItems} elements`)
  return { type: 'tuple', items: elements.map(entry => readNested(entry, depth + 1)) }
}

// A list is null, or a pair of its first element and the list of the others.
function readList(elements: unknown, depth: number): TupleItem {
  if (!Array.isArray(elements) || elements.length > mostItems) throw invalid(`a list holds up to ${mostItems} elements`)
  return elements.reduceRight<TupleItem>((rest, entry) => ({ type: 'tuple', items: [readNested(entry, depth + 1), rest] }), {
    type: 'null',
  })
}

function readNumber(value: unknown): bigint {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return BigInt(value)
  const [, sign, digits] = (typeof value === 'string' && value.length <= 80 && /^(-?)(0x[0-9a-fA-F]+|[0-9]+)$/.exec(value)) || []
  if (digits === undefined) throw invalid(`Invalid number: ${String(value).slice(0, 80)}`)
  const number = sign === '-' ? -BigInt(digits) : BigInt(digits)
  if (number < -(1n << 256n) || number >= 1n << 256n) throw invalid('a number of more than 257 bits')
  return number
}

function readBoc(value: unknown, kind: string): Cell {
  const boc = bytes.safeParse(value)
  if (!boc.success || boc.data.length === 0) throw invalid(`Invalid ${kind}, base64 string expected`)
  return readCell(boc.data, kind)
}

function memberOf(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Object.entries(value).find(([key]) => key === name)?.[1] : undefined
}
