/** What a payer asks by a signed command: each of them done, and every way to be refused, with nothing changed. */
import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import { keyId, type Ledger, openLedger } from '../../src/ledger/index.ts'
import { sha256, toHex, utf8 } from '../../src/lib/bytes.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { keyLimits } from '../../src/openai/index.ts'
import { type CommandAction, signCommand, verifyRelease } from '../../src/payment-channel/index.ts'
import { ClaimFiles, CommandDesk, type CommandDeskOptions, type WireCommand } from '../../src/settlement/index.ts'
import { hold, postOf, startMs, temporaryFile } from '../ledger/support/books.ts'
import { inlineStore } from '../ledger/support/stores.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { testChain } from '../support/ton-config.ts'
import { channelOf, payee, payer } from './support/fake-chain.ts'

const hashApiKey = (key: string) => toHex(sha256(utf8(key)))
const channel = channelOf()
const nowSeconds = startMs / 1_000

let clock: ManualClock
let file: string
let ledger: Ledger
let desk: CommandDesk
let settled: string[]
let released: [string, bigint][]

function deskWith(changes: Partial<CommandDeskOptions> = {}): CommandDesk {
  return new CommandDesk({
    ...{ ledger, chainId: testChain, payeeKey: payee.privateKey, clock, hashApiKey, limits: keyLimits, logger: silentLogger },
    settle: async name => void settled.push(name),
    keepRelease: async (name, { minSettled }) => void released.push([name, minSettled]),
    ...changes,
  })
}

beforeEach(async () => {
  clock = new ManualClock(startMs)
  file = temporaryFile()
  ledger = await openLedger({ file, clock, store: inlineStore(file) })
  onTestFinished(() => ledger.close())
  await ledger.openChannel({ address: channel.name, terms: '{}', payerKey: payer.publicKey, payeeKeyId: '' })
  ledger.noteChain(channel.name, { status: 1, deposited: nanoton(1_000n), settled: nanoton(0n) })
  await ledger.authorise(channel.name, { ceiling: nanoton(900n), signature: channel.authorise(900) })
  settled = []
  released = []
  desk = deskWith()
})

/** A command as an honest payer sends it, with what a test changes after it was signed. */
function signed(action: CommandAction, argument = '', { at = nowSeconds, ...changes }: Partial<WireCommand> = {}): WireCommand {
  const signature = signCommand(payer.privateKey, { chain: testChain, channel: channel.address, action, argument, at })
  return { channel: channel.name, action, argument, at, signature: toHex(signature), ...changes }
}

const refusal = (code: string, param: string) => ({ name: 'SettlementError', code, param })

describe('a command', () => {
  test.each<[string, string, string, () => WireCommand]>([
    ['for a channel that is not known', 'not-found', 'channel', () => signed('keys', '', { channel: channelOf({ salt: 8n }).name })],
    ['for what is no address', 'bad-request', 'channel', () => signed('keys', '', { channel: 'EQ' })],
    ['whose action was changed', 'bad-request', 'signature', () => signed('keys', '', { action: 'close' })],
    ['whose argument was changed', 'bad-request', 'signature', () => signed('revoke-key', 'key_1', { argument: 'key_2' })],
    ['signed by somebody else', 'bad-request', 'signature', () => signed('close', '', { signature: '00'.repeat(64) })],
    ['of more than five minutes ago', 'bad-request', 'signature', () => signed('close', '', { at: nowSeconds - 301 })],
    ['of more than five minutes ahead', 'bad-request', 'signature', () => signed('close', '', { at: nowSeconds + 301 })],
  ])('%s is refused: %s', async (_, code, param, make) => {
    await expect(desk.command(make())).rejects.toMatchObject(refusal(code, param))
    expect([ledger.account(channel.name)!.stopped, settled]).toEqual([false, []])
  })
})

describe('keys', () => {
  test('are listed with what was authorised, limits, ends and spending', async () => {
    const first = (await desk.command(signed('new-key'))) as { api_key: string; key_id: string }
    await clock.advance(2_000)
    const limits = { spend: '500', per_day: '100', models: ['tiny'], expires_at: 1_900_000_000 }
    const second = (await desk.command(signed('new-key', JSON.stringify(limits)))) as { api_key: string; key_id: string }
    expect([first.key_id, second.key_id]).toEqual([first, second].map(({ api_key: key }) => keyId(hashApiKey(key))))
    ledger.reserve({ rid: 'a', channel: channel.name, amount: nanoton(9n), expiresAt: startMs + 600_000, key: hashApiKey(second.api_key) })
    await ledger.post(postOf('a', 7))
    await desk.command(signed('revoke-key', first.key_id))
    expect(await desk.command(signed('keys'))).toEqual({
      authorised: '900',
      keys: [
        { key_id: first.key_id, created_at: nowSeconds, revoked_at: nowSeconds + 2, limits: {}, spent: '0' },
        { key_id: second.key_id, created_at: nowSeconds + 2, revoked_at: null, limits, spent: '7' },
      ],
    })
  })

  test.each([
    ['no JSON', '{'],
    ['a member that is none', '{"speed":1}'],
    ['an amount with a sign', '{"spend":"-1"}'],
    ['no models at all', '{"models":[]}'],
    ['a time that is none', '{"expires_at":"soon"}'],
  ])('with %s for limits are not made', async (_, argument) => {
    await expect(desk.command(signed('new-key', argument))).rejects.toMatchObject(refusal('bad-request', 'argument'))
    expect(ledger.keysOf(channel.name)).toEqual([])
  })

  test('that are none cannot be revoked', async () => {
    await expect(desk.command(signed('revoke-key', 'key_0000000000000000'))).rejects.toMatchObject(refusal('not-found', 'argument'))
  })

  test('are not made on a channel that was stopped', async () => {
    await ledger.stop(channel.name)
    await expect(desk.command(signed('new-key'))).rejects.toMatchObject(refusal('bad-request', 'channel'))
  })
})

describe('a close', () => {
  test('stops the channel, settles all of it, and gives leave for what was spent', async () => {
    hold(ledger, 'a', 50, { channel: channel.name })
    await ledger.post(postOf('a', 42))
    const release = (await desk.command(signed('close'))) as { channel: string; min_settled: string; signature: string }
    expect(release).toMatchObject({ channel: channel.name, min_settled: '42' })
    const terms = { chain: testChain, channel: channel.address, minSettled: nanoton(42n) }
    expect(() => verifyRelease(payee.publicKey, terms, Buffer.from(release.signature, 'hex'))).not.toThrow()
    expect([settled, released]).toEqual([[channel.name], [[channel.name, 42n]]])
    expect(ledger.account(channel.name)!.stopped).toBe(true)
  })

  test('asked for again gives the same leave', async () => {
    const first = await desk.command(signed('close'))
    await clock.advance(10_000)
    expect(await desk.command(signed('close', '', { at: nowSeconds + 10 }))).toEqual(first)
  })

  test('waits for what runs, takes nothing new, and counts what that comes to', async () => {
    hold(ledger, 'a', 50, { channel: channel.name })
    hold(ledger, 'b', 50, { channel: channel.name })
    expect(await desk.command(signed('close'))).toEqual({ running: 2 })
    expect(() => hold(ledger, 'c', 1, { channel: channel.name })).toThrow(expect.objectContaining({ code: 'channel-not-open' }))
    await ledger.post(postOf('a', 30))
    expect(await desk.command(signed('close'))).toEqual({ running: 1 })
    ledger.void('b')
    expect(await desk.command(signed('close'))).toMatchObject({ min_settled: '30' })
  })

  test('is given although the chain is away: the leave says what has to be settled first', async () => {
    desk = deskWith({ settle: () => Promise.reject(new Error('connect ECONNREFUSED')) })
    hold(ledger, 'a', 50, { channel: channel.name })
    await ledger.post(postOf('a', 42))
    expect(await desk.command(signed('close'))).toMatchObject({ min_settled: '42' })
  })

  test('is not given where it cannot be kept', async () => {
    desk = deskWith({ keepRelease: () => Promise.reject(new Error('no space left')) })
    await expect(desk.command(signed('close'))).rejects.toThrow('no space left')
    expect(ledger.account(channel.name)!.stopped).toBe(true)
  })
})

describe('claims outside the ledger', () => {
  let folder: string
  const files = (on = ledger) =>
    new ClaimFiles({
      ...{ directory: folder, ledger: on, chainId: testChain, payeeKey: payee.privateKey },
      ...{ threshold: nanoton(100n), clock, logger: silentLogger },
    })
  const stored = () => {
    const names = readdirSync(folder).filter(name => name.endsWith('.json'))
    return names.map(name => JSON.parse(readFileSync(join(folder, name), 'utf8')) as { claim: { amount: string } })
  }
  const spend = async (rid: string, cost: number) => {
    hold(ledger, rid, cost, { channel: channel.name, expiresAt: clock.now() + 600_000 })
    await ledger.post(postOf(rid, cost))
  }

  beforeEach(() => {
    folder = join(dirname(file), 'claims')
  })

  test('are written once a minute, and sooner when much was spent', async () => {
    const claims = files()
    await claims.start()
    onTestFinished(() => claims.stop())
    await spend('a', 10)
    await wait(5_000)
    // The disk takes its own time.
    await vi.waitFor(() =>
      expect(stored()).toMatchObject([
        { chain: testChain, channel: channel.name, authorization: { ceiling: '900' }, claim: { amount: '10' } },
      ]),
    )
    await spend('b', 10)
    await wait(55_000)
    expect(stored()[0]!.claim.amount).toBe('10')
    await wait(5_000)
    await vi.waitFor(() => expect(stored()[0]!.claim.amount).toBe('20'))
    await spend('c', 100)
    await wait(5_000)
    await vi.waitFor(() => expect(stored()[0]!.claim.amount).toBe('120'))
  })

  test('are written when the proxy stops, and not where nothing was spent', async () => {
    const claims = files()
    await claims.start()
    await claims.stop()
    expect(stored()).toEqual([])
    const again = files()
    await again.start()
    await spend('a', 10)
    await again.stop()
    expect(stored()).toMatchObject([{ claim: { amount: '10' } }])
  })

  test('keep leave to close: a ledger out of a back-up, which has forgotten it, is stopped again', async () => {
    const claims = files()
    await claims.start()
    const given = await deskWith({ keepRelease: (name, release) => claims.keepRelease(name, release) }).command(signed('close'))
    await claims.stop()

    const older = temporaryFile()
    const restored = await openLedger({ file: older, clock, store: inlineStore(older) })
    onTestFinished(() => restored.close())
    await restored.openChannel({ address: channel.name, terms: '{}', payerKey: payer.publicKey, payeeKeyId: '' })
    restored.noteChain(channel.name, { status: 1, deposited: nanoton(1_000n), settled: nanoton(0n) })
    await restored.authorise(channel.name, { ceiling: nanoton(900n), signature: channel.authorise(900) })
    const after = files(restored)
    await after.start()
    onTestFinished(() => after.stop())
    expect(restored.account(channel.name)).toMatchObject({ stopped: true, available: 0n })
    expect(toHex(restored.releaseOf(channel.name)!.signature)).toBe((given as { signature: string }).signature)
  })

  /** Lets time pass, and files be written. */
  async function wait(ms: number): Promise<void> {
    for (let passed = 0; passed < ms; passed += 5_000) {
      await clock.advance(5_000)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
})
