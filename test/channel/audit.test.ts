/** An audit: a statement as an honest proxy keeps it, and each way in which a dishonest one could change it. */
import { sign } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { encodeKeyset } from '../../src/attestation/index.ts'
import { type PayersChannel, readAccountFile } from '../../src/channel/account-file.ts'
import { audit } from '../../src/channel/audit.ts'
import { DEV_GLOBAL_ID } from '../../src/dev-chain/index.ts'
import { keyId, type Receipt } from '../../src/envelope/index.ts'
import { signStatement } from '../../src/envelope/receipt.ts'
import { emptyRoot, entryHash } from '../../src/ledger/index.ts'
import { sha256 } from '../../src/lib/bytes.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { keyPairOf, loadKey, signAuthorization, signClaim } from '../../src/payment-channel/index.ts'
import { Payer } from './support/payer.ts'

const worker = keyPairOf(Buffer.alloc(32, 3))
const thief = keyPairOf(Buffer.alloc(32, 4))
const keysetOf = (key: typeof worker) =>
  encodeKeyset({
    worker: 'worker-1',
    not_after: 1_800_000_000_000,
    hpke: [{ kid: keyId(worker.publicKey).toString('hex'), kem: 32, public_key: worker.publicKey.toString('base64') }],
    receipt: { kid: keyId(key.publicKey).toString('hex'), public_key: key.publicKey.toString('base64') },
    models: [],
    software: { image_digest: `sha256:${'00'.repeat(32)}`, version: '1' },
  })
const keyset = keysetOf(worker)
const digest = sha256(keyset).toString('hex')

let payer: Payer
let channel: PayersChannel
let good: Record<string, unknown>[]

function receiptOf(rid: string, cost: bigint, change: Partial<Receipt> = {}, key = worker): Buffer {
  const receipt: Receipt = {
    ...{ rid, worker: 'worker-1', keyset: digest, model: 'm', weights: null, channel: channel.address.toString(), cost: cost.toString() },
    ...{ ctx: 'aa'.repeat(32), request: 'bb'.repeat(32), transcript: 'cc'.repeat(32), finish: 'stop', started: 1, ended: 2 },
    usage: { prompt: 1, cached: 0, completion: 1, reasoning: 0 },
    ...change,
  }
  return signStatement(receipt, { sign: bytes => sign(null, bytes, key.privateKey) })
}

interface Edits {
  readonly receipt?: (rid: string, cost: bigint) => Buffer
}

/** Entries that hang together, for these costs. */
function entriesOf(costs: readonly bigint[], { receipt = receiptOf }: Edits = {}): Record<string, unknown>[] {
  let [prev, spent] = [emptyRoot, 0n]
  return costs.map((cost, index) => {
    const seq = index + 1
    const rid = Buffer.alloc(16, seq).toString('base64url')
    const bytes = receipt(rid, cost)
    spent += cost
    const hash = entryHash({ seq, rid, receiptHash: sha256(bytes), cost, spent, prev })
    const entry = {
      ...{ seq, rid, receipt_hash: sha256(bytes).toString('hex'), cost: cost.toString(), spent: spent.toString() },
      ...{ prev: prev.toString('hex'), hash: hash.toString('hex'), receipt: bytes.toString('base64'), evidence: digest },
    }
    prev = hash
    return entry
  })
}

/** Brings a claim to the chain, as the proxy does. */
async function settle(amount: bigint, root: string): Promise<void> {
  const reference = { chain: DEV_GLOBAL_ID, channel: channel.address }
  const ceiling = nanoton(1_000_000_000n)
  const payerKey = await loadKey(payer.keyFile)
  await payer.run(async world => {
    const chain = world.openChain(channel.endpoints, channel.network)
    const claim = { amount: nanoton(amount), root: Buffer.from(root, 'hex') }
    const [result] = await chain.settler(chain.wallet(payer.chain.key)).settle([
      {
        channel: channel.address,
        authorization: { ceiling, signature: signAuthorization(payerKey.privateKey, { ...reference, ceiling }) },
        claim: { ...claim, signature: signClaim(payer.desk.payeeKey.privateKey, { ...reference, ...claim }) },
      },
    ])
    expect(result?.outcome).toBe('settled')
  })
}

const costs = [100n, 0n, 250n, 7n, 43n]

beforeAll(async () => {
  payer = await Payer.create()
  payer.env = { CHRYSALIS_API_KEY: 'sk-chrysalis-mine' }
  await payer.opened()
  channel = await readAccountFile(payer.file)
  good = entriesOf(costs)
  await settle(100n, String(good[1]!.hash))
  await settle(357n, String(good[3]!.hash))
})
afterAll(() => payer?.close())
beforeEach(() => {
  payer.desk.statement = structuredClone(good)
  payer.desk.channel = channel.address.toString()
  payer.desk.keysets = new Map([[digest, keyset]])
  payer.desk.edit = {}
})

const run = () => payer.run(world => audit({ file: payer.file }, world))
const failure = () => payer.failure(world => audit({ file: payer.file }, world))

describe('an audit', () => {
  test('of an honest statement says what was spent, and which claims stand on the chain', async () => {
    const { json, lines } = await run()
    expect(json).toMatchObject({ entries: 5, spent: '400', settled: '357', root: good[4]!.hash })
    expect(json.claims).toMatchObject([{ amount: '357' }, { amount: '100' }])
    expect(lines.join('\n')).toContain('unclaimed   0.000000043 TON')
  })

  test('of a stream that broke takes the worker’s last checkpoint in place of a receipt', async () => {
    payer.desk.statement = [
      ...good,
      entriesOf([...costs, 5n], { receipt: (rid, cost) => receiptOf(rid, cost, cost === 5n ? { finish: null } : {}) })[5]!,
    ]
    expect((await run()).json).toMatchObject({ entries: 6, spent: '405' })
  })

  test('asks for an API key', async () => {
    payer.env = {}
    expect(await failure()).toMatchObject({ code: 'key' })
    payer.env = { CHRYSALIS_API_KEY: 'sk-chrysalis-mine' }
  })

  const entry = (index: number, change: Record<string, unknown>) => () => {
    Object.assign(payer.desk.statement[index]!, change)
  }
  test.each<[string, () => void, RegExp]>([
    ['an entry is left out', () => void payer.desk.statement.splice(2, 1), /entry 4 .* comes after entry 2/],
    ['an entry comes twice', () => void payer.desk.statement.splice(2, 0, payer.desk.statement[1]!), /comes after/],
    ['the first is left out', () => void payer.desk.statement.shift(), /comes after entry 0/],
    ['a cost is changed', entry(2, { cost: '251' }), /does not add up/],
    ['a sum is changed', entry(2, { spent: '351' }), /does not add up/],
    ['a cost and its sum are changed', entry(2, { cost: '251', spent: '351' }), /does not hash to what it says/],
    ['an entry carries another hash of the one before', entry(2, { prev: '11'.repeat(32) }), /hash of the entry before/],
    ['an entry is of another request', entry(2, { rid: Buffer.alloc(16, 77).toString('base64url') }), /does not hash/],
    ['a receipt is another', entry(2, { receipt: Buffer.from('no receipt').toString('base64') }), /is not the one that was charged/],
    ['the keyset is another', () => void payer.desk.keysets.set(digest, keysetOf(thief)), /has another hash/],
    [
      'the API key is of another channel',
      () => {
        payer.desk.channel = payer.desk.payee.toString()
      },
      /is of another channel/,
    ],
    [
      'the sum in the end is another',
      () => {
        payer.desk.edit['/v1/account/statement'] = page => ({ ...page, spent: '401' })
      },
      /401 nanoTON were spent, its entries come to 400/,
    ],
    [
      'the root in the end is another',
      () => {
        payer.desk.edit['/v1/account/statement'] = page => ({ ...page, root: '11'.repeat(32) })
      },
      /or to another hash/,
    ],
    [
      'the statement is shorter than what was settled',
      () => void payer.desk.statement.splice(3),
      /settled on the chain, but the statement spends/,
    ],
    [
      'another history is shown than was claimed',
      () => {
        payer.desk.statement = entriesOf([300n, 100n])
      },
      /over an amount that the statement never stood at/,
    ],
    [
      'another history of the same sums is shown than was claimed',
      () => {
        payer.desk.statement = entriesOf([100n, 250n, 7n, 43n])
      },
      /names another statement than the one that is shown now/,
    ],
  ])('fails where %s', async (_, change, why) => {
    change()
    expect(await failure()).toMatchObject({ code: 'audit', message: expect.stringMatching(why) })
  })

  test.each<[string, (rid: string, cost: bigint) => Buffer, RegExp]>([
    ['signed by somebody else', (rid, cost) => receiptOf(rid, cost, {}, thief), /signature/],
    ['of another keyset', (rid, cost) => receiptOf(rid, cost, { keyset: 'dd'.repeat(32) }), /another keyset/],
    ['of another request', (_, cost) => receiptOf(Buffer.alloc(16, 99).toString('base64url'), cost), /another request/],
    ['of another channel', (rid, cost) => receiptOf(rid, cost, { channel: `0:${'ab'.repeat(32)}` }), /another channel/],
    ['of no channel', (rid, cost) => receiptOf(rid, cost, { channel: 'nowhere' }), /another channel/],
    ['over less', (rid, cost) => receiptOf(rid, cost - 1n), /is over 99 nanoTON, not 100/],
    ['cut off', (rid, cost) => receiptOf(rid, cost).subarray(0, -1), /not well formed/],
  ])('fails where a receipt is %s, however well its entry hangs together', async (_, receipt, why) => {
    payer.desk.statement = entriesOf([100n], { receipt })
    expect(await failure()).toMatchObject({ code: 'audit', message: expect.stringMatching(why) })
  })
})
