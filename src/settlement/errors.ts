import { CodedError } from '../lib/coded-error.ts'

/**
 * - `bad-request`: terms, key or authorization that this proxy does not accept. **Fix the request**; `param` names the member.
 * - `not-funded`: the channel is not open on the chain, or holds too little. **Top up**, then ask again.
 * - `chain-unavailable`: the chain could not be asked. **Retry**.
 */
export class SettlementError extends CodedError<'bad-request' | 'not-funded' | 'chain-unavailable'> {
  readonly param: string | undefined

  constructor(code: SettlementError['code'], message: string, options: ErrorOptions & { param?: string } = {}) {
    super(code, message, options)
    this.param = options.param
  }
}
