/** Child processes of the development mode: started, waited for, watched, stopped. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { stopMessage } from '../lifecycle.ts'

const command = fileURLToPath(new URL('../../bin/chrysalis.js', import.meta.url))

export interface ChildOptions {
  readonly name: string
  /** Arguments of the `chrysalis` command. */
  readonly args: readonly string[]
  /** Where its output goes. */
  readonly logFile: string
  readonly readyWithinMs: number
}

/** A role running as a child. */
export interface Child<Ready> {
  readonly name: string
  readonly pid: number
  /** What the role said when it was ready. */
  readonly ready: Ready
  /** Fulfilled with a description once it is gone. */
  readonly exited: Promise<string>
  signal(signal: NodeJS.Signals): void
  /** Asks it to stop; SIGKILL after `graceMs`. */
  stop(graceMs: number): Promise<void>
}

/** Starts a role and waits until it is ready. Throws with its last words where it is not. */
export async function startChild<Ready>(options: ChildOptions): Promise<Child<Ready>> {
  const log = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 })
  const child = spawn(process.execPath, [command, ...options.args], { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
  const lastWords = collect(child)
  child.stdout!.pipe(log, { end: false })
  child.stderr!.pipe(log, { end: false })
  const exited = once(child, 'exit').then(([code, signal]) => {
    log.end()
    return `${options.name} ended with ${signal ?? `code ${code}`}${lastWords()}`
  })
  try {
    const ready = await Promise.race([readiness<Ready>(child), failure(exited), deadline(options)])
    return handle(options.name, child, ready, exited)
  } catch (error) {
    child.kill('SIGKILL')
    throw error
  }
}

/** Keeps the end of what a child writes, to quote it when it dies. */
function collect(child: ChildProcess): () => string {
  let tail = ''
  const keep = (chunk: Buffer) => {
    tail = (tail + chunk.toString('utf8')).slice(-2_000)
  }
  child.stderr!.on('data', keep)
  return () => (tail.trim() ? `:\n${tail.trim()}` : '')
}

function readiness<Ready>(child: ChildProcess): Promise<Ready> {
  return new Promise(resolve => {
    child.on('message', message => {
      if (typeof message === 'object' && message !== null && 'ready' in message) resolve(message.ready as Ready)
    })
  })
}

async function failure(exited: Promise<string>): Promise<never> {
  throw new Error(await exited)
}

function deadline(options: ChildOptions): Promise<never> {
  return new Promise((_, reject) => {
    setTimeout(
      () => reject(new Error(`${options.name} was not ready within ${options.readyWithinMs / 1000} s; see ${options.logFile}`)),
      options.readyWithinMs,
    ).unref()
  })
}

function handle<Ready>(name: string, child: ChildProcess, ready: Ready, exited: Promise<string>): Child<Ready> {
  return {
    name,
    pid: child.pid!,
    ready,
    exited,
    signal: signal => void child.kill(signal),
    async stop(graceMs) {
      if (child.exitCode !== null || child.signalCode !== null) return
      if (child.connected) child.send(stopMessage)
      else child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), graceMs)
      await exited
      clearTimeout(timer)
    },
  }
}
