/** Answers about money and evidence, which OpenAI does not have: accounts, receipts, channels, attestation, health. */
import { z } from 'zod'
import { base64, count, hex32, named, nanoton, unixSeconds } from './parts.ts'

const address = z.string().min(1).describe('A TON address.')
const keyId = z
  .string()
  .regex(/^key_[0-9a-f]{16}$/)
  .describe('What a key is called where it must not be shown.')

const keyLimits = z.looseObject({
  spend: nanoton.optional(),
  per_day: nanoton.optional(),
  models: z.array(z.string()).optional(),
  expires_at: unixSeconds.optional(),
})

/** `GET /v1/account`. */
export const account = named(
  'Account',
  'The payment channel of the key. Amounts in nanoTON.',
  z.looseObject({
    channel: address,
    status: z.enum(['new', 'open', 'stopped', 'closing', 'closed']).describe('`stopped`: closed by agreement, and not yet on the chain.'),
    deposited: nanoton.describe('What the channel holds on chain.'),
    authorised: nanoton.describe('The ceiling that the payer has signed.'),
    settled: nanoton.describe('What was paid out on chain.'),
    spent: nanoton.describe('What answers have cost, settled or not.'),
    reserved: nanoton.describe('Held for requests that run now.'),
    available: nanoton.describe('What new requests can reserve.'),
    key: z.looseObject({ key_id: keyId, spent: nanoton, limits: keyLimits }).describe('The API key that asks, and what bounds it.'),
  }),
)

/** `GET /v1/receipts/{rid}`. */
export const receipt = named(
  'Receipt',
  'The bytes that a worker has signed for a charge.',
  z.looseObject({ receipt: base64.describe('The payload of the receipt, signature included.'), cost: nanoton }),
)

const terms = named(
  'ChannelTerms',
  'What the address of a channel is derived from.',
  z.looseObject({
    payer: address,
    payee: address,
    challenge_period: count.describe('Seconds.'),
    open_until: unixSeconds,
    salt: z.string().regex(/^(0|[1-9][0-9]{0,19})$/),
  }),
)

/** `POST /v1/channels`. */
export const channelProposal = named(
  'ChannelProposal',
  'Terms for a new channel. Derive the address from them yourself before you pay.',
  z.looseObject({
    terms,
    payer_key: hex32.describe('Ed25519 public key in hex.'),
    payee_key: hex32.describe('Ed25519 public key in hex.'),
    address,
    chain: z.int().describe('Global id of the TON chain.'),
    minimum_deposit: nanoton,
  }),
)

/** `POST /v1/channels/keys`. */
export const keyCreated = named(
  'KeyCreated',
  'A new API key. It is shown this once.',
  z.looseObject({ api_key: z.string().min(1), key_id: keyId, channel: address }),
)

/** `POST /v1/channels/deploy`. */
export const channelDeployment = named(
  'ChannelDeployment',
  'How far the opening of a channel is.',
  z.looseObject({
    channel: address,
    status: z
      .enum(['waiting', 'deploying', 'open'])
      .describe('`waiting` for coins, or `deploying` with them on their way into the contract.'),
    balance: nanoton.describe('What the address holds.'),
    minimum_deposit: nanoton,
  }),
)

/** `POST /v1/channels/command`, by its action. */
export const keyList = named(
  'KeyList',
  'The keys of a channel, and how much its payer has authorised.',
  z.looseObject({
    authorised: nanoton,
    keys: z.array(
      z.looseObject({ key_id: keyId, created_at: unixSeconds, revoked_at: unixSeconds.nullable(), limits: keyLimits, spent: nanoton }),
    ),
  }),
)
export const keyRevoked = named('KeyRevoked', 'A key that has ended.', z.looseObject({ key_id: keyId, revoked_at: unixSeconds }))
export const channelReleased = named(
  'ChannelReleased',
  'Leave to close the channel: the signed Release of the channel contract.',
  z.looseObject({ channel: address, min_settled: nanoton, signature: z.string().regex(/^[0-9a-f]{128}$/) }),
)
export const channelRunning = named(
  'ChannelRunning',
  'The channel is stopped, and so many requests still run: ask again.',
  z.looseObject({ running: z.int().positive() }),
)

/** `GET /v1/account/statement`. */
export const statement = named(
  'Statement',
  'Entries of the account’s statement. Each carries the hash of the one before it; `root` is the hash of the newest.',
  z.looseObject({
    channel: address,
    entries: z.array(
      z.looseObject({
        seq: count,
        rid: z.string(),
        receipt_hash: hex32.describe('SHA-256 of `receipt`.'),
        cost: nanoton,
        spent: nanoton.describe('In all, this entry included.'),
        prev: hex32,
        hash: hex32,
        at: unixSeconds,
        receipt: base64,
        model: z.string(),
        worker: z.string(),
        evidence: hex32.describe('Of the keyset whose worker has signed.'),
      }),
    ),
    root: hex32,
    spent: nanoton,
  }),
)

/** `GET /v1/account/evidence/{digest}`. */
export const accountEvidence = named(
  'AccountEvidence',
  'The keyset that receipts were signed under, and the quote that vouches for it.',
  z.looseObject({ digest: hex32, keyset: base64, quote: base64, at: unixSeconds }),
)

const ofEvidence = {
  version: z.literal(1),
  nonce: hex32.describe('An echo of yours: compare it.'),
  tee: z.looseObject({ type: z.literal('tdx'), quote: base64 }),
}

/** `GET /v1/attestation`: the document is a worker's own, passed on word for word; or the proxy's, with `proxy` in place of `keyset`. */
export const evidence = named(
  'Evidence',
  'Evidence over your nonce. docs/envelope-spec.md says how to check it.',
  z.union([
    z.looseObject({
      ...ofEvidence,
      keyset: base64.describe('The worker’s public keys, models and software, as JSON.'),
      gpu_evidence: z.string().nullable(),
    }),
    z.looseObject({ ...ofEvidence, proxy: base64.describe('The proxy’s keys and software, as JSON.') }),
  ]),
)

/** `GET /healthz`. */
export const alive = named('Alive', 'The process runs.', z.looseObject({ status: z.literal('ok') }))

/** `GET /readyz`, 200 and 503. */
export const ready = named('Ready', 'A request could be served now.', z.looseObject({ status: z.literal('ready') }))
export const notReady = named(
  'NotReady',
  'Why no request could be served now.',
  z.looseObject({ status: z.literal('not ready'), obstacles: z.array(z.string()).min(1) }),
)
