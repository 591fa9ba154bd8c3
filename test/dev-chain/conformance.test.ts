/**
 * Every method with what it must answer to good parameters and to each bad one: by JSON-RPC, by POST and by GET. The shapes and
 * words are toncenter's.
 */
import { beginCell, Cell, loadMessage } from '@ton/core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { methods } from '../../src/dev-chain/methods/index.ts'
import { testAddress } from '../support/ton.ts'
import { shapes } from './shapes.ts'
import { type Answer, World } from './world.ts'

const world = new World()
const known: Record<string, unknown> = {}
const empty = beginCell().endCell()
const bocText = (cell: Cell) => cell.toBoc().toString('base64')

beforeAll(async () => {
  await (await world.open()).fund()
  const [sent] = await world.client.getTransactions(world.wallet.address, { limit: 1 })
  const out = sent!.outMessages.values()[0]!
  if (out.info.type !== 'internal') throw new Error('not internal')
  const { latestSeqno } = await world.client.getMasterchainInfo()
  const ends = {
    source: world.wallet.address.toString(),
    destination: world.receiver.toString(),
    created_lt: out.info.createdLt.toString(),
  }
  // Its turn comes after the two messages that `sendBoc` and `sendBocReturnHash` send.
  const transfer = loadMessage(Cell.fromBoc(await world.message(3))[0]!.beginParse()).body
  Object.assign(known, {
    address: world.wallet.address.toString(),
    lt: sent!.lt.toString(),
    hash: sent!.hash().toString('hex'),
    seqno: latestSeqno,
    block: { workchain: 0, shard: '-9223372036854775808', seqno: latestSeqno },
    ends,
    boc: (await world.message(1, { to: world.receiver, value: 1n })).toString('base64'),
    boc2: (await world.message(2, { to: world.receiver, value: 1n })).toString('base64'),
    replayed: (await world.message(0, { to: world.receiver, value: 1n })).toString('base64'),
    transfer: bocText(transfer),
  })
  await world.rpc('dev_snapshot', { name: 'known' })
})
afterAll(() => world.close())

type Bad = readonly [what: string, params: unknown, status: number, words: RegExp | string]
interface Row {
  readonly good: () => Record<string, unknown>
  readonly bad: () => readonly Bad[]
}

const account = (name: string) => known[name] as string
const withAddress: Row = {
  good: () => ({ address: account('address') }),
  bad: () => [
    ['no address', {}, 422, /address: Invalid input: expected string/],
    ['an address that is none', { address: 'invalid' }, 422, /address: Failed to parse ton_addr: 'invalid'/],
    ['an address with a wrong checksum', { address: `${account('address').slice(0, -1)}_` }, 422, /Failed to parse ton_addr/],
    ['an address that is a number', { address: 5 }, 422, /address: Invalid input/],
    ['a seqno that is none', { address: account('address'), seqno: 'invalid' }, 422, /seqno: not a whole number/],
    ['seqno 0', { address: account('address'), seqno: 0 }, 422, 'failed to validate request: seqno should be positive'],
    [
      'a block of the future',
      { address: account('address'), seqno: 999_999 },
      500,
      /^LITE_SERVER_NOTREADY: cannot find block .* seqno=999999/,
    ],
    ['a parameter that is not there', { address: account('address'), block: 1 }, 422, /Unrecognized key: "block"/],
  ],
}
const withNothing: Row = { good: () => ({}), bad: () => [['a parameter', { x: 1 }, 422, /Unrecognized key: "x"/]] }
const shards: Row = {
  good: () => ({ seqno: known.seqno }),
  bad: () => [
    ['no seqno', {}, 422, /seqno: Invalid input/],
    ['seqno 0', { seqno: 0 }, 422, /seqno should be positive/],
    ['a fraction', { seqno: 1.5 }, 422, /seqno/],
    ['more than 32 bits', { seqno: 2 ** 31 }, 422, /seqno: out of range/],
    ['a block of the future', { seqno: 999_999 }, 500, /^LITE_SERVER_NOTREADY/],
  ],
}
const block = () => known.block as Record<string, unknown>
const inBlock: Row = {
  good: () => ({ ...block(), count: 10 }),
  bad: () => [
    ['no workchain', { ...block(), workchain: undefined }, 422, /workchain/],
    ['another workchain', { ...block(), workchain: 1 }, 500, /^LITE_SERVER_NOTREADY: there is no shard \(1,8000000000000000\)/],
    ['another shard', { ...block(), shard: '4611686018427387904' }, 500, /there is no shard \(0,4000000000000000\)/],
    ['count 0', { ...block(), count: 0 }, 422, /count should be positive/],
    ['count 10001', { ...block(), count: 10_001 }, 422, /count should be less or equal 10000/],
    ['after_lt alone', { ...block(), after_lt: '1' }, 422, /after_lt and after_hash should be used together/],
    [
      'hashes of another block',
      { ...block(), root_hash: '0'.repeat(64), file_hash: '0'.repeat(64) },
      500,
      /with these hashes is not in db/,
    ],
    ['a hash that is none', { ...block(), root_hash: 'abc' }, 422, /root_hash: invalid hash: 'abc'/],
  ],
}
const ends = () => known.ends as Record<string, string>
const located: Row = {
  good: () => ends(),
  bad: () => [
    ['no source', { ...ends(), source: undefined }, 422, /source/],
    ['a destination that is none', { ...ends(), destination: 'x' }, 422, /destination: Failed to parse ton_addr/],
    ['a negative lt', { ...ends(), created_lt: '-1' }, 422, /created_lt should be non-negative/],
    ['another lt', { ...ends(), created_lt: '1' }, 404, 'transaction was not found'],
    ['the other way round', { ...ends(), source: ends().destination, destination: ends().source }, 404, 'transaction was not found'],
  ],
}
const get = () => ({ address: account('address'), method: 'seqno', stack: [] })
const sendBad = (): Bad[] => [
  ['no boc', {}, 422, /boc: Invalid input/],
  ['an empty boc', { boc: '' }, 422, 'failed to validate request: empty boc'],
  ['what is not base64', { boc: '@@@@' }, 422, /boc: invalid base64/],
  ['no bag of cells', { boc: 'AAAA' }, 500, /failed to parse external message: external message is not a valid bag of cells$/],
  ['a cell that is no message', { boc: bocText(empty) }, 500, /external message is not a \(Message Any\)/],
  [
    'a replayed message',
    { boc: known.replayed },
    500,
    /^LITE_SERVER_UNKNOWN: cannot apply external message .*\nexitcode=133, steps=\d+, gas_used=0\n/s,
  ],
]

const table: Record<keyof typeof shapes, Row> = {
  getAddressInformation: withAddress,
  getExtendedAddressInformation: withAddress,
  getWalletInformation: withAddress,
  getAddressBalance: withAddress,
  getAddressState: withAddress,
  getMasterchainInfo: withNothing,
  getConsensusBlock: withNothing,
  shards,
  getShards: shards,
  lookupBlock: {
    good: () => block(),
    bad: () => [
      ['neither seqno nor lt nor time', { ...block(), seqno: undefined }, 422, /exactly one of seqno, lt, unixtime should be specified/],
      ['both seqno and lt', { ...block(), lt: 5 }, 422, /exactly one of/],
      ['a negative lt', { ...block(), seqno: undefined, lt: -1 }, 422, /lt should be non-negative/],
      ['a time of the future', { ...block(), seqno: undefined, unixtime: 2_000_000_000 }, 500, /^LITE_SERVER_NOTREADY.*utime/],
    ],
  },
  getBlockHeader: { good: () => block(), bad: () => inBlock.bad().filter(([what]) => !/count|after/.test(what)) },
  getBlockTransactions: inBlock,
  getBlockTransactionsExt: inBlock,
  getTransactions: {
    good: () => ({ address: account('address'), limit: 5, lt: known.lt, hash: known.hash, to_lt: 0, archival: true }),
    bad: () => [
      ...withAddress.bad().filter(([what]) => !/seqno|future/.test(what)),
      ['limit 0', { address: account('address'), limit: 0 }, 422, 'failed to validate request: limit should be positive'],
      ['limit 1001', { address: account('address'), limit: 1001 }, 422, 'failed to validate request: limit should be less or equal 1000'],
      ['lt alone', { address: account('address'), lt: known.lt }, 422, 'failed to validate request: lt and hash should be used together'],
      [
        'hash alone',
        { address: account('address'), hash: known.hash },
        422,
        'failed to validate request: lt and hash should be used together',
      ],
      ['a negative lt', { address: account('address'), lt: -1, hash: known.hash }, 422, /lt should be non-negative/],
      [
        'an lt of nobody',
        { address: account('address'), lt: 5, hash: known.hash },
        500,
        /cannot locate transaction in block with specified logical time/,
      ],
      [
        'another hash',
        { address: account('address'), lt: known.lt, hash: '0'.repeat(64) },
        500,
        /^LITE_SERVER_UNKNOWN: transaction hash mismatch/,
      ],
      ['archival as a word', { address: account('address'), archival: 'yes' }, 422, /archival/],
    ],
  },
  tryLocateTx: located,
  tryLocateResultTx: located,
  tryLocateSourceTx: located,
  runGetMethod: {
    good: get,
    bad: () => [
      ['no method', { ...get(), method: undefined }, 422, /method/],
      ['no stack', { ...get(), stack: undefined }, 422, /stack/],
      ['a stack that is a word', { ...get(), stack: 'x' }, 422, /stack/],
      ['an entry of one', { ...get(), stack: [['num']] }, 422, /Expected 2 elements in stack entry, got: 1/],
      ['an entry that is a word', { ...get(), stack: ['num'] }, 422, /a stack entry is a list of two/],
      ['an entry of an unknown type', { ...get(), stack: [['what', 1]] }, 422, /Unsupported stack entry type: what/],
      ['a number that is none', { ...get(), stack: [['num', '1e3']] }, 422, /Invalid number: 1e3/],
      ['a number of 258 bits', { ...get(), stack: [['num', `0x1${'0'.repeat(64)}`]] }, 422, /more than 257 bits/],
      ['a cell that is none', { ...get(), stack: [['tvm.Cell', 'AAAA']] }, 422, /tvm.Cell: cannot deserialize/],
      ['a block of the future', { ...get(), seqno: 999_999 }, 500, /^LITE_SERVER_NOTREADY/],
    ],
  },
  sendBoc: { good: () => ({ boc: known.boc }), bad: sendBad },
  sendBocReturnHash: { good: () => ({ boc: known.boc2 }), bad: sendBad },
  estimateFee: {
    good: () => ({ address: account('address'), body: known.transfer, init_code: '', init_data: '', ignore_chksig: true }),
    bad: () => [
      ['no body', { address: account('address') }, 422, /body/],
      ['a body that is no cell', { address: account('address'), body: 'AAAA' }, 422, /failed to parse body: cannot deserialize/],
      [
        'code without data',
        { address: account('address'), body: known.transfer, init_code: bocText(empty) },
        422,
        /init_code and init_data/,
      ],
      [
        'an account that is not there',
        { address: testAddress('nobody').toString(), body: known.transfer },
        500,
        /Failed to unpack account state$/,
      ],
    ],
  },
  packAddress: { good: () => ({ address: world.wallet.address.toRawString() }), bad: () => withAddress.bad().slice(0, 4) },
  unpackAddress: { good: () => ({ address: account('address') }), bad: () => withAddress.bad().slice(0, 4) },
  detectAddress: {
    good: () => ({ address: account('address') }),
    bad: () => [
      ['no address', {}, 422, /address/],
      ['what is none', { address: 'not_an_address' }, 422, /failed to parse address/],
    ],
  },
  detectHash: {
    good: () => ({ hash: known.hash }),
    bad: () => [
      ['nothing', { hash: '' }, 422, /empty hash/],
      ['too short a hash', { hash: 'ab' }, 422, /invalid hash: 'ab'/],
      ['64 letters that are no digits', { hash: 'z'.repeat(64) }, 422, /invalid hash/],
    ],
  },
  getConfigParam: {
    good: () => ({ config_id: 19 }),
    bad: () => [
      ['no number', {}, 422, /only one of config_id or param should be specified/],
      ['two numbers', { config_id: 19, param: 19 }, 422, /only one of/],
      ['a negative number', { param: -1 }, 422, /param should be non-negative/],
      ['one that is not there', { param: 1_000_000 }, 500, /configuration parameter 1000000 is not there/],
      ['a block of the future', { param: 19, seqno: 999_999 }, 500, /^LITE_SERVER_NOTREADY/],
    ],
  },
  getConfigAll: { good: () => ({}), bad: () => [['a block of the future', { seqno: 999_999 }, 500, /^LITE_SERVER_NOTREADY/]] },
  dev_info: withNothing,
  dev_faucet: {
    good: () => ({ address: account('address'), amount: '1' }),
    bad: () => [
      ['no amount', { address: account('address') }, 422, /amount/],
      ['nothing', { address: account('address'), amount: '0' }, 422, /above zero/],
      ['a negative amount', { address: account('address'), amount: '-1' }, 422, /above zero/],
      ['a fraction', { address: account('address'), amount: '1.5' }, 422, /whole number/],
      ['more than there is', { address: account('address'), amount: '9999999999999999999' }, 422, /more nanoTON than there are/],
    ],
  },
  dev_advanceTime: { good: () => ({ seconds: 1 }), bad: () => [['a negative time', { seconds: -1 }, 422, /seconds/]] },
  dev_setTime: { good: () => ({ time: 1_800_000_000 }), bad: () => [['the past', { time: 1 }, 422, /time cannot go back/]] },
  dev_setClock: { good: () => ({ mode: 'running' }), bad: () => [['another mode', { mode: 'fast' }, 422, /mode/]] },
  dev_mine: { good: () => ({ blocks: 2 }), bad: () => [['no block', { blocks: 0 }, 422, /blocks/]] },
  dev_setBlockInterval: { good: () => ({ interval_ms: 400 }), bad: () => [['a negative one', { interval_ms: -1 }, 422, /interval_ms/]] },
  dev_setDelivery: {
    good: () => ({ min_blocks: 0, max_blocks: 0, shuffle: false, externals: false, seed: 1 }),
    bad: () => [['more at least than at most', { min_blocks: 2, max_blocks: 1 }, 422, /max_blocks is less than min_blocks/]],
  },
  dev_pending: withNothing,
  dev_snapshot: { good: () => ({ name: 'one' }), bad: () => [['a name with a slash', { name: 'a/b' }, 422, /name/]] },
  dev_snapshots: withNothing,
  dev_restore: { good: () => ({ name: 'known' }), bad: () => [['a name of none', { name: 'none' }, 404, /no snapshot is called none/]] },
  dev_setFaults: {
    good: () => ({ rules: [] }),
    bad: () => [
      ['no rules', {}, 422, /rules/],
      ['an unknown fault', { rules: [{ fault: 'gremlin' }] }, 422, /rules\.0/],
      ['a probability of 2', { rules: [{ fault: 'hang', probability: 2 }] }, 422, /probability/],
      ['a status that is no fault', { rules: [{ fault: 'error', status: 200 }] }, 422, /status/],
      ['an endpoint with a slash', { endpoint: 'a/b', rules: [] }, 422, /endpoint/],
    ],
  },
  dev_faults: { good: () => ({}), bad: () => [['an endpoint in capitals', { endpoint: 'B' }, 422, /endpoint/]] },
}

const base = () => world.chain.url.replace('/jsonRPC', '')
async function rest(verb: 'GET' | 'POST', method: string, params: object): Promise<Answer> {
  if (verb === 'POST') return world.post(`${base()}/${method}`, params)
  const values = Object.entries(params).flatMap(([name, value]) => (value === undefined ? [] : [[name, String(value)] as [string, string]]))
  const response = await fetch(`${base()}/${method}?${new URLSearchParams(values)}`)
  return { status: response.status, body: (await response.json()) as Answer['body'] }
}

describe('the table', () => {
  test('names every method, and no other', () => {
    expect(Object.keys(table).toSorted()).toEqual([...methods.keys()].toSorted())
  })
})

describe.each(Object.entries(table).map(([name, row]) => ({ name, row })))('$name', ({ name, row }) => {
  const shape = shapes[name as keyof typeof shapes]
  const changes = /^(send|dev_(faucet|advance|set|mine|snapshot$|restore))/.test(name)

  test('answers a good call in its shape, the same by JSON-RPC, POST and GET', async () => {
    const answer = await world.rpc(name, row.good())
    expect(answer).toMatchObject({ status: 200, body: { ok: true, jsonrpc: '2.0', id: '1', '@extra': expect.any(String) } })
    expect(() => shape.parse(answer.body.result)).not.toThrow()
    if (changes) return
    expect((await rest('POST', name, row.good())).body.result).toEqual(answer.body.result)
    const get = await rest('GET', name, row.good())
    if (methods.get(name)?.postOnly) expect(get).toMatchObject({ status: 405, body: { ok: false, code: 405 } })
    else expect(get.body.result).toEqual(answer.body.result)
  })

  test('refuses each bad call with its status and words, by JSON-RPC and by POST', async () => {
    for (const [what, params, status, words] of row.bad()) {
      const expected = {
        status,
        body: { ok: false, code: status, error: typeof words === 'string' ? words : expect.stringMatching(words) },
      }
      expect(await world.rpc(name, params), what).toMatchObject(expected)
      expect(await rest('POST', name, params as object), what).toMatchObject(expected)
    }
  })
})

describe('the envelope', () => {
  test.each([
    ['a body that is no JSON', 'hello', 422],
    ['a list', '[]', 422],
    ['no method', '{"id":"1"}', 422],
    ['params that are a list', '{"method":"getMasterchainInfo","params":[1]}', 422],
    ['params that are a word', '{"method":"getMasterchainInfo","params":"x"}', 422],
    ['a method that is not there', '{"method":"mine"}', 404],
    ['a method of Object’s', '{"method":"constructor"}', 404],
  ])('%s is an error in it', async (_, body, status) => {
    const response = await fetch(world.chain.url, { method: 'POST', body })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ ok: false, code: status, error: expect.any(String) })
  })

  test('echoes the id of JSON-RPC, and has none in the REST form', async () => {
    const call = async (id: unknown) =>
      (await world.post(world.chain.url, { id, jsonrpc: '2.0', method: 'getMasterchainInfo', params: {} })).body
    expect(await call('abc')).toMatchObject({ id: 'abc', jsonrpc: '2.0' })
    expect(await call(7)).toMatchObject({ id: 7 })
    expect((await rest('GET', 'getMasterchainInfo', {})).body).not.toHaveProperty('jsonrpc')
  })

  test('takes a key in the header or the query, and any parameter more by GET', async () => {
    const response = await fetch(`${base()}/getMasterchainInfo?api_key=x&other=1`, { headers: { 'X-API-Key': 'y' } })
    expect(response.status).toBe(200)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })

  test.each([
    ['GET', '/jsonRPC', 405],
    ['GET', '/nothing', 404],
    ['GET', '/../../UPPER/api/v2/getMasterchainInfo', 404],
    ['DELETE', '/getMasterchainInfo', 404],
    ['POST', '/sendBoc', 422],
  ])('%s %s is refused in it', async (method, path, status) => {
    const response = await fetch(`${base()}${path}`, { method })
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ ok: false, code: status })
  })

  test('a body of more than a mebibyte is refused, and the chain lives', async () => {
    expect((await fetch(world.chain.url, { method: 'POST', body: 'x'.repeat(1024 * 1024 + 1) })).status).toBe(413)
    expect((await world.rpc('dev_info')).status).toBe(200)
  })
})
