/** Runs an example as a user would: a process of its own that knows nothing but its environment. */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Deployment } from '../../support/deployment.ts'

export interface Ran {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** The environment that the examples read. */
export function environmentOf(deployment: Deployment): Record<string, string> {
  return { OPENAI_BASE_URL: `${deployment.origin}/v1`, OPENAI_API_KEY: deployment.apiKey }
}

/** Where an example is. */
export function exampleFile(name: string): string {
  return fileURLToPath(new URL(`../${name}`, import.meta.url))
}

/** Runs a command to its end. */
export async function run(command: string, args: readonly string[], env: Record<string, string>): Promise<Ran> {
  const child = spawn(command, args, { env: { PATH: process.env.PATH, ...env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const out: Buffer[] = []
  const err: Buffer[] = []
  child.stdout.on('data', chunk => out.push(chunk))
  child.stderr.on('data', chunk => err.push(chunk))
  const code = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  return { code, stdout: Buffer.concat(out).toString('utf8'), stderr: Buffer.concat(err).toString('utf8') }
}
