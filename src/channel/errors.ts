/** What can go wrong in the `channel` command, for the person who typed it. */
import { CodedError } from '../lib/coded-error.ts'

/**
 * - `account-file`: the account file is missing, malformed, or leads to another address. Fix the file.
 * - `key`: a key is missing, malformed, readable by others, or not the one of this channel. Fix the file or the variable.
 * - `proxy`: the proxy cannot be reached, or refused. The message says what it said.
 * - `proposal`: the proxy proposed what no payer should accept. Stop: security event.
 * - `evidence`: the proxy does not prove that the key it charges with is kept by an enclave. Stop, or say that you trust its operator.
 * - `chain`: the endpoints cannot be reached, or do not agree. Retry, or name others.
 * - `state`: the channel is not in a state in which this can be done. The message says what can.
 * - `audit`: the statement is not what was signed. Stop: security event; keep the output.
 */
export type ChannelCommandErrorCode = 'account-file' | 'key' | 'proxy' | 'proposal' | 'evidence' | 'chain' | 'state' | 'audit'

/** The error of this command; see {@link ChannelCommandErrorCode}. */
export class ChannelCommandError extends CodedError<ChannelCommandErrorCode> {}
