/** The registry, as its rules read: a state and a message in, the next state or an exit code out. Written without looking at the code. */
import type { Address, Cell, Slice } from '@ton/core'
import type { Entry, RegistryState } from '../../../src/policy-registry/index.ts'

export interface Arrival {
  readonly from: Address
  readonly body: Cell
  /** Unix seconds. */
  readonly now: number
}

/** What must come of a message: `excesses` says that the rest of its value goes back with these words. */
export type Expected =
  | { readonly exitCode: 0; readonly state: RegistryState; readonly excesses: bigint | undefined }
  | { readonly exitCode: number; readonly state?: never }

const refused = (exitCode: number): Expected => ({ exitCode })
const unknown = 65535
const opcodes = [0x52414e31, 0x52524d31, 0x524f5731, 0x52544f31]

/** What comes of `arrival`. */
export function expectedOf(state: RegistryState, { from, body, now }: Arrival): Expected {
  const slice = body.beginParse(true)
  if (slice.remainingBits < 32) {
    const empty = slice.remainingBits === 0 && slice.remainingRefs === 0
    // Missing bits read as zeros: fewer than 32 that are all zero are a comment cut short.
    return empty ? { exitCode: 0, state, excesses: undefined } : refused(unknown)
  }
  const opcode = slice.loadUint(32)
  if (opcode === 0) return { exitCode: 0, state, excesses: undefined }
  if (!opcodes.includes(opcode)) return refused(unknown)
  const owners = opcode !== 0x52544f31
  if (owners && !from.equals(state.owner)) return refused(101)
  const queryId = slice.remainingBits >= 64 ? slice.loadUintBig(64) : undefined
  if (queryId === undefined) return refused(9)
  const next = owners ? changed(opcode, state, slice, now) : taken(state, slice, from, now)
  return typeof next === 'number' ? refused(next) : { exitCode: 0, state: next, excesses: queryId }
}

function changed(opcode: number, state: RegistryState, slice: Slice, now: number): RegistryState | number {
  if (opcode === 0x52414e31) {
    if (slice.remainingRefs !== 1 || slice.remainingBits !== 0) return 9
    return announced(state, slice.loadRef(), now)
  }
  if (opcode === 0x52524d31) {
    if (slice.remainingRefs !== 0 || slice.remainingBits !== 256) return 9
    const hash = slice.loadBuffer(32)
    const entries = state.entries.filter(({ cell }) => !cell.hash().equals(hash))
    return entries.length === state.entries.length ? 112 : { ...state, entries }
  }
  if (slice.remainingRefs !== 0 || slice.remainingBits !== 267 || slice.preloadUint(3) !== 0b100) return 9
  return { ...state, next: { owner: slice.loadAddress(), at: now + state.delay } }
}

function announced(state: RegistryState, cell: Cell, now: number): RegistryState | number {
  if (cell.isExotic) return 9
  if (cell.refs.length > 0) return 110
  if (state.entries.some(entry => entry.cell.equals(cell))) return 111
  const entry: Entry = { cell, activeAt: now + state.delay }
  return { ...state, entries: [...state.entries, entry] }
}

function taken(state: RegistryState, slice: Slice, from: Address, now: number): RegistryState | number {
  if (slice.remainingBits !== 0 || slice.remainingRefs !== 0) return 9
  const { next } = state
  if (!next || !from.equals(next.owner)) return 101
  return now < next.at ? 102 : { ...state, owner: from, next: undefined }
}

/** Entries in the order in which a dictionary has them. */
export function inOrder(state: RegistryState): RegistryState {
  const entries = [...state.entries].sort((a, b) => Buffer.compare(a.cell.hash(), b.cell.hash()))
  return { ...state, entries }
}
