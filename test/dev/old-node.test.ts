/** An older Node is told so: it must get as far as the message, past imports of names that it does not have. */
import { execFileSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

const command = fileURLToPath(new URL('../../bin/chrysalis.js', import.meta.url))
/** Makes this Node look like 20, whose `node:module` exports neither compile cache nor synchronous hooks. */
const old = `
import { registerHooks } from 'node:module'
registerHooks({
  resolve: (name, context, next) => name === 'node:module' ? { url: 'data:text/javascript,export const createRequire = 0', format: 'module', shortCircuit: true } : next(name, context),
})
Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '20.1.0' } })
`

test('Node 20 is told what to do, and not where a name is missing', () => {
  const ended = (() => {
    try {
      execFileSync(process.execPath, ['--import', `data:text/javascript,${encodeURIComponent(old)}`, command, '--version'], {
        stdio: 'pipe',
      })
    } catch (error) {
      return error as { status: number; stderr: Buffer }
    }
  })()
  expect(ended?.status).toBe(2)
  expect(ended?.stderr.toString()).toBe(
    'chrysalis needs Node 24 or newer, this is 20.1.0. In a checkout run it as "npx chrysalis": npm ci brings Node 24 along.\n',
  )
})
