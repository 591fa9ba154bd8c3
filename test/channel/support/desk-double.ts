/** A proxy's account desk within a test: it answers like a real one, unless a test has it answer otherwise. */
import { Address } from '@ton/core'
import type { WireTerms } from '../../../src/channel/account-file.ts'
import { termsOf } from '../../../src/channel/account-file.ts'
import { DEV_GLOBAL_ID } from '../../../src/dev-chain/index.ts'
import { nanoton } from '../../../src/lib/nanoton.ts'
import {
  type CommandAction,
  channelAddress,
  keyPairOf,
  signRelease,
  verifyAuthorization,
  verifyCommand,
} from '../../../src/payment-channel/index.ts'
import { testAddress } from '../../support/ton.ts'

export interface Asked {
  readonly path: string
  readonly body: Record<string, unknown>
}

interface KeyBody {
  readonly terms: WireTerms
  readonly payer_key: string
  readonly ceiling: string
  readonly signature: string
}

interface CommandBody {
  readonly channel: string
  readonly action: CommandAction
  readonly argument: string
  readonly at: number
  readonly signature: string
}

interface KnownChannel {
  readonly payerKey: Buffer
  authorised: bigint
}

export class DeskDouble {
  readonly payee = testAddress('payee')
  readonly payeeKey = keyPairOf(Buffer.alloc(32, 9))
  readonly asked: Asked[] = []
  /** How many requests still run when a close is asked for; each asking lets one end. */
  running = 0
  minSettled = 0n
  /** What is changed in the answer of a path. */
  edit: Record<string, (answer: Record<string, unknown>) => unknown> = {}
  /** Called when the proxy is asked to open an address that has coins. */
  onDeploy: ((terms: WireTerms, payerKey: Buffer) => Promise<{ status: string; balance: string }>) | undefined
  /** Entries of the statement, two to a page. */
  statement: Record<string, unknown>[] = []
  keysets = new Map<string, Buffer>()
  channel = ''
  readonly #channels = new Map<string, KnownChannel>()
  readonly #now: () => number

  constructor(now: () => number) {
    this.#now = now
  }

  readonly fetch: typeof fetch = async (input, init) => {
    const { pathname, search } = new URL(String(input))
    const body = init?.body ? (JSON.parse(String(init.body)) as Record<string, unknown>) : {}
    this.asked.push({ path: pathname, body })
    try {
      const answer = await this.#answer(pathname, search, body)
      const edited = this.edit[pathname]?.(answer) ?? answer
      return edited instanceof Response ? edited : Response.json(edited)
    } catch (error) {
      const status = error instanceof Refusal ? error.status : 400
      return Response.json(
        { error: { message: String((error as Error).message), type: 'invalid_request_error', param: null, code: null } },
        { status },
      )
    }
  }

  async #answer(path: string, search: string, body: Record<string, unknown>): Promise<Record<string, unknown>> {
    if (path === '/v1/channels') return this.#propose(body as { payer: string; payer_key: string })
    if (path === '/v1/channels/deploy') return this.#deploy(body as { terms: WireTerms; payer_key: string })
    if (path === '/v1/channels/keys') return this.#createKey(body as unknown as KeyBody)
    if (path === '/v1/channels/command') return this.#command(body as unknown as CommandBody)
    if (path === '/v1/account/statement') return this.#statementPage(Number(new URLSearchParams(search).get('after')))
    const keyset = this.keysets.get(path.replace('/v1/account/evidence/', ''))
    if (keyset) return { digest: path.slice(-64), keyset: keyset.toString('base64'), quote: '', at: 0 }
    throw new Refusal(404, `there is no ${path}${search}`)
  }

  #propose({ payer, payer_key }: { payer: string; payer_key: string }): Record<string, unknown> {
    const terms: WireTerms = {
      payer,
      payee: this.payee.toString(),
      challenge_period: 86_400,
      open_until: this.#now() + 86_400,
      salt: '42',
    }
    const address = channelAddress(termsOf(terms), Buffer.from(payer_key, 'hex'), this.payeeKey.publicKey)
    return {
      terms,
      payer_key,
      payee_key: this.payeeKey.publicKey.toString('hex'),
      address: address.toString(),
      chain: DEV_GLOBAL_ID,
      minimum_deposit: '200000000',
    }
  }

  async #deploy({ terms, payer_key }: { terms: WireTerms; payer_key: string }): Promise<Record<string, unknown>> {
    const { status, balance } = (await this.onDeploy?.(terms, Buffer.from(payer_key, 'hex'))) ?? { status: 'waiting', balance: '0' }
    return { status, balance, minimum_deposit: '200000000' }
  }

  #statementPage(after: number): Record<string, unknown> {
    const last = this.statement.at(-1)
    return {
      channel: this.channel,
      entries: this.statement.slice(after, after + 2),
      root: last?.hash ?? '00'.repeat(32),
      spent: last?.spent ?? '0',
    }
  }

  #createKey(body: KeyBody): Record<string, unknown> {
    const payerKey = Buffer.from(body.payer_key, 'hex')
    const channel = channelAddress(termsOf(body.terms), payerKey, this.payeeKey.publicKey)
    const ceiling = nanoton(BigInt(body.ceiling))
    verifyAuthorization(payerKey, { chain: DEV_GLOBAL_ID, channel, ceiling }, Buffer.from(body.signature, 'hex'))
    const known = this.#channels.get(channel.toRawString())
    if (known && ceiling <= known.authorised) throw new Refusal(400, `the ceiling must be above ${known.authorised} nanoTON`)
    this.#channels.set(channel.toRawString(), { payerKey, authorised: ceiling })
    return { api_key: 'sk-chrysalis-of-the-first-kind', key_id: 'key_1', channel: channel.toString() }
  }

  #command(body: CommandBody): Record<string, unknown> {
    const channel = Address.parse(body.channel)
    const known = this.#channels.get(channel.toRawString())
    if (!known) throw new Refusal(404, 'there is no such channel')
    const { action, argument, at } = body
    verifyCommand(known.payerKey, { chain: DEV_GLOBAL_ID, channel, action, argument, at }, Buffer.from(body.signature, 'hex'), this.#now())
    if (action === 'keys')
      return {
        authorised: known.authorised.toString(),
        keys: [{ key_id: 'key_1', created_at: 1_790_000_000, revoked_at: null, limits: { spend: '5' }, spent: '3' }],
      }
    if (action === 'new-key') return { api_key: 'sk-chrysalis-of-another-kind', key_id: 'key_2' }
    if (action === 'revoke-key') return { key_id: argument, revoked_at: 1_790_000_007 }
    if (this.running > 0) return { running: this.running-- }
    const release = { chain: DEV_GLOBAL_ID, channel, minSettled: nanoton(this.minSettled) }
    return { min_settled: this.minSettled.toString(), signature: signRelease(this.payeeKey.privateKey, release).toString('hex') }
  }
}

class Refusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}
