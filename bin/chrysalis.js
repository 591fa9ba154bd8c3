#!/usr/bin/env node
// Runs the sources in a checkout (Node 24 strips the types) and the built program in an installed package.
import { existsSync } from 'node:fs'

const major = Number(process.versions.node.split('.')[0])
if (major < 24) {
  console.error(
    `chrysalis needs Node 24 or newer, this is ${process.versions.node}. In a checkout run it as "npx chrysalis": npm ci brings Node 24 along.`,
  )
  process.exit(2)
}
const source = new URL('../src/cli.ts', import.meta.url)
const { main } = await import(existsSync(source) ? source.href : new URL('../dist/cli.js', import.meta.url).href)
await main(process.argv)
