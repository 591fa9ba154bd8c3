/** The `chrysalis` command: one subcommand per role. Each role is loaded only when it is asked for. */
import { readFileSync } from 'node:fs'
import { Command, CommanderError, InvalidArgumentError, Option } from 'commander'
import { channelCommand } from './channel/commands.ts'
import { ConfigError } from './config.ts'
import { CodedError } from './lib/coded-error.ts'
import { registryCommand } from './registry/commands.ts'

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
    .option('--pay-workers', 'the workers work for pay: the proxy opens a channel to each', false)
    .action(async options => (await import('./dev.ts')).runDev(options))

  command
    .command('proxy')
    .description('the gateway: OpenAI surface, accounts, ledger, scheduler, attestation, sealing, settlement, console')
    .requiredOption('--config <file>', 'config file; config/proxy.yaml is an annotated example')
    .action(async ({ config }) => (await import('./proxy.ts')).runProxy(config))

  const worker = command
    .command('worker')
    .description('the enclave agent beside an inference engine')
    .requiredOption('--config <file>', 'config file; config/worker.yaml is an annotated example')
    .action(async ({ config }) => (await import('./worker.ts')).runWorkerFile(config))
  worker
    .command('earnings')
    .description('what this worker did and earned, and what of it is owed, signed for, or paid')
    .addOption(new Option('--last <n>', 'so many jobs').argParser(text => whole(text, 1, 1_000_000)).default(20))
    .option('--json', 'one JSON object in place of the table', false)
    .action(async (options, self: Command) => (await import('./worker/earnings.ts')).showEarnings(self.parent!.opts().config, options))
  worker
    .command('cash')
    .description('bring everything that is signed for to the chain, out of the wallet of payments.wallet_key')
    .action(async (_, self: Command) => (await import('./worker/earnings.ts')).cashEarnings(self.parent!.opts().config))

  command
    .command('dev-chain')
    .description('the local TON chain alone, behind the JSON-RPC that TON nodes speak')
    .addOption(new Option('--data <dir>', 'folder that keeps the chain').default('.chrysalis-chain'))
    .addOption(new Option('--host <host>', 'address to listen on').default('127.0.0.1'))
    .addOption(new Option('--port <n>', 'port to listen on').argParser(port).default(8081))
    .action(async ({ data, host, port }) => (await import('./dev-chain.ts')).runDevChain({ directory: data, host, port }))

  command.addCommand(channelCommand())
  command.addCommand(registryCommand())
  command
    .command('verify')
    .summary('check a quote, a worker or a proxy: is it a genuine enclave, and what a policy accepts?')
    .description(
      'Checks a TDX quote, the evidence of a worker, or every worker of a proxy, and says what is proven and what is not.\n' +
        'Exit code: 0 verified and accepted, 3 verified but refused by the policy, 4 not verified, 2 wrong usage.',
    )
    .argument('[url]', 'a Chrysalis proxy or worker: it is asked now, with a fresh nonce')
    .option('--quote <file>', 'a TDX quote: raw, hex or base64')
    .option('--evidence <file>', 'an evidence document')
    .option('--batch <file>', 'JSON lines {quote, collateral, at, root?, policy?} with absolute paths; "-" reads standard input')
    .option('--nonce <hex>', 'the 32 bytes that the evidence was asked for with; without them it is not fresh')
    .option('--collateral <dir>', 'folder with tcb_info.json, qe_identity.json, pck_crl.der, root_ca_crl.der and the two issuer chains')
    .option('--pccs <url>', 'fetch the collateral here in place of Intel’s own service')
    .option('--at <time>', 'judge as of this moment (RFC 3339) in place of now')
    .option('--policy <file>', 'judge by this policy what runs inside')
    .option('--root <file>', 'trust this root (PEM or DER) in place of Intel’s: development only')
    .addOption(
      new Option('--kind <name>', 'whose evidence it is; found by its form where nothing is said').choices([
        ...['chrysalis', 'near', 'aci', 'tinfoil', 'dstack', 'dstack-tls', 'cocoon'],
      ]),
    )
    .option('--nras-keys <file>', 'check tokens of NVIDIA’s attestation service with these keys (JWKS)')
    .option('--json', 'one JSON object in place of the report')
    .action(async (url, options) => (await import('./verify.ts')).runVerify(url, options))

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
