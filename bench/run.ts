/**
 * The benchmarks. Every figure is measured beside its yardstick in the same run, because absolute figures say more about the
 * machine than about the code.
 *   npm run bench              everything
 *   npm run bench -- gateway   one of them
 */
import { attestation } from './attestation.ts'
import { bodies } from './bodies.ts'
import { gateway } from './gateway.ts'
import { gpu } from './gpu.ts'
import { leaving } from './leaving.ts'
import { limits } from './limits.ts'
import { pay } from './pay.ts'
import { streams } from './streams.ts'
import { withdrawal } from './withdrawal.ts'

const benches: Record<string, () => Promise<void>> = { attestation, gpu, gateway, streams, leaving, limits, bodies, withdrawal, pay }

const wanted = process.argv.slice(2)
const unknown = wanted.filter(name => !(name in benches))
if (unknown.length > 0) {
  console.error(`no such benchmark: ${unknown.join(', ')}; there is ${Object.keys(benches).join(', ')}`)
  process.exit(2)
}
for (const name of wanted.length > 0 ? wanted : Object.keys(benches)) {
  console.log(`\n# ${name}\n`)
  await benches[name]!()
}
process.exit(0)
