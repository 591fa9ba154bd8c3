/**
 * What a 402 asks for, for programs: the header `payment-required` in the form of x402 version 2 (base64 of JSON). x402 has no scheme
 * on TON, so the scheme is one of our own, which no client takes for another.
 */
import type { Shortfall } from '../ledger/index.ts'
import { smaller } from '../lib/nanoton.ts'

/** How long the same payment would do: prices do not change by the minute. */
const maxTimeoutSeconds = 3_600

/** The header for a request to `url` that its channel, on the chain with the global id `chainId`, does not cover. */
export function paymentRequired(shortfall: Shortfall, url: string, chainId: number): string {
  const { channel, required, deposited, ceiling, spent, reserved } = shortfall
  // Bare numbers: together they may be more than there are coins.
  const taken: bigint = spent + reserved
  const needed = taken + required
  const amounts: Record<string, bigint> = {
    // To be signed for, whatever was signed before, and what of it a request can have now.
    ceiling: needed,
    available: atLeastZero(smaller(ceiling, deposited) - taken),
    ...{ required, deposited, authorised: ceiling, spent, reserved },
  }
  const requirements = {
    x402Version: 2,
    error: 'insufficient_quota',
    resource: { url },
    accepts: [
      {
        scheme: 'chrysalis-channel',
        network: `tvm:${chainId}`,
        asset: 'TON',
        amount: atLeastZero(needed - deposited).toString(),
        payTo: channel,
        maxTimeoutSeconds,
        extra: Object.fromEntries(Object.entries(amounts).map(([name, amount]) => [name, amount.toString()])),
      },
    ],
  }
  return Buffer.from(JSON.stringify(requirements)).toString('base64')
}

function atLeastZero(amount: bigint): bigint {
  return amount > 0n ? amount : 0n
}
