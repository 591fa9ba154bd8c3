/** Mutants that no test can kill, because they are the contract: by their name, with the reason. `npm run mutants` ends with 1 where one is killed or no longer made. */
const unread = 'as many bits are read, and nobody looks at their value'

export const equivalents: Readonly<Record<string, string>> = {
  'Claim: root: uint256 → root: int256': unread,
  'SettleBody: opAndQueryId: uint96 → opAndQueryId: int96': unread,
  'CloseReleasedBody: opAndQueryId: uint96 → opAndQueryId: int96': unread,
  'PlainBody: opAndQueryId: uint96 → opAndQueryId: int96': unread,
  'Terms: challengePeriod: uint32 → challengePeriod: int32': 'read only in a channel that opened, where it is 30 days at most',
}
