/**
 * Who can charge? Whoever holds the payee key, up to the ceiling. In a proxy that runs in an enclave that is the attested meter
 * alone; in any other it is the proxy's operator, which a payer must have said in so many words to accept.
 */
import { ChannelCommandError } from './errors.ts'

export interface OperatorTrust {
  /** The payer trusts the operator with what the ceiling allows. */
  readonly trustOperator: boolean
}

/** What is known about the holder of the payee key, in words. Throws {@link ChannelCommandError} `evidence` where nothing is, and that was not accepted. */
export function proveOperator({ trustOperator }: OperatorTrust): string {
  if (trustOperator) return 'held by the operator of the proxy, who could charge up to each ceiling you sign (--trust-operator)'
  throw new ChannelCommandError(
    'evidence',
    'nothing proves that an enclave keeps the key that charges this channel: whoever runs the proxy could charge up to each ceiling that you sign, ' +
      'for nothing. If you trust them that far, say --trust-operator',
  )
}
