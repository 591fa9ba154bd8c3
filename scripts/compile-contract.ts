/** Compiles the contracts and writes code and hash of each beside its source. A test compiles again and compares. */
import { readFileSync, writeFileSync } from 'node:fs'
import { runTolkCompiler } from '@ton/tolk-js'

const folders = {
  'channel.tolk': new URL('../src/payment-channel/contract/', import.meta.url),
  'registry.tolk': new URL('../src/policy-registry/contract/', import.meta.url),
}

/** A contract of ours, by the file of its source. */
export type ContractName = keyof typeof folders

/** What `NAME.compiled.json` holds: the code as a base64 BOC, and the hash of its cell in hex. */
export interface CompiledContract {
  code: string
  hash: string
}

/** The text of a contract's Tolk source. */
export function readContract(name: ContractName): string {
  return readFileSync(new URL(name, folders[name]), 'utf8')
}

/** What is committed beside the source. */
export function readCompiled(name: ContractName): CompiledContract {
  return JSON.parse(readFileSync(compiledFile(name), 'utf8'))
}

/** Compiles a contract; `source` replaces the text of its file. Throws with the compiler's message. */
export async function compileContract(name: ContractName, source = readContract(name)): Promise<CompiledContract> {
  // The compiler asks for its own library by names that begin with @, and answers those itself.
  const result = await runTolkCompiler({ entrypointFileName: name, fsReadCallback: () => source })
  if (result.status === 'error') throw new Error(result.message)
  return { code: result.codeBoc64, hash: result.codeHashHex.toLowerCase() }
}

function compiledFile(name: ContractName): URL {
  return new URL(name.replace('.tolk', '.compiled.json'), folders[name])
}

if (import.meta.main)
  for (const name of Object.keys(folders) as ContractName[]) {
    const compiled = await compileContract(name)
    writeFileSync(compiledFile(name), `${JSON.stringify(compiled, null, 2)}\n`)
    console.log(name, compiled.hash)
  }
