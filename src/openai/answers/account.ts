/** Answers about money and evidence, which OpenAI does not have: accounts, receipts, channels, attestation, health. */
import { z } from 'zod'
import { base64, count, hex32, named, nanoton, unixSeconds } from './parts.ts'

const address = z.string().min(1).describe('A TON address.')

/** `GET /v1/account`. */
export const account = named(
  'Account',
  'The payment channel of the key. Amounts in nanoTON.',
  z.looseObject({
    channel: address,
    deposited: nanoton.describe('What the channel holds on chain.'),
    authorised: nanoton.describe('The ceiling that the payer has signed.'),
    settled: nanoton.describe('What was paid out on chain.'),
    spent: nanoton.describe('What answers have cost, settled or not.'),
    reserved: nanoton.describe('Held for requests that run now.'),
    available: nanoton.describe('What new requests can reserve.'),
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
  z.looseObject({ api_key: z.string().min(1), channel: address }),
)

/** `GET /v1/attestation`: the document is a worker's own, passed on word for word. */
export const evidence = named(
  'Evidence',
  'A worker’s evidence over your nonce. docs/envelope-spec.md says how to check it.',
  z.looseObject({
    version: z.literal(1),
    nonce: hex32.describe('An echo of yours: compare it.'),
    keyset: base64.describe('The worker’s public keys, models and software, as JSON.'),
    gpu_evidence: z.string().nullable(),
    tee: z.looseObject({ type: z.literal('tdx'), quote: base64 }),
  }),
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
