/**
 * Who can charge? Whoever holds the payee key, up to the ceiling. In a proxy that runs in an enclave that is the attested meter
 * alone; in any other it is the proxy's operator, which a payer must have said in so many words to accept. A registry may say besides
 * which proxies it knows, whoever holds their keys.
 */
import { randomBytes } from 'node:crypto'
import { Address } from '@ton/core'
import { CollateralClient, collateralFor, type Policy } from '../attestation/index.ts'
import { toHex } from '../lib/bytes.ts'
import { messageOf } from '../lib/coded-error.ts'
import { itemsInForce } from '../policy-registry/index.ts'
import { HeldInputs } from '../verify/held-inputs.ts'
import type { Judged } from '../verify/judge.ts'
import { judgeProxyEvidence } from '../verify/proxy-evidence.ts'
import type { Chain } from './chain.ts'
import { ChannelCommandError } from './errors.ts'
import type { World } from './world.ts'

export interface OperatorTrust {
  /** The payer trusts the operator with what the ceiling allows. */
  readonly trustOperator: boolean
  /** File of the policy that says what may hold the key. */
  readonly policy?: string
  /** A registry on the chain that must list the proxy, its payee and its key. */
  readonly registry?: string
  /** Where collateral comes from, in place of Intel's own service. */
  readonly pccs?: string
  /** File of a root of trust other than Intel's: development only. */
  readonly root?: string
}

/** Whom the proxy proposed to pay, and by which key. */
export interface ProposedPayee {
  readonly proxy: string
  readonly chain: number
  /** Raw address. */
  readonly payee: string
  /** Hex. */
  readonly payeeKey: string
}

/**
 * Checks that the registry lists this payee with this key, where the payer named one. Throws {@link ChannelCommandError} `evidence` where it does
 * not, and `chain` where it cannot be read.
 */
export async function requireRegistered(
  { registry }: OperatorTrust,
  { payee, payeeKey }: ProposedPayee,
  chain: Pick<Chain, 'registry'>,
): Promise<void> {
  if (registry === undefined) return
  const { state, seenAt } = await chain.registry(parseRegistry(registry))
  const known = itemsInForce(state, seenAt).some(
    item => item.kind === 'proxy' && item.payee.toRawString() === payee && item.key === payeeKey,
  )
  if (!known)
    throw new ChannelCommandError(
      'evidence',
      `the registry ${registry} does not list a proxy that is paid at ${payee} and charges with the key ${payeeKey}: it is another than you think, or was removed`,
    )
}

function parseRegistry(text: string): Address {
  try {
    return Address.parse(text)
  } catch (cause) {
    throw new ChannelCommandError('evidence', `--registry: ${text} is no TON address`, { cause })
  }
}

const intelPcs = 'https://api.trustedservices.intel.com'
const mostBytes = 2 * 1024 * 1024
const timeoutMs = 30_000

/**
 * What is known about the holder of the payee key, in words. Throws {@link ChannelCommandError} `evidence` where the proxy does not prove that an
 * enclave which the policy accepts holds it, and the payer did not say that its operator will do.
 */
export async function proveOperator(trust: OperatorTrust, proposed: ProposedPayee, world: World): Promise<string> {
  if (trust.trustOperator) return 'held by the operator of the proxy, who could charge up to each ceiling you sign (--trust-operator)'
  if (trust.policy === undefined)
    throw refuse('no --policy says which software may hold the key that charges this channel, so that a genuine enclave could run anything')
  const held = new HeldInputs()
  const [policy, root] = [await held.policy(trust.policy), await held.root(trust.root)]
  const collateral = new CollateralClient({ baseUrl: trust.pccs ?? intelPcs, fetch: world.fetch, root, clock: world.clock })
  const nonce = randomBytes(32)
  const judged = await judgeProxyEvidence({
    document: await ask(proposed.proxy, nonce, world),
    nonce,
    collateral: quote => {
      const { fmspc, ca } = collateralFor(quote)
      return collateral.get(fmspc, ca)
    },
    at: world.clock.now(),
    policy: policy as Policy,
  })
  requireBound(judged, proposed)
  return `held by an enclave that ${trust.policy} accepts${trust.root === undefined ? '' : `, under the root ${trust.root}, which is not Intel’s`}`
}

function requireBound(judged: Judged, { chain, payee, payeeKey }: ProposedPayee): void {
  const { verdict } = judged
  if (!verdict.verified) throw refuse(`its evidence is not verified: ${verdict.message} (${verdict.code})`)
  if (verdict.policy?.accepted !== true) throw refuse(`the policy refuses its enclave: ${verdict.policy?.reasons.join('; ')}`)
  const statement = judged.facts && judged.statement
  if (statement?.payee_key !== payeeKey) throw refuse('its enclave vouches for another key than the one that would charge this channel')
  if (statement.payee !== payee || statement.chain !== chain)
    throw refuse('its enclave vouches for another payee than the one that this channel would pay')
}

async function ask(proxy: string, nonce: Buffer, { fetch }: World): Promise<Buffer> {
  const url = new URL(`/v1/attestation?nonce=${toHex(nonce)}`, proxy)
  let response: Response
  let document: Buffer
  try {
    response = await fetch(url, { redirect: 'error', signal: AbortSignal.timeout(timeoutMs) })
    document = await readBounded(response)
  } catch (cause) {
    throw refuse(`it cannot be asked for evidence (${messageOf(cause)})`, cause)
  }
  if (response.status === 404) throw refuse('it runs in no enclave')
  if (!response.ok) throw refuse(`it answers ${response.status} where evidence is asked for`)
  return document
}

async function readBounded({ body }: Response): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body ?? []) {
    size += piece.length
    if (size > mostBytes) throw new RangeError('an answer without end')
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function refuse(why: string, cause?: unknown): ChannelCommandError {
  return new ChannelCommandError(
    'evidence',
    `the proxy does not prove who can charge this channel: ${why}. Whoever runs it could charge up to each ceiling that you sign, for nothing. ` +
      'If you trust them that far, say --trust-operator',
    { cause },
  )
}
