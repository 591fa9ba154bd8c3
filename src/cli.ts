/** The `chrysalis` command: one subcommand per role. Each role is loaded only when it is asked for. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { channelCommand } from './channel/commands.ts'
import { ConfigError } from './config.ts'
import { CodedError } from './lib/coded-error.ts'

/** Runs the command line `argv`. Wrong usage and wrong configuration end with exit code 2 and a message that says what to do. */
export async function main(argv: readonly string[]): Promise<void> {
  try {
    await program().parseAsync(argv)
  } catch (error) {
    // Commander has said by then what is wrong, or has printed the help that was asked for.
    if (error instanceof CommanderError) process.exit(error.exitCode === 0 ? 0 : 2)
    const known = error instanceof CodedError
    console.error(known ? `chrysalis: ${error.message}` : error)
    process.exit(error instanceof ConfigError ? 2 : 1)
  }
}

function program(): Command {
  const command = new Command('chrysalis')
    .description('OpenAI-compatible confidential inference: attested workers, sealed requests, prepaid TON channels.')
    .version(version())
    .showHelpAfterError('(--help lists what there is)')
    .exitOverride()

  command
    .command('dev')
    .description('everything on one machine: local TON chain, software quoting authority, worker with a real model, proxy, funded account')
    .addOption(new Option('--port <n>', 'port of the proxy').argParser(port).default(8080))
    .addOption(
      new Option('--engine <url>', 'put this OpenAI-compatible engine behind the worker in place of the built-in model')
        .argParser(httpUrl)
        .conflicts('model'),
    )
    .addOption(new Option('--model <file>', 'serve this GGUF file in place of the built-in model'))
    .addOption(new Option('--workers <n>', 'number of workers').argParser(workers).default(1))
    .addOption(new Option('--data <dir>', 'data folder').default('.chrysalis'))
    .option('--fresh', 'forget the data folder and start anew', false)
    .option('--no-console', 'serve no status page')
    .action(async options => (await import('./dev.ts')).runDev(options))

  command
    .command('proxy')
    .description('the gateway: OpenAI surface, accounts, ledger, scheduler, attestation, sealing, settlement, console')
    .requiredOption('--config <file>', 'config file; config/proxy.yaml is an annotated example')
    .action(async ({ config }) => (await import('./proxy.ts')).runProxy(config))

  command
    .command('worker')
    .description('the enclave agent beside an inference engine')
    .requiredOption('--config <file>', 'config file; config/worker.yaml is an annotated example')
    .action(async ({ config }) => (await import('./worker.ts')).runWorkerFile(config))

  command
    .command('dev-chain')
    .description('the local TON chain alone, behind the JSON-RPC that TON nodes speak')
    .addOption(new Option('--data <dir>', 'folder that keeps the chain').default('.chrysalis-chain'))
    .addOption(new Option('--host <host>', 'address to listen on').default('127.0.0.1'))
    .addOption(new Option('--port <n>', 'port to listen on').argParser(port).default(8081))
    .action(async ({ data, host, port }) => (await import('./dev-chain.ts')).runDevChain({ directory: data, host, port }))

  command.addCommand(channelCommand())

  return command
}

function version(): string {
  return (JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as { version: string }).version
}

function port(text: string): number {
  return whole(text, 0, 65_535)
}

function workers(text: string): number {
  return whole(text, 1, 16)
}

function whole(text: string, least: number, most: number): number {
  const value = Number(text)
  if (!/^[0-9]+$/.test(text) || value < least || value > most)
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`)
  return value
}

function httpUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new InvalidArgumentError('It must be an http or https URL.')
  return text
}
