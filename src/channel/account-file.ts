/**
 * The account file: which channel, with which proxy, on which chain. It holds no secret, but without the terms in it nobody can
 * derive the channel's address again, so it is written before any coin is sent and never over another. Whatever reads it derives
 * the address again from code, keys and terms.
 */
import { readFile, writeFile } from 'node:fs/promises'
import { Address } from '@ton/core'
import { z } from 'zod'
import { messageOf } from '../lib/coded-error.ts'
import { type ChannelIdentity, channelAddress, type Terms } from '../payment-channel/index.ts'
import { ChannelCommandError } from './errors.ts'
import { type Network, networkNames, networks } from './networks.ts'

const hex32 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lowercase hex digits')
const seconds = z.int().min(0).max(0xffff_ffff)

/** Terms as they travel in JSON. */
export const wireTerms = z.strictObject({
  payer: z.string().max(100),
  payee: z.string().max(100),
  challenge_period: seconds,
  open_until: seconds,
  salt: z.string().regex(/^[0-9]{1,20}$/, 'must be decimal digits'),
})
export type WireTerms = z.output<typeof wireTerms>

const accountFile = z.strictObject({
  version: z.literal(1),
  network: z.enum(networkNames),
  chain: z.array(z.url({ protocol: /^https?$/ })).min(1),
  proxy: z.url({ protocol: /^https?$/ }),
  terms: wireTerms,
  payer_key: hex32,
  payee_key: hex32,
  address: z.string().max(100),
})
export type AccountFile = z.output<typeof accountFile>

/** A channel as this command sees it. */
export interface PayersChannel extends ChannelIdentity {
  readonly network: Network
  /** JSON-RPC endpoints, which must agree. */
  readonly endpoints: readonly string[]
  /** Origin of the proxy's API. */
  readonly proxy: string
  readonly address: Address
  readonly wire: WireTerms
}

/** Reads an account file. Throws {@link ChannelCommandError} `account-file`. */
export async function readAccountFile(file: string): Promise<PayersChannel> {
  const fail = (why: string, cause?: unknown) => new ChannelCommandError('account-file', `${file}: ${why}`, { cause })
  let value: unknown
  try {
    value = JSON.parse(await readFile(file, 'utf8'))
  } catch (cause) {
    throw fail(`cannot be read (${messageOf(cause)}); \`chrysalis channel open\` makes one, --file names another`, cause)
  }
  const parsed = accountFile.safeParse(value)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw fail(`'${issue?.path.join('.') ?? ''}': ${issue?.message}`)
  }
  try {
    return toChannel(parsed.data)
  } catch (cause) {
    throw fail(messageOf(cause), cause)
  }
}

/** Makes the account file of a channel that was just proposed. Throws {@link ChannelCommandError} `account-file` where the file is there already. */
export async function writeAccountFile(file: string, account: AccountFile): Promise<PayersChannel> {
  const channel = toChannel(account)
  try {
    await writeFile(file, `${JSON.stringify(account, null, 2)}\n`, { flag: 'wx', mode: 0o600, flush: true })
  } catch (cause) {
    const there = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST'
    const why = there ? 'is there already and tells of a channel: name another file with --file' : `cannot be written: ${messageOf(cause)}`
    throw new ChannelCommandError('account-file', `${file} ${why}`, { cause })
  }
  return channel
}

/** Terms out of JSON. Throws what `@ton/core` throws for an address that is none. */
export function termsOf(wire: WireTerms): Terms {
  return {
    payer: Address.parse(wire.payer),
    payee: Address.parse(wire.payee),
    challengePeriod: wire.challenge_period,
    openUntil: wire.open_until,
    salt: BigInt(wire.salt),
  }
}

function toChannel(account: AccountFile): PayersChannel {
  const terms = termsOf(account.terms)
  const payerKey = Buffer.from(account.payer_key, 'hex')
  const payeeKey = Buffer.from(account.payee_key, 'hex')
  const address = channelAddress(terms, payerKey, payeeKey)
  if (!address.equals(Address.parse(account.address)))
    throw new RangeError('keys and terms lead to another address than the one that stands beside them')
  const { network, chain: endpoints, proxy, terms: wire } = account
  return { network: networks[network], endpoints, proxy, address, wire, terms, payerKey, payeeKey }
}
