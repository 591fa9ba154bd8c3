/**
 * Where a worker gets its GPUs' evidence from: NVIDIA's own tool, run for each nonce, because only its driver can ask a GPU.
 * The command is the operator's, its words are passed as they stand and no shell reads them; it has a time and a size, and its
 * whole process group ends with it.
 */
import { spawn } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { toHex } from '../lib/bytes.ts'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import { TeeError } from './errors.ts'

/** One device's evidence as NVIDIA's tools write it: report and PEM chain in base64. */
export interface CollectedItem {
  readonly arch: string
  readonly evidence: string
  readonly certificate: string
}

export interface CollectedEvidence {
  readonly items: readonly CollectedItem[]
  /** What NVIDIA's attestation service answered, where the tool asked it; as it came. */
  readonly nras: unknown
}

export interface GpuCollector {
  /** Evidence of every device over `nonce` (32 bytes). Throws `TeeError`. */
  collect(nonce: Uint8Array): Promise<CollectedEvidence>
}

const maxOutput = 1024 * 1024
const nonceWord = '{nonce}'

/**
 * Runs `command`, with `{nonce}` in its words replaced by 64 hex digits, and reads JSON from its output: a list of items, as in
 * NVIDIA's files, or an object that has it as `evidences`, as `nvattest collect-evidence` writes, and `nras` where the command
 * asked NVIDIA's service. Throws `gpu-evidence-unavailable` where it fails, takes longer than `timeoutMs`, or writes over 1 MiB.
 */
export function commandCollector(o: { command: readonly [string, ...string[]]; timeoutMs: number; clock: Clock }): GpuCollector {
  return {
    async collect(nonce) {
      const [program, ...words] = o.command.map(word => word.replaceAll(nonceWord, toHex(nonce))) as [string, ...string[]]
      return readCollected(await run(program, words, o))
    },
  }
}

/** The same evidence every time, from a file: for tests and for looking at. It is over one nonce, so a verifier refuses it. */
export function fileCollector(file: string): GpuCollector {
  return {
    async collect() {
      try {
        return readCollected(await readFile(file, 'utf8'))
      } catch (cause) {
        if (cause instanceof TeeError) throw cause
        throw new TeeError('gpu-evidence-unavailable', `GPU evidence cannot be read from its file: ${messageOf(cause)}`, { cause })
      }
    },
  }
}

function run(program: string, words: readonly string[], o: { timeoutMs: number; clock: Clock }): Promise<string> {
  const unavailable = (why: string, cause?: unknown) =>
    new TeeError('gpu-evidence-unavailable', `the tool that collects GPU evidence ${why}`, { cause })
  return new Promise((resolve, reject) => {
    // A group of its own: what the tool starts ends with it.
    const child = spawn(program, words, { shell: false, detached: true, stdio: ['ignore', 'pipe', 'ignore'] })
    const parts: Buffer[] = []
    let size = 0
    const stop = (error: TeeError) => {
      timer.cancel()
      reject(error)
      child.stdout.destroy()
      if (child.pid !== undefined && child.exitCode === null) killGroup(child.pid)
    }
    const timer = o.clock.after(o.timeoutMs, () => stop(unavailable(`did not end in ${o.timeoutMs} ms`)))
    child.on('error', cause => stop(unavailable(`cannot be run: ${messageOf(cause)}`, cause)))
    child.stdout.on('data', (part: Buffer) => {
      size += part.length
      if (size > maxOutput) stop(unavailable('wrote beyond any size'))
      else parts.push(part)
    })
    child.on('close', (code, signal) => {
      timer.cancel()
      if (code === 0) resolve(Buffer.concat(parts).toString('utf8'))
      else reject(unavailable(`ended with ${signal ?? `code ${code}`}`))
    })
  })
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // It ended by itself a moment ago.
  }
}

function readCollected(text: string): CollectedEvidence {
  const malformed = (why: string) => new TeeError('gpu-evidence-malformed', `the tool that collects GPU evidence wrote ${why}`)
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw malformed('no JSON')
  }
  const { evidences = null, nras = null } = Array.isArray(value) ? { evidences: value } : isObject(value) ? value : {}
  if (!Array.isArray(evidences)) throw malformed('no list of evidence')
  const items = evidences.map(item => {
    const { arch, evidence, certificate } = isObject(item) ? item : {}
    if (typeof arch !== 'string' || typeof evidence !== 'string' || typeof certificate !== 'string')
      throw malformed('evidence without arch, evidence or certificate')
    return { arch, evidence, certificate }
  })
  return { items, nras }
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null
}
