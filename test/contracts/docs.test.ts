/** The costs that the contracts' pages name are the recorded ones. */
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8')

it.each([
  ['../../docs/channel-contract.md', 'gas.json'],
  ['../../docs/registry.md', 'registry/gas.json'],
])('%s names the gas and the fees on record', (page, record) => {
  const recorded: Record<string, { gas: number; fees: number }> = JSON.parse(read(record))
  const rows = read(page).matchAll(/^\| ([^|]+?) +\| (\d+) +\| (\d+) +\|$/gm)
  const named = Object.fromEntries(Array.from(rows, ([, name, gas, fees]) => [name, { gas: Number(gas), fees: Number(fees) }]))
  expect(named).toEqual(recorded)
})
