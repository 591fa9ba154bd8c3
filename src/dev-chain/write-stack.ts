/** The stack that a get-method leaves, in toncenter's JSON. */
import { Cell, parseTuple, type TupleItem } from '@ton/core'
import { cellBytes } from './cell-bytes.ts'
import { DevChainError } from './errors.ts'

/** Nesting that toncenter still answers. */
const mostDepth = 100
/** Of a cell's tree, no more than so many cells are written out: shared cells make trees of any size. */
const mostCells = 1_000

/** The machine's stack (the BOC of its tuple, base64) as a client reads it. Throws {@link DevChainError} `too-deep`. */
export function writeStack(boc: string): unknown[] {
  let items: TupleItem[]
  try {
    items = parseTuple(Cell.fromBase64(boc))
  } catch (cause) {
    if (cause instanceof RangeError) throw new DevChainError('too-deep', `Result stack depth >= ${mostDepth}`, { cause })
    // @ton/core reads neither continuations nor other things that only the machine holds.
    throw new DevChainError('bad-request', 'the get-method leaves something on the stack that cannot be written', { cause })
  }
  return items.map(writeItem)
}

function writeItem(item: TupleItem): unknown[] {
  switch (item.type) {
    case 'int':
      return ['num', hex(item.value)]
    case 'cell':
    case 'slice':
      return ['cell', { bytes: base64(item.cell), ...written(item.cell) }]
    case 'tuple':
    case 'null': {
      const list = listOf(item)
      return list
        ? ['list', { '@type': 'tvm.list', elements: list.map(entry => writeNested(entry, 1)) }]
        : ['tuple', { '@type': 'tvm.tuple', elements: itemsOf(item).map(entry => writeNested(entry, 1)) }]
    }
    default:
      return ['unsupported', '']
  }
}

function writeNested(item: TupleItem, depth: number): object {
  if (depth >= mostDepth) throw new DevChainError('too-deep', `Result stack depth >= ${mostDepth}`)
  switch (item.type) {
    case 'int':
      return { '@type': 'tvm.stackEntryNumber', number: { '@type': 'tvm.numberDecimal', number: item.value.toString() } }
    case 'cell':
      return { '@type': 'tvm.stackEntryCell', cell: { '@type': 'tvm.cell', bytes: base64(item.cell) } }
    case 'slice':
      return { '@type': 'tvm.stackEntrySlice', slice: { '@type': 'tvm.slice', bytes: base64(item.cell) } }
    case 'tuple':
    case 'null': {
      const list = listOf(item)
      const elements = (list ?? itemsOf(item)).map(entry => writeNested(entry, depth + 1))
      return list
        ? { '@type': 'tvm.stackEntryList', list: { '@type': 'tvm.list', elements } }
        : { '@type': 'tvm.stackEntryTuple', tuple: { '@type': 'tvm.tuple', elements } }
    }
    default:
      return { '@type': 'tvm.stackEntryUnsupported' }
  }
}

function itemsOf(item: TupleItem): TupleItem[] {
  return item.type === 'tuple' ? item.items : []
}

/** The elements where `item` is a list as TVM programs make them; `undefined` where it is another tuple. */
function listOf(item: TupleItem): TupleItem[] | undefined {
  const elements: TupleItem[] = []
  let rest: TupleItem | undefined = item
  while (rest?.type === 'tuple' && rest.items.length === 2) {
    elements.push(rest.items[0]!)
    rest = rest.items[1]
  }
  return rest?.type === 'null' ? elements : undefined
}

// A cell's whole tree, as toncenter adds it; left out where it is too large.
function written(cell: Cell): { object?: object } {
  let left = mostCells
  const write = (at: Cell): object | undefined => {
    if (left-- <= 0) return undefined
    const refs: object[] = []
    for (const ref of at.refs) {
      const child = write(ref)
      if (!child) return undefined
      refs.push(child)
    }
    return { data: { b64: cellBytes(at).toString('base64'), len: at.bits.length }, refs, special: at.isExotic }
  }
  const object = write(cell)
  return object ? { object } : {}
}

function hex(value: bigint): string {
  return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`
}

function base64(cell: Cell): string {
  return cell.toBoc().toString('base64')
}
