// Links the `chrysalis` command into node_modules/.bin of a checkout, so that `npx chrysalis` and npm scripts find it
// right after `npm ci`. npm does this for dependencies only, never for the project itself.
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'

const bin = new URL('../node_modules/.bin/', import.meta.url)
mkdirSync(bin, { recursive: true })
const link = new URL('chrysalis', bin)
rmSync(link, { force: true })
if (process.platform === 'win32') writeFileSync(new URL('chrysalis.cmd', bin), '@node "%~dp0\\..\\..\\bin\\chrysalis.js" %*\r\n')
else symlinkSync('../../bin/chrysalis.js', link)
