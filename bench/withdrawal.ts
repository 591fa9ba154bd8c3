/** How long a withdrawn policy takes to keep everything away from a worker, while 8 callers stream from it. */
import { median } from '../test/support/leaving.ts'
import { withdrawPolicy } from '../test/support/withdrawal.ts'

const rounds = Number(process.env.BENCH_ROUNDS ?? 10)

export async function withdrawal(): Promise<void> {
  const seen = []
  for (let round = 0; round < rounds; round++) seen.push(await withdrawPolicy())
  const row = (name: string, values: number[]) =>
    console.log(`| ${name} | ${median(values).toFixed(1)} | ${Math.max(...values).toFixed(1)} |`)
  console.log(`| ${rounds} rounds, ms after the signal | median | worst |\n| --- | --- | --- |`)
  row(
    'the last request reaches the engine',
    seen.map(({ lastArrival }) => lastArrival),
  )
  row(
    'the first caller is refused',
    seen.map(({ firstRefusal }) => firstRefusal),
  )
  row(
    'put back: the first answer is whole',
    seen.map(({ backAfter }) => backAfter),
  )
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0)
  console.log(
    `\nrunning at the signal: ${sum(seen.map(({ running }) => running))}; ended whole after it: ${sum(seen.map(({ ended }) => ended))}`,
  )
  const asked = sum(seen.map(({ after }) => after.asked))
  console.log(`asked after it: ${asked}; reached the engine: ${sum(seen.map(({ after }) => after.arrived))}`)
}
