/** A transfer to the channel: out of a wallet whose key is at hand, or by a person with a wallet app. */
import { formatTon } from '../lib/nanoton.ts'
import type { KeyPair, Transfer } from '../payment-channel/index.ts'
import type { PayersChannel } from './account-file.ts'
import type { Chain } from './chain.ts'
import { ChannelCommandError } from './errors.ts'
import { type PaymentRequest, qrCode, transferLink } from './links.ts'

/** What a person is asked to confirm, and what must be true of the wallet. */
export interface Asked {
  readonly link: string
  readonly lines: readonly string[]
}

/** A link and its QR code for `request`; `from` says which wallet must send it, where that matters. */
export function askFor(request: PaymentRequest, { network }: Pick<PayersChannel, 'network'>, from?: string): Asked {
  const link = transferLink(request, network)
  const what = request.body ? 'Confirm this message' : `Send ${formatTon(request.value)}`
  return { link, lines: [`${what} ${from ? `from the wallet ${from}` : 'from any wallet'}:`, '', link, '', qrCode(link)] }
}

/** Sends out of the wallet of `key`. Throws {@link ChannelCommandError} `key` where only the channel's payer may send this, and the wallet is another. */
export async function sendFrom(
  key: KeyPair,
  chain: Chain,
  transfer: Transfer,
  onlyPayer?: Pick<PayersChannel, 'terms' | 'network'>,
): Promise<void> {
  const wallet = chain.wallet(key)
  if (onlyPayer && !wallet.address.equals(onlyPayer.terms.payer)) {
    const { testOnly } = onlyPayer.network
    const name = (address: typeof wallet.address) => address.toString({ testOnly, bounceable: false })
    throw new ChannelCommandError(
      'key',
      `only the payer of the channel may do this, ${name(onlyPayer.terms.payer)}; the key that was given is of ${name(wallet.address)}`,
    )
  }
  await wallet.send([transfer])
}
