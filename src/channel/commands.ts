/** The command line of `chrysalis channel`: flags in, one subcommand each, a result for people or (`--json`) for programs. */
import { Command, InvalidArgumentError, Option } from 'commander'
import type { Nanoton } from '../lib/nanoton.ts'
import { parseTon } from './amounts.ts'
import type { KeyLimits } from './desk.ts'
import { type NetworkName, networkNames } from './networks.ts'
import type { OperatorTrust } from './prove.ts'
import type { Outcome, World } from './world.ts'

interface Common {
  readonly file: string
  readonly json: boolean
}
interface Paying extends Common {
  readonly wallet?: string
  readonly wait: boolean
  readonly timeout: number
}

/** The `channel` command with all its subcommands. The code of each is loaded when it is called. */
export function channelCommand(): Command {
  const channel = new Command('channel').description('a payer’s side of a payment channel: open, fund, authorise, inspect, close')
  opening(channel)
  spending(channel)
  looking(channel)
  ending(channel)
  return channel
}

function opening(channel: Command): void {
  paying(channel.command('open'))
    .description('ask a proxy for terms, check them, keep them in the account file, and pay the first deposit')
    .requiredOption('--proxy <url>', 'base URL of the proxy', httpUrl)
    .addOption(chainOption().makeOptionMandatory())
    .addOption(networkOption())
    .addOption(new Option('--payer <address>', 'your wallet: what is unspent returns there, and it alone may close without the proxy'))
    .addOption(keyOption('made where there is none'))
    .addOption(new Option('--amount <ton>', 'first deposit; the proxy’s minimum where nothing is said').argParser(parseTon))
    .addOption(new Option('--policy <file>', 'which enclave may hold the key that charges: the proxy has to prove that it does'))
    .addOption(new Option('--registry <address>', 'a registry on the chain that must list this proxy'))
    .addOption(new Option('--pccs <url>', 'fetch Intel’s collateral here in place of Intel’s own service').argParser(httpUrl))
    .addOption(new Option('--root <file>', 'trust this root (PEM or DER) in place of Intel’s: development only'))
    .option('--trust-operator', 'accept that the proxy’s operator, and not an enclave, holds the key that charges', false)
    .action(async (flags: Paying & OperatorTrust & { proxy: string; chain: string[]; network: NetworkName; amount?: Nanoton }) => {
      const { open } = await import('./open.ts')
      await run(flags, world => open({ ...flags, trust: flags, timeoutMs: flags.timeout * 1000 }, world))
    })
  paying(channel.command('fund'))
    .description('pay into the channel: out of a wallet, or by a link and QR code')
    .addOption(new Option('--amount <ton>', 'what to pay in').argParser(parseTon).makeOptionMandatory())
    .action(async (flags: Paying & { amount: Nanoton }) => {
      const { fund } = await import('./fund.ts')
      await run(flags, world => fund({ ...flags, timeoutMs: flags.timeout * 1000 }, world))
    })
}

function spending(channel: Command): void {
  common(channel.command('authorize'))
    .description('sign a ceiling and get an API key that spends under it')
    .addOption(keyOption())
    .addOption(
      new Option('--ceiling <ton>', 'what may be charged in all, over all keys; the deposit at first, unchanged later').argParser(parseTon),
    )
    .addOption(new Option('--spend <ton>', 'what this key may spend in all').argParser(parseTon))
    .addOption(new Option('--per-day <ton>', 'what this key may spend in a day').argParser(parseTon))
    .addOption(new Option('--model <id...>', 'the only models that this key may use'))
    .addOption(new Option('--expires <time>', 'when this key ends, as 2027-01-31 or 2027-01-31T12:00:00Z').argParser(time))
    .option('--save <file>', 'write the key into a new file of mode 0600 in place of showing it')
    .action(
      async (
        flags: Common & {
          ceiling?: Nanoton
          spend?: Nanoton
          perDay?: Nanoton
          model?: string[]
          expires?: number
          save?: string
          key?: string
        },
      ) => {
        const { authorize } = await import('./authorize.ts')
        const limits: KeyLimits = {
          ...(flags.spend === undefined ? {} : { spend: flags.spend.toString() }),
          ...(flags.perDay === undefined ? {} : { per_day: flags.perDay.toString() }),
          ...(flags.model === undefined ? {} : { models: flags.model }),
          ...(flags.expires === undefined ? {} : { expires_at: flags.expires }),
        }
        await run(flags, world => authorize({ ...flags, limits }, world))
      },
    )
  common(channel.command('keys'))
    .description('list the API keys of the channel')
    .addOption(keyOption())
    .action(async (flags: Common & { key?: string }) => {
      const { keys } = await import('./authorize.ts')
      await run(flags, world => keys(flags, world))
    })
  common(channel.command('revoke'))
    .description('end an API key, at once')
    .argument('<id>', 'its id, as `keys` lists it')
    .addOption(keyOption())
    .action(async (keyId: string, flags: Common & { key?: string }) => {
      const { revoke } = await import('./authorize.ts')
      await run(flags, world => revoke({ ...flags, keyId }, world))
    })
}

function looking(channel: Command): void {
  common(channel.command('show'))
    .description('what the chain says about the channel, and with an API key what the proxy says')
    .addOption(apiKeyOption())
    .action(async (flags: Common & { apiKey?: string }) => {
      const { show } = await import('./show.ts')
      await run(flags, world => show(flags, world))
    })
  common(channel.command('audit'))
    .description('check the whole statement against workers’ receipts and the chain')
    .addOption(apiKeyOption())
    .action(async (flags: Common & { apiKey?: string }) => {
      const { audit } = await import('./audit.ts')
      await run(flags, world => audit(flags, world))
    })
  channel
    .command('code')
    .description('print the compiled contract, a base64 BOC')
    .option('--json', 'with its hash, as one JSON object', false)
    .action(async (flags: { json: boolean }) => {
      const { code } = await import('./code.ts')
      await run(flags, async () => code())
    })
}

function ending(channel: Command): void {
  channel
    .command('settle')
    .description('bring claims to the chain that a proxy has written down; anyone may, the payee is paid')
    .requiredOption('--from-store <dir>', 'the proxy’s folder of claims')
    .addOption(chainOption().makeOptionMandatory())
    .addOption(networkOption())
    .addOption(walletOption())
    .option('--json', 'print one JSON object', false)
    .action(async (flags: { fromStore: string; chain: string[]; network: NetworkName; wallet?: string; json: boolean }) => {
      const { settle } = await import('./settle.ts')
      await run(flags, world => settle(flags, world))
    })
  paying(channel.command('close'))
    .description('close with the proxy’s leave, in seconds; the rest returns to the payer')
    .addOption(keyOption())
    .action(async (flags: Paying & { key?: string }) => {
      const { close } = await import('./close.ts')
      await run(flags, world => close({ ...flags, timeoutMs: flags.timeout * 1000 }, world))
    })
  paying(channel.command('recover'))
    .description('close without the proxy: start, wait for the challenge period, finish; goes on from wherever the channel is')
    .action(async (flags: Paying) => {
      const { recover } = await import('./recover.ts')
      await run(flags, world => recover({ ...flags, timeoutMs: flags.timeout * 1000 }, world))
    })
}

function common(command: Command): Command {
  return command
    .addOption(new Option('--file <file>', 'account file: which channel, with whom').default('channel.json'))
    .option('--json', 'print one JSON object; progress goes to stderr', false)
}

function paying(command: Command): Command {
  return common(command)
    .addOption(walletOption())
    .option('--no-wait', 'do not wait for the chain; without a wallet, print the link and end')
    .addOption(new Option('--timeout <seconds>', 'how long to wait for each step').argParser(wholeSeconds).default(1_800))
}

export const walletOption = () =>
  new Option('--wallet <file>', 'send out of this wallet (v5r1): a seed in hex, or its 24 words; mode 0600; or CHRYSALIS_WALLET_KEY')
const keyOption = (more?: string) =>
  new Option('--key <file>', `payer key, mode 0600${more ? `, ${more}` : ''}; CHRYSALIS_PAYER_KEY or payer.key where nothing is said`)
const apiKeyOption = () => new Option('--api-key <file>', 'file with an API key of the channel; or CHRYSALIS_API_KEY')
export const chainOption = () =>
  new Option('--chain <url...>', 'JSON-RPC endpoint (toncenter v2); several must agree').argParser<string[]>((url, before) => [
    ...(before ?? []),
    httpUrl(url),
  ])
export const networkOption = () => new Option('--network <name>', 'which chain it is').choices(networkNames).default('mainnet')

/** Runs a subcommand in the real world and prints what it has to say. */
export async function run({ json }: { readonly json: boolean }, command: (world: World) => Promise<Outcome>): Promise<void> {
  const [{ systemClock }, { openChain }] = await Promise.all([import('../lib/clock.ts'), import('./chain.ts')])
  const outcome = await command({ fetch, clock: systemClock, env: process.env, openChain, note: line => console.error(line) })
  console.log(json ? JSON.stringify(outcome.json) : outcome.lines.join('\n'))
}

function httpUrl(text: string): string {
  if (!URL.canParse(text) || !/^https?:$/.test(new URL(text).protocol)) throw new InvalidArgumentError('It must be an http or https URL.')
  return text
}

export function wholeSeconds(text: string): number {
  if (!/^[0-9]{1,7}$/.test(text)) throw new InvalidArgumentError('It must be a whole number of seconds.')
  return Number(text)
}

function time(text: string): number {
  const at = /^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d(\.\d+)?Z)?$/.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(at)) throw new InvalidArgumentError('It must be a date or a time in UTC, such as 2027-01-31T12:00:00Z.')
  return Math.floor(at / 1000)
}
