/** What each operation costs under today's mainnet prices. `gas.json` is the record: a figure may fall, never rise. */
import { readFileSync } from 'node:fs'
import { beginCell, type Cell, comment } from '@ton/core'
import { beforeAll, describe, expect, it } from 'vitest'
import {
  channelCode,
  closeByPayeeBody,
  closeReleasedBody,
  depositBody,
  finishCloseBody,
  signRelease,
  startCloseBody,
} from '../../src/payment-channel/index.ts'
import { type Effect, Lab, openUntil, payee, payeeKey, payer, period, ton } from './lab.ts'

interface Cost {
  readonly gas: number
  /** The whole transaction's fees in nanoTON. */
  readonly fees: number
}

const recorded: Record<string, Cost> = JSON.parse(readFileSync(new URL('gas.json', import.meta.url), 'utf8'))

// What an independent implementation needs.
const limits: Record<string, number> = {
  'open, empty': 4_864,
  'open, comment': 4_864,
  'open, deposit': 4_864,
  'top-up, empty': 4_502,
  'top-up, comment': 5_105,
  'top-up, deposit': 5_105,
  settle: 6_735,
  start_close: 5_622,
  close_by_payee: 5_160,
  close_released: 6_283,
  finish_close: 6_044,
  'finish_close, free': 6_044,
}

async function measure(): Promise<Record<string, Effect>> {
  const lab = await Lab.create()
  const measured: Record<string, Effect> = {}
  measured['open, empty'] = await (await Lab.create()).send(beginCell().endCell(), { value: ton(3) })
  measured['open, comment'] = await (await Lab.create()).send(comment('for tokens'), { value: ton(3) })
  measured['open, deposit'] = await lab.send(depositBody(), { value: ton(3) })
  measured['top-up, empty'] = await lab.send(beginCell().endCell(), { value: ton(1) })
  measured['top-up, comment'] = await lab.send(comment('for tokens'), { value: ton(1) })
  measured['top-up, deposit'] = await lab.send(depositBody(), { value: ton(1) })
  measured.settle = await lab.send(lab.settlement(1, 2))
  measured.start_close = await lab.send(startCloseBody(), { from: payer })
  lab.now += period
  measured.finish_close = await lab.send(finishCloseBody())
  lab.now = openUntil + 1
  measured['finish_close, free'] = await lab.send(finishCloseBody())
  measured.close_by_payee = await (await Lab.open()).send(closeByPayeeBody(), { from: payee })
  const released = await Lab.open()
  const release = { ...released.reference, minSettled: ton(0) }
  measured.close_released = await released.send(closeReleasedBody(release, signRelease(payeeKey.privateKey, release)))
  return measured
}

describe('the gas of', () => {
  let measured: Record<string, Effect>
  beforeAll(async () => {
    measured = await measure()
    const costs = Object.fromEntries(Object.entries(measured).map(([name, { gas, fees }]) => [name, { gas, fees: Number(fees) }]))
    // To record anew: copy this into gas.json, and say in the commit why.
    if (JSON.stringify(costs) !== JSON.stringify(recorded)) console.log(`measured: ${JSON.stringify(costs, null, 2)}`)
  })

  it('every operation is on record', () => {
    expect(Object.keys(recorded).sort()).toEqual(Object.keys(limits).sort())
  })

  it.each(Object.keys(limits))('%s does not rise', name => {
    const { exitCode, actionCode, gas, fees } = measured[name]!
    expect({ exitCode, actionCode }).toEqual({ exitCode: 0, actionCode: 0 })
    expect(gas).toBeLessThanOrEqual(limits[name]!)
    expect(gas).toBeLessThanOrEqual(recorded[name]!.gas)
    expect(Number(fees)).toBeLessThanOrEqual(recorded[name]!.fees)
  })

  it('the code fits in as many cells as before', () => {
    expect(cellsOf(channelCode).size).toBeLessThanOrEqual(20)
  })
})

function cellsOf(cell: Cell, seen = new Set<string>()): Set<string> {
  seen.add(cell.hash().toString('hex'))
  for (const ref of cell.refs) cellsOf(ref, seen)
  return seen
}
