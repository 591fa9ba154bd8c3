import { CodedError } from '../lib/coded-error.ts'

/**
 * - `bad-request`: terms, key or authorization that this proxy does not accept. **Fix the request**; `param` names the member.
 * - `not-funded`: the channel is not open on the chain, or holds too little. **Top up**, then ask again.
 * - `not-found`: no such channel or key is known here. **Fix the request**.
 * - `busy`: too many channels were opened in the last hour. **Retry** later, or open it from a wallet of your own.
 * - `chain-unavailable`: the chain could not be asked. **Retry**.
 */
export class SettlementError extends CodedError<'bad-request' | 'not-funded' | 'not-found' | 'busy' | 'chain-unavailable'> {
  readonly param: string | undefined

  constructor(code: SettlementError['code'], message: string, options: ErrorOptions & { param?: string } = {}) {
    super(code, message, options)
    this.param = options.param
  }
}
