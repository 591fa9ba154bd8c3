/** The registry contract on the real TVM: every message of everybody does what the model of its rules says, to the nanoTON. */
import fc from 'fast-check'
import { beforeAll, describe, expect, it } from 'vitest'
import { announceBody, announceOwnerBody, removeBody, takeOwnershipBody } from '../../../src/policy-registry/index.ts'
import { createMachine, type Machine } from '../machine.ts'
import gasOnRecord from './gas.json' with { type: 'json' }
import { delay, heir, Life, owner, reread, start } from './life.ts'
import { liveThrough, steps } from './random.ts'
import { item, scripts } from './scripts.ts'

let machine: Machine
beforeAll(async () => {
  machine = await createMachine()
})
const begin = (birth = {}) => Life.begin(machine, birth)

describe('a registry', () => {
  it.each(Object.entries(scripts))('%s', async (_, script) => {
    await script(begin, machine)
  })

  it('keeps an item with the time from which on it counts', async () => {
    const life = await begin()
    await life.send(announceBody(item(1)))
    const { owner: kept, entries, ...rest } = reread(life)
    expect(kept.equals(owner)).toBe(true)
    expect(rest).toEqual({ delay, next: undefined })
    expect(entries.map(({ cell, activeAt }) => [cell.equals(item(1)), activeAt])).toEqual([[true, start + delay]])
    await life.send(announceOwnerBody(heir))
    expect(reread(life).next).toMatchObject({ at: start + delay })
    expect(reread(life).next!.owner.equals(heir)).toBe(true)
  })

  it('refuses by the number that its rules give', async () => {
    const life = await begin()
    const exit = async (body: Parameters<Life['send']>[0], from = owner) => (await life.send(body, { from })).exitCode
    expect(await exit(announceBody(item(1)), heir)).toBe(101)
    expect(await exit(announceBody(item(1)))).toBe(0)
    expect(await exit(announceBody(item(1)))).toBe(111)
    expect(await exit(removeBody(item(2).hash()))).toBe(112)
    expect(await exit(takeOwnershipBody(), heir)).toBe(101)
    expect(await exit(announceOwnerBody(heir))).toBe(0)
    expect(await exit(takeOwnershipBody(), heir)).toBe(102)
  })

  it('takes nothing from outside', async () => {
    const life = await begin()
    for (const body of [announceBody(item(1)), takeOwnershipBody()]) expect(await life.account.acceptsExternal(body, life.now)).toBe(false)
  })

  it('keeps its rules over any life', async () => {
    await fc.assert(
      fc.asyncProperty(steps(30), async all => liveThrough(await begin(), all)),
      { numRuns: 40, seed: 6 },
    )
  }, 30_000)
})

describe('gas', () => {
  it('does not rise', async () => {
    const life = await begin({ entries: Array.from({ length: 100 }, (_, index) => ({ cell: item(100 + index), activeAt: 0 })) })
    const cost = async (body: Parameters<Life['send']>[0], from = owner) => {
      const { gas, fees } = await life.send(body, { from })
      return { gas, fees: Number(fees.gas + fees.forward) }
    }
    const measured: Record<string, { gas: number; fees: number }> = {
      'announce the 101st': await cost(announceBody(item(1))),
      'remove one of 101': await cost(removeBody(item(1).hash())),
      announce_owner: await cost(announceOwnerBody(heir)),
    }
    life.now += delay
    measured.take_ownership = await cost(takeOwnershipBody(), heir)
    const recorded: Readonly<Record<string, { gas: number; fees: number }>> = gasOnRecord
    // To record anew: copy this into gas.json, and say in the commit why.
    if (JSON.stringify(measured) !== JSON.stringify(recorded)) console.log(`measured: ${JSON.stringify(measured, null, 2)}`)
    expect(Object.keys(measured)).toEqual(Object.keys(recorded))
    for (const [name, { gas, fees }] of Object.entries(measured)) {
      expect(gas, name).toBeLessThanOrEqual(recorded[name]!.gas)
      expect(fees, name).toBeLessThanOrEqual(recorded[name]!.fees)
    }
  })
})
