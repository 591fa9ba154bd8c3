/** `chrysalis channel authorize`: a signed ceiling, an API key that spends under it, and the end of a key. */
import { type FileHandle, open, unlink } from 'node:fs/promises'
import { messageOf } from '../lib/coded-error.ts'
import { formatTon, type Nanoton, parseNanoton } from '../lib/nanoton.ts'
import { type CommandAction, channelStatus, type KeyPair, signAuthorization, signCommand } from '../payment-channel/index.ts'
import { type PayersChannel, readAccountFile } from './account-file.ts'
import { addressOf, timeOf } from './describe.ts'
import { DeskClient, type KeyLimits, type KeyList, type NewKey, type SignedCommand } from './desk.ts'
import { ChannelCommandError } from './errors.ts'
import { payerKey } from './keys.ts'
import { type Outcome, secondsNow, type World } from './world.ts'

export interface AuthorizeOptions {
  readonly file: string
  readonly key?: string
  /** What may be charged in all; the whole deposit where nothing is said and nothing was signed before. */
  readonly ceiling?: Nanoton
  readonly limits: KeyLimits
  /** Where the new API key is written, mode 0600, in place of being shown. */
  readonly save?: string
}

/** A new API key on the channel of an account file. Throws {@link ChannelCommandError}. */
export async function authorize(options: AuthorizeOptions, world: World): Promise<Outcome> {
  const channel = await readAccountFile(options.file)
  const key = await keyOf(channel, options.key, world)
  const desk = new DeskClient(channel.proxy, world.fetch)
  const { state } = await world.openChain(channel.endpoints, channel.network).read(channel.address)
  if (state?.status !== channelStatus.open)
    throw new ChannelCommandError('state', `${addressOf(channel)} is not open: \`chrysalis channel show\` says what it is`)
  if (options.ceiling !== undefined && options.ceiling > state.deposited)
    world.note(`only ${formatTon(state.deposited)} of it are deposited; the rest counts once it is`)

  const known = options.ceiling === undefined ? await desk.authorised(command(channel, key, 'keys', '', world)) : undefined
  const again = known !== undefined && known > 0n
  const ceiling = again ? known : (options.ceiling ?? state.deposited)
  const make = () =>
    again
      ? desk.newKey(command(channel, key, 'new-key', JSON.stringify(options.limits), world))
      : raise(desk, channel, key, ceiling, options.limits)
  const made = options.save === undefined ? await make() : await makeInto(options.save, make)
  return {
    json: {
      channel: addressOf(channel),
      key_id: made.key_id,
      ceiling: ceiling.toString(),
      limits: options.limits,
      ...(options.save === undefined ? { api_key: made.api_key } : { saved: options.save }),
    },
    lines: [
      options.save === undefined ? `api key     ${made.api_key}` : `api key     in ${options.save}`,
      `its id      ${made.key_id} (\`chrysalis channel revoke ${made.key_id}\` ends it)`,
      `ceiling     ${formatTon(ceiling)} in all, over all keys of this channel`,
      ...limitLines(options.limits),
    ],
  }
}

function raise(desk: DeskClient, channel: PayersChannel, key: KeyPair, ceiling: Nanoton, limits: KeyLimits): Promise<NewKey> {
  const signature = signAuthorization(key.privateKey, { chain: channel.network.globalId, channel: channel.address, ceiling })
  return desk.createKey({
    terms: channel.wire,
    payer_key: key.publicKey.toString('hex'),
    ceiling: ceiling.toString(),
    signature: signature.toString('hex'),
    ...(Object.keys(limits).length > 0 ? { limits } : {}),
  })
}

/** `chrysalis channel keys`: every API key of the channel, the revoked ones too. */
export async function keys(options: { file: string; key?: string }, world: World): Promise<Outcome> {
  const channel = await readAccountFile(options.file)
  const key = await keyOf(channel, options.key, world)
  const list = await new DeskClient(channel.proxy, world.fetch).keys(command(channel, key, 'keys', '', world))
  return { json: { channel: addressOf(channel), keys: list }, lines: list.length === 0 ? ['there are none'] : list.flatMap(keyLines) }
}

function keyLines({ key_id, created_at, revoked_at, spent, limits }: KeyList[number]): string[] {
  const state = revoked_at === null ? '' : `, revoked ${timeOf(revoked_at)}`
  return [`${key_id}  made ${timeOf(created_at)}${state}, spent ${formatTon(parseNanoton(spent))}`, ...limitLines(limits)]
}

/** `chrysalis channel revoke`: ends an API key. */
export async function revoke(options: { file: string; key?: string; keyId: string }, world: World): Promise<Outcome> {
  const channel = await readAccountFile(options.file)
  const key = await keyOf(channel, options.key, world)
  const answer = await new DeskClient(channel.proxy, world.fetch).revokeKey(command(channel, key, 'revoke-key', options.keyId, world))
  return {
    json: { channel: addressOf(channel), ...answer },
    lines: [`${answer.key_id} was revoked ${timeOf(answer.revoked_at)}; what it had running ends and is charged`],
  }
}

/** The payer key, which must be this channel's. */
export async function keyOf(channel: PayersChannel, file: string | undefined, world: World): Promise<KeyPair> {
  const key = await payerKey({ file, env: world.env }, { make: false })
  if (!key.publicKey.equals(channel.payerKey))
    throw new ChannelCommandError('key', 'the payer key that was given is not the one of this channel; --key names its file')
  return key
}

/** A command of the payer, signed for now. */
export function command(channel: PayersChannel, key: KeyPair, action: CommandAction, argument: string, world: World): SignedCommand {
  const at = secondsNow(world)
  const signature = signCommand(key.privateKey, { chain: channel.network.globalId, channel: channel.address, action, argument, at })
  return { channel: channel.address.toString(), action, argument, at, signature: signature.toString('hex') }
}

/** Makes a key into a new file. The file is there first: the key is told this once, and must have a place then. */
async function makeInto(path: string, make: () => Promise<NewKey>): Promise<NewKey> {
  let file: FileHandle
  try {
    file = await open(path, 'wx', 0o600)
  } catch (cause) {
    throw new ChannelCommandError('key', `the API key cannot be saved in ${path}: ${messageOf(cause)}`, { cause })
  }
  try {
    const made = await make()
    await file.writeFile(`${made.api_key}\n`)
    await file.sync()
    return made
  } catch (error) {
    await unlink(path)
    throw error
  } finally {
    await file.close()
  }
}

function limitLines({ spend, per_day, models, expires_at }: KeyLimits): string[] {
  return [
    ...(spend === undefined ? [] : [`            at most ${formatTon(BigInt(spend))} in all`]),
    ...(per_day === undefined ? [] : [`            at most ${formatTon(BigInt(per_day))} a day`]),
    ...(models === undefined ? [] : [`            for ${models.join(', ')}`]),
    ...(expires_at === undefined ? [] : [`            until ${timeOf(expires_at)}`]),
  ]
}
