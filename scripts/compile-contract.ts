/** Compiles the channel contract and writes its code and hash beside the source. A test compiles again and compares. */
import { readFileSync, writeFileSync } from 'node:fs'
import { runTolkCompiler } from '@ton/tolk-js'

const folder = new URL('../src/payment-channel/contract/', import.meta.url)

/** What `channel.compiled.json` holds: the code as a base64 BOC, and the hash of its cell in hex. */
export interface CompiledContract {
  code: string
  hash: string
}

/** The text of a Tolk source of the contract folder. */
export function readContract(name: string): string {
  return readFileSync(new URL(name, folder), 'utf8')
}

/** Compiles a Tolk source of the contract folder; `source` replaces the text of the file itself. Throws with the compiler's message. */
export async function compileContract(name: string, source?: string): Promise<CompiledContract> {
  const result = await runTolkCompiler({
    entrypointFileName: name,
    fsReadCallback: path => (path === name && source !== undefined ? source : readContract(path)),
  })
  if (result.status === 'error') throw new Error(result.message)
  return { code: result.codeBoc64, hash: result.codeHashHex.toLowerCase() }
}

if (import.meta.main) {
  const compiled = await compileContract('channel.tolk')
  writeFileSync(new URL('channel.compiled.json', folder), `${JSON.stringify(compiled, null, 2)}\n`)
  console.log(compiled.hash)
}
