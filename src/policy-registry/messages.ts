/**
 * What is sent to a registry.
 *
 *     announce#52414e31 query_id:uint64 item:^Cell = InMsg;              // owner; counts after the delay
 *     remove#52524d31 query_id:uint64 hash:uint256 = InMsg;              // owner; at once
 *     announce_owner#524f5731 query_id:uint64 owner:MsgAddressInt = InMsg;   // owner; the present one, to take it back
 *     take_ownership#52544f31 query_id:uint64 = InMsg;                   // the announced owner, after the delay
 */
import { type Address, type Builder, beginCell, type Cell } from '@ton/core'

/** Asks that `item` count once the delay is over. */
export function announceBody(item: Cell, queryId = 0n): Cell {
  return body(0x52414e31, queryId).storeRef(item).endCell()
}

/** Removes the item whose cell hashes to `hash`, 32 bytes, whether it counts already or not. */
export function removeBody(hash: Uint8Array, queryId = 0n): Cell {
  return body(0x52524d31, queryId).storeBuffer(Buffer.from(hash)).endCell()
}

/** Names who may take the registry over once the delay is over. */
export function announceOwnerBody(owner: Address, queryId = 0n): Cell {
  return body(0x524f5731, queryId).storeAddress(owner).endCell()
}

/** Takes the registry over. */
export function takeOwnershipBody(queryId = 0n): Cell {
  return body(0x52544f31, queryId).endCell()
}

function body(opcode: number, queryId: bigint): Builder {
  return beginCell().storeUint(opcode, 32).storeUint(queryId, 64)
}
