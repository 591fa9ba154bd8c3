/** The costs that the contract's page names are the recorded ones. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

it('the page names the gas and the fees on record', () => {
  const page = readFileSync(new URL('../../docs/channel-contract.md', import.meta.url), 'utf8')
  const recorded: Record<string, { gas: number; fees: number }> = JSON.parse(readFileSync(new URL('gas.json', import.meta.url), 'utf8'))
  const rows = page.matchAll(/^\| ([^|]+?) +\| (\d+) +\| (\d+) +\|$/gm)
  const named = Object.fromEntries(Array.from(rows, ([, name, gas, fees]) => [name, { gas: Number(gas), fees: Number(fees) }]))
  expect(named).toEqual(recorded)
})
