#!/usr/bin/env node
// Runs the sources in a checkout (Node 24 strips the types) and the built program in an installed package.
// Nothing newer than Node 18 is imported before the version is looked at.
import { existsSync } from 'node:fs'
import * as modules from 'node:module'
import { fileURLToPath } from 'node:url'

const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  console.error(
    `chrysalis needs Node 24 or newer, this is ${process.versions.node}. In a checkout run it as "npx chrysalis": npm ci brings Node 24 along.`,
  )
  process.exit(2)
}
const source = new URL('../src/cli.ts', import.meta.url)
const checkout = existsSync(source)
// What was stripped and compiled once is kept beside the packages, where nobody can write who could not write the packages too.
if (checkout) modules.enableCompileCache(fileURLToPath(new URL('../node_modules/.cache/chrysalis', import.meta.url)))
const { main } = await import(checkout ? source.href : new URL('../dist/cli.js', import.meta.url).href)
await main(process.argv)
