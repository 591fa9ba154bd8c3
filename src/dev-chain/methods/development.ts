/** What only a chain for development can do. None of these meets a fault. */
import { z } from 'zod'
import { DEV_GLOBAL_ID } from '../../lib/dev-global-id.ts'
import { endpointName, faultOrder, mainEndpoint } from '../faults.ts'
import { address } from '../parameters.ts'
import type { ChainView } from '../view.ts'
import { type Method, method } from './method.ts'

const amount = z
  .union([z.string(), z.int().transform(String)])
  .pipe(z.string().regex(/^[1-9][0-9]{0,18}$/, 'must be nanoTON, a whole number above zero in decimal digits'))
  .transform(BigInt)
  .refine(value => value < 2n ** 63n, 'more nanoTON than there are')
const snapshotName = z.string().regex(/^[A-Za-z0-9._-]{1,64}$/, 'a snapshot is called by letters, digits, dot, - and _')
const blocks = z.int().min(0).max(1_000_000)

export const developmentMethods: Record<string, Method> = {
  dev_info: method(z.strictObject({}), ({ view }) => position(view)),

  dev_faucet: method(z.strictObject({ address, amount }), async ({ chain }, { address: to, amount: coins }) => {
    await chain.give(to, coins)
    return { '@type': 'ok' }
  }),

  dev_advanceTime: method(
    z.strictObject({
      seconds: z
        .number()
        .min(0)
        .max(2 ** 31),
    }),
    async ({ chain }, { seconds }) => position(await chain.advanceTime(seconds)),
  ),
  dev_setTime: method(
    z.strictObject({
      time: z
        .int()
        .min(0)
        .max(2 ** 32 - 1),
    }),
    async ({ chain }, { time }) => position(await chain.setTime(time)),
  ),
  dev_setClock: method(z.strictObject({ mode: z.enum(['running', 'frozen']) }), async ({ chain }, { mode }) =>
    position(await chain.setClock(mode)),
  ),

  dev_mine: method(z.strictObject({ blocks: z.int().min(1).max(1_000_000).default(1) }), async ({ chain }, asked) =>
    position(await chain.mine(asked.blocks)),
  ),
  dev_setBlockInterval: method(z.strictObject({ interval_ms: z.int().min(0).max(3_600_000) }), async ({ chain }, asked) =>
    position(await chain.setBlockInterval(asked.interval_ms)),
  ),

  dev_setDelivery: method(
    z
      .strictObject({
        min_blocks: blocks.default(0),
        max_blocks: blocks.optional(),
        shuffle: z.boolean().default(false),
        externals: z.boolean().default(false),
        seed: z
          .int()
          .min(0)
          .max(2 ** 32 - 1)
          .optional(),
      })
      .refine(({ min_blocks: least, max_blocks: most }) => most === undefined || most >= least, 'max_blocks is less than min_blocks'),
    async ({ chain }, { min_blocks: minBlocks, max_blocks: maxBlocks = minBlocks, shuffle, externals, seed }) => {
      await chain.setDelivery({ minBlocks, maxBlocks, shuffle, externals }, seed)
      return { '@type': 'ok' }
    },
  ),
  dev_pending: method(z.strictObject({}), async ({ chain }) =>
    (await chain.waiting()).map(({ due, source, destination, boc }) => ({ due_block: due, source, destination, boc })),
  ),

  dev_snapshot: method(z.strictObject({ name: snapshotName }), async ({ chain }, { name }) => {
    const { seqno, timeMs } = await chain.snapshot(name)
    return { name, seqno, now: Math.floor(timeMs / 1000) }
  }),
  dev_snapshots: method(z.strictObject({}), async ({ chain }) =>
    (await chain.snapshots()).map(({ name, seqno, timeMs }) => ({ name, seqno, now: Math.floor(timeMs / 1000) })),
  ),
  dev_restore: method(z.strictObject({ name: snapshotName }), async ({ chain }, { name }) => position(await chain.restore(name))),

  dev_setFaults: method(
    faultOrder,
    ({ faults }, { endpoint, rules, seed }) => {
      faults.set(endpoint, rules, seed)
      return { '@type': 'ok' }
    },
    { postOnly: true },
  ),
  dev_faults: method(z.strictObject({ endpoint: endpointName.default(mainEndpoint) }), ({ faults }, { endpoint }) => faults.list(endpoint)),
}

function position(view: ChainView): object {
  return { global_id: DEV_GLOBAL_ID, seqno: view.seqno, now: view.utime }
}
