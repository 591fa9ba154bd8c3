/**
 * Mutants that no test can kill, because they are the contract: by their name, with the reason. `npm run mutants` ends with 1 where one
 * is killed or no longer made.
 */
const unread = 'as many bits are read, and nobody looks at their value'
const noWayBack =
  'it fails only where what is left does not cover the fee of the way there; the way back costs as much, and gets less: the message’s own part'

export const equivalents: Readonly<Record<string, string>> = {
  'Claim: root: uint256 → root: int256': unread,
  'SettleBody: opAndQueryId: uint96 → opAndQueryId: int96': unread,
  'CloseReleasedBody: opAndQueryId: uint96 → opAndQueryId: int96': unread,
  'PlainBody: opAndQueryId: uint96 → opAndQueryId: int96': unread,
  'Terms: challengePeriod: uint32 → challengePeriod: int32': 'read only in a channel that opened, where it is 30 days at most',
  'Terms: payer: address → payer: any_address':
    'read only in a channel that opened, where it is an `addr_std` of 267 bits, which both types read alike; a refund reads it for itself',
  'close: value: 0, → value: 1,': 'mode 128 puts the whole balance in the place of any value',
  // To the payee, in the basechain since the channel opened.
  'settle: SEND_MODE_CARRY_ALL_REMAINING_MESSAGE_VALUE → SEND_MODE_CARRY_ALL_REMAINING_MESSAGE_VALUE + SEND_MODE_BOUNCE_ON_ACTION_FAIL':
    noWayBack,
  // Until open_until only a channel that opened can close, so its payer is in the basechain. Later, one in the masterchain kills the other.
  'close: SEND_MODE_CARRY_ALL_BALANCE → SEND_MODE_CARRY_ALL_BALANCE + SEND_MODE_BOUNCE_ON_ACTION_FAIL (2)': noWayBack,
}
