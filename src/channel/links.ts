/** What a wallet app opens: a transfer as a link, and the link as a QR code for the terminal. */
import type { Address, Cell } from '@ton/core'
import { renderUnicodeCompact } from 'uqr'
import type { Nanoton } from '../lib/nanoton.ts'
import type { Network } from './networks.ts'

/** A transfer that a person confirms in a wallet. */
export interface PaymentRequest {
  readonly to: Address
  readonly value: Nanoton
  /** What goes with it; without one it is a plain transfer, as any wallet or exchange can send it. */
  readonly body?: Cell
}

/** `ton://transfer/…` as wallets read it. Without a body the address is non-bounceable: nothing answers there before the channel opens. */
export function transferLink({ to, value, body }: PaymentRequest, { testOnly }: Network): string {
  const address = to.toString({ bounceable: body !== undefined, testOnly })
  const query = new URLSearchParams({ amount: value.toString(), ...(body && { bin: body.toBoc().toString('base64url') }) })
  return `ton://transfer/${address}?${query}`
}

/** A QR code of `text`, two modules to a character, for a terminal of light on dark. */
export function qrCode(text: string): string {
  return renderUnicodeCompact(text, { ecc: 'L', border: 2 })
}
