/** The command line of `chrysalis registry`: what is accepted, kept on the chain by one owner. */
import { Command, Option } from 'commander'
import { parseTon } from '../channel/amounts.ts'
import { chainOption, networkOption, run, walletOption, wholeSeconds } from '../channel/commands.ts'
import type { NetworkName } from '../channel/networks.ts'
import type { Nanoton } from '../lib/nanoton.ts'

interface Common {
  readonly chain: string[]
  readonly network: NetworkName
  readonly json: boolean
}
interface Changing extends Common {
  readonly address: string
  readonly wallet?: string
}

const itemForms = 'mr_td=HEX (and rtmr0 to rtmr3, mr_seam, …), image=sha256:HEX, weights=sha256:HEX, proxy=ADDRESS:KEY'

/** The `registry` command with all its subcommands. The code of each is loaded when it is called. */
export function registryCommand(): Command {
  const registry = new Command('registry').description('a list of what may be trusted, on the chain: create, show, announce, remove')
  common(registry.command('create'))
    .description('derive the address of a new registry, and bring it to the chain')
    .addOption(new Option('--owner <address>', 'who may change it, a multisig in practice; the wallet where nothing is said'))
    .addOption(
      new Option('--delay <seconds>', 'from an announcement to its effect; cannot be changed').argParser(wholeSeconds).default(172_800),
    )
    .addOption(new Option('--item <item...>', `listed from its birth on: ${itemForms}`).default([], 'none'))
    .addOption(new Option('--amount <ton>', 'for its rent').argParser(parseTon).default(parseTon('0.5'), '0.5'))
    .addOption(walletOption())
    .action(async ({ item, ...flags }: Common & { owner?: string; delay: number; item: string[]; amount: Nanoton; wallet?: string }) => {
      const { create } = await import('./create.ts')
      await run(flags, world => create({ ...flags, items: item }, world))
    })
  common(registry.command('show'))
    .description('what counts, what is announced, and who may change it')
    .requiredOption('--address <address>', 'the registry')
    .action(async (flags: Common & { address: string }) => {
      const { show } = await import('./show.ts')
      await run(flags, world => show(flags, world))
    })
  changing(registry.command('announce'))
    .description('list items; each counts once the registry’s delay is over')
    .argument('<item...>', itemForms)
    .action(async (items: string[], flags: Changing) => {
      const { announce } = await import('./change.ts')
      await run(flags, world => announce(items, flags, world))
    })
  changing(registry.command('remove'))
    .description('remove items at once, whether they count already or not')
    .argument('<item...>', `${itemForms}, or a hash that \`show\` tells`)
    .action(async (items: string[], flags: Changing) => {
      const { remove } = await import('./change.ts')
      await run(flags, world => remove(items, flags, world))
    })
  changing(registry.command('announce-owner'))
    .description('name who may take the registry over once the delay is over; the present owner, to call it off')
    .argument('<address>', 'the new owner')
    .action(async (owner: string, flags: Changing) => {
      const { announceOwner } = await import('./change.ts')
      await run(flags, world => announceOwner(owner, flags, world))
    })
  changing(registry.command('take'))
    .description('take the registry over, as the announced owner')
    .action(async (flags: Changing) => {
      const { take } = await import('./change.ts')
      await run(flags, world => take(flags, world))
    })
  registry
    .command('code')
    .description('print the compiled contract, a base64 BOC')
    .option('--json', 'with its hash, as one JSON object', false)
    .action(async (flags: { json: boolean }) => {
      const { registryCodeBoc, registryCodeHash } = await import('../policy-registry/index.ts')
      await run(flags, async () => ({ json: { code: registryCodeBoc, hash: registryCodeHash }, lines: [registryCodeBoc] }))
    })
  return registry
}

function changing(command: Command): Command {
  return common(command).requiredOption('--address <address>', 'the registry').addOption(walletOption())
}

function common(command: Command): Command {
  return command.addOption(chainOption().makeOptionMandatory()).addOption(networkOption()).option('--json', 'print one JSON object', false)
}
