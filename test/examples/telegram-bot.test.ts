/** The Telegram bot, run as it stands between a Bot API server of ours and a whole deployment. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { Address } from '@ton/core'
import { TonClient } from '@ton/ton'
import { decodeQR } from 'qr/decode.js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { DEV_GLOBAL_ID } from '../../src/dev-chain/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { nanoton } from '../../src/lib/nanoton.ts'
import { loadOrCreateKey, Wallet } from '../../src/payment-channel/index.ts'
import { type Deployment, deploy, price } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { readPng } from './support/png.ts'
import { environmentOf, exampleFile } from './support/run-example.ts'
import { TelegramServer } from './support/telegram-server.ts'

const editEveryMs = 80
/** So dear that no request of it is covered. */
const dear = { prompt: '0', cached: '0', completion: '600000000000000', reasoning: '600000000000000' }
let engine: ScriptedEngine
let deployment: Deployment
let telegram: TelegramServer
const bots: { child: ChildProcess; errors: () => string }[] = []

function startBot(server: TelegramServer, env: Record<string, string>): void {
  const child = spawn(process.execPath, [exampleFile('telegram-bot.ts')], {
    env: {
      ...environmentOf(deployment),
      TELEGRAM_BOT_TOKEN: server.token,
      TELEGRAM_API_ROOT: server.url,
      EDIT_EVERY_MS: String(editEveryMs),
      ...env,
    },
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let errors = ''
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  bots.push({ child, errors: () => errors })
}

beforeAll(async () => {
  engine = await ScriptedEngine.start({
    models: [
      { id: 'scripted', context_length: 4096, weights_digest: null },
      { id: 'dear', context_length: 4096, weights_digest: null },
    ],
  })
  deployment = await deploy({
    engines: [engine.url],
    proxy: { pricing: { default: price, models: { dear } }, payments: { poll_seconds: 1 } },
  })
  telegram = await TelegramServer.start()
  startBot(telegram, { MODEL: 'scripted' })
})

afterAll(async () => {
  for (const { child } of bots) {
    if (child.exitCode === null) child.kill('SIGKILL')
  }
  await telegram?.close()
  await deployment?.stop()
  await engine?.close()
})

const isWrite = ({ method }: { method: string }) => method === 'sendMessage' || method === 'editMessageText'

/** The bot's messages to one chat, once all together say `text`. */
const untilSaid = (chat: number, text: string) =>
  telegram.until(chat, messages => messages.map(message => message.text ?? '').join(' ') === text)

describe('an answer', () => {
  test('grows in one message by edits that are far enough apart, and ends exactly as the model made it', async () => {
    // Half-open Markdown of every kind: nothing of it may be read as formatting, or be refused.
    engine.tokens = ['*bold', ' _under', ' `code', ' [link](', ' ```ts\n', 'a_b_c * d', ' ~x~ ||y', ' <b>&amp;', ' \\', ' 🦋', ' !#+-=.{}']
    engine.mode = 'paced'
    engine.paceMs = 40
    const before = telegram.calls.length
    telegram.say(1, 'Say something')
    const [message, ...others] = await untilSaid(1, engine.text)
    expect(others).toEqual([])
    expect(message!.history.length).toBeGreaterThan(2)
    for (const text of message!.history) expect(engine.text.startsWith(text)).toBe(true)
    const writes = telegram.calls.slice(before).filter(isWrite)
    expect(writes.every(call => call.status === 200)).toBe(true)
    // Timers may fire a millisecond early.
    for (const [index, call] of writes.slice(1).entries()) expect(call.at - writes[index]!.at).toBeGreaterThan(editEveryMs * 0.9)
  })

  test('waits as long as Telegram says, and is complete all the same', async () => {
    engine.tokens = ['one', ' two', ' three', ' four']
    const before = telegram.calls.length
    telegram.flood(1)
    telegram.say(2, 'Count')
    await untilSaid(2, engine.text)
    const writes = telegram.calls.slice(before).filter(isWrite)
    expect(writes[0]!.status).toBe(429)
    expect(writes[1]!.at - writes[0]!.at).toBeGreaterThan(900)
  })

  test('that is longer than a message goes on in another, and no letter is cut', async () => {
    engine.mode = 'good'
    // No space to cut at for more than one message, and a letter of two units across the limit.
    engine.tokens = ['a', ...Array.from({ length: 2_500 }, () => '🦋'), ' and', ...Array.from({ length: 1_500 }, (_, index) => ` ${index}`)]
    telegram.say(3, 'Go on and on')
    const squeezed = engine.text.replaceAll(' ', '')
    const messages = await telegram.until(
      3,
      seen =>
        seen
          .map(message => message.text)
          .join('')
          .replaceAll(' ', '') === squeezed,
    )
    expect(messages.length).toBe(3)
    for (const { text } of messages) expect(text!.length).toBeLessThanOrEqual(4_096)
    expect(messages[0]!.text).toMatch(/^a(🦋)+$/u)
    // Cut between words where there are some.
    expect(messages[1]!.text).toMatch(/\d$/)
    expect(messages[2]!.text).toBe(engine.text.slice(-messages[2]!.text!.length))
  })

  test('does not hold up another chat', async () => {
    engine.mode = 'stepped'
    engine.tokens = ['Hi', '.']
    const asked = engine.requests.length
    telegram.say(4, 'Wait')
    await engine.asked(asked + 1)
    engine.mode = 'good'
    telegram.say(5, 'Hello')
    await untilSaid(5, 'Hi.')
    expect(telegram.messages.filter(message => message.chat === 4)).toEqual([])
    engine.step()
    await untilSaid(4, 'Hi.')
  })
})

describe('the account', () => {
  test('is shown by /balance, to the nanoTON', async () => {
    const { available, spent } = await deployment.account()
    telegram.say(6, '/balance')
    const [message] = await telegram.until(6, messages => messages.length === 1)
    const [, left, used] = /^([\d.]+) TON left, ([\d.]+) TON spent\.$/.exec(message!.text!)!
    const nano = (ton: string) => BigInt(ton.split('.')[0]! + (ton.split('.')[1] ?? '').padEnd(9, '0'))
    expect([nano(left!), nano(used!)]).toEqual([available, spent])
  })

  test('is topped up by the link in the QR code: the transfer arrives on the channel', async () => {
    telegram.say(7, '/topup 2.5')
    const [message] = await telegram.until(7, messages => messages.length === 1)
    const { width, height, data } = readPng(message!.photo!)
    const link = decodeQR({ width, height, data })
    expect(message!.caption).toContain(link)
    const [, address, amount] = /^ton:\/\/transfer\/([\w-]{48})\?amount=(\d+)$/.exec(link)!
    expect({ address, amount }).toEqual({ address: deployment.channel, amount: '2500000000' })

    const before = await deployment.account()
    const payer = new Wallet({
      client: new TonClient({ endpoint: deployment.chainUrl }),
      key: await loadOrCreateKey(join(deployment.folder, 'keys/payer-wallet')),
      globalId: DEV_GLOBAL_ID,
      clock: systemClock,
      intervalMs: 50,
    })
    await payer.send([{ to: Address.parse(address!), value: nanoton(BigInt(amount!)) }])
    const after = await eventually(async () => {
      const account = await deployment.account()
      return account.deposited > before.deposited ? account : undefined
    })
    // The channel keeps a little of each message for its own fees.
    expect(after.deposited - before.deposited).toBeGreaterThan(2_480_000_000n)
    telegram.say(7, '/balance')
    const [, balance] = await telegram.until(7, messages => messages.length === 2)
    expect(balance!.text).toMatch(/^2\.4\d+ TON more are deposited and wait for a higher ceiling\.$/m)
  })

  test.each(['/topup much', '/topup 0', '/topup -1', '/topup 1e9'])('is not topped up by %s', async text => {
    telegram.say(8, text)
    const before = telegram.messages.filter(message => message.chat === 8).length
    const messages = await telegram.until(8, seen => seen.length > before)
    expect(messages.at(-1)!.text).toBe('Say how many TON, such as /topup 2.5')
  })

  test('that does not cover an answer is said so', async () => {
    const other = await TelegramServer.start()
    try {
      startBot(other, { MODEL: 'dear', TELEGRAM_CHATS: '9' })
      other.say(10, 'a stranger')
      other.say(9, 'Hello')
      const messages = await other.until(9, seen => seen.length > 0)
      expect(messages[0]!.text).toBe('There is not enough left on the account: /topup')
      expect(other.messages.filter(message => message.chat === 10)).toEqual([])
    } finally {
      await other.close()
    }
  })
})

describe('the bot', () => {
  test('stops when it is told to, and had nothing to complain of', async () => {
    const [{ child, errors }] = bots as [(typeof bots)[0]]
    const exited = once(child, 'exit')
    child.kill('SIGTERM')
    expect(await exited).toEqual([0, null])
    expect(errors()).toBe('')
  })
})
