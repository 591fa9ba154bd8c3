/** What can go wrong in the `registry` command, for the person who typed it. */
import { CodedError } from '../lib/coded-error.ts'

/**
 * - `item`: an item, a hash or an address that is none. Fix the flag.
 * - `key`: the key that was given is not the owner's. Give the owner's, or none, to get a link.
 * - `state`: the registry is not in a state in which this can be done. The message says what can.
 */
export type RegistryCommandErrorCode = 'item' | 'key' | 'state'

/** The error of this command; see {@link RegistryCommandErrorCode}. */
export class RegistryCommandError extends CodedError<RegistryCommandErrorCode> {}
