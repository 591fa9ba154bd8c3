/**
 * A Telegram bot that answers with a model behind Chrysalis: answers grow in the chat while they are made, /balance says
 * what is left, /topup shows where to send TON.
 *
 *     TELEGRAM_BOT_TOKEN=… OPENAI_BASE_URL=http://127.0.0.1:8080/v1 OPENAI_API_KEY=$(cat .chrysalis/key) node test/examples/telegram-bot.ts
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { Bot, type Context, InputFile } from 'grammy'
import { generate } from 'lean-qr'
import { toPngBuffer } from 'lean-qr/extras/node_export'
import OpenAI from 'openai'

const client = new OpenAI()
const model = process.env.MODEL ?? 'chrysalis-tiny'
/** Telegram takes about one message or edit a second in a chat. */
const editEveryMs = Number(process.env.EDIT_EVERY_MS ?? 1_000)
const longestMessage = 4_096
/** Whoever writes to the bot spends this account's money: name the chats that may. */
const chats = process.env.TELEGRAM_CHATS?.split(',').map(Number)

const bot = new Bot(process.env.TELEGRAM_BOT_TOKEN!, { client: { apiRoot: process.env.TELEGRAM_API_ROOT ?? 'https://api.telegram.org' } })

// Telegram says how long to wait when it is asked too often.
bot.api.config.use(async (call, method, payload, signal) => {
  for (;;) {
    const result = await call(method, payload, signal)
    const seconds = result.ok ? undefined : result.parameters?.retry_after
    if (seconds === undefined) return result
    await sleep(seconds * 1_000)
  }
})

bot.use(async (ctx, next) => {
  if (!chats || (ctx.chat && chats.includes(ctx.chat.id))) await next()
})

bot.command('start', ctx => ctx.reply('Ask me anything. /balance shows what is left, /topup 5 how to add 5 TON.'))

bot.command('balance', async ctx => {
  const { available, spent, deposited, authorised } = await account()
  const unsigned = BigInt(deposited) - BigInt(authorised)
  const lines = [`${ton(available)} TON left, ${ton(spent)} TON spent.`]
  // What is deposited can be spent up to the ceiling that the payer has signed.
  if (unsigned > 0n) lines.push(`${ton(unsigned)} TON more are deposited and wait for a higher ceiling.`)
  await ctx.reply(lines.join('\n'))
})

bot.command('topup', async ctx => {
  const amount = ctx.match === '' ? '1' : ctx.match
  if (!/^\d{1,6}(\.\d{1,9})?$/.test(amount) || Number(amount) === 0) {
    await ctx.reply('Say how many TON, such as /topup 2.5')
    return
  }
  const [whole, fraction = ''] = amount.split('.')
  const link = `ton://transfer/${(await account()).channel}?amount=${BigInt(whole! + fraction.padEnd(9, '0'))}`
  // White, not transparent: a photo in Telegram has no transparency.
  const photo = new InputFile(toPngBuffer(generate(link), { off: [255, 255, 255], scale: 8 }), 'top-up.png')
  await ctx.replyWithPhoto(photo, { caption: `Scan this with a TON wallet, or open\n${link}` })
})

// Not awaited: one long answer must not hold up everybody else.
bot.on('message:text', ctx => void answer(ctx, ctx.message.text).catch(error => apologise(ctx, error)))
bot.catch(({ ctx, error }) => apologise(ctx, error))

/** Streams an answer into the chat by editing one message, and goes on in another where that is full. */
async function answer(ctx: Context, question: string): Promise<void> {
  const stream = await client.chat.completions.create({ model, stream: true, messages: [{ role: 'user', content: question }] })
  const shown: { id: number; text: string }[] = []
  let nextAt = performance.now()
  const inTurn = async <T>(call: () => Promise<T>): Promise<T> => {
    await sleep(Math.max(0, nextAt - performance.now()))
    const result = await call()
    nextAt = performance.now() + editEveryMs
    return result
  }
  // No parse_mode: an answer may hold any Markdown, or half of it, and must arrive as it is.
  const show = async (text: string) => {
    for (const [index, part] of messages(text).entries()) {
      const message = shown[index]
      if (!message) shown.push({ id: (await inTurn(() => ctx.reply(part))).message_id, text: part })
      // Telegram refuses an edit that changes nothing.
      else if (message.text !== part) {
        await inTurn(() => ctx.api.editMessageText(ctx.chat!.id, message.id, part))
        message.text = part
      }
    }
  }
  let text = ''
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? ''
    if (performance.now() >= nextAt) await show(text)
  }
  await show(text)
  if (shown.length === 0) await ctx.reply('(The model said nothing.)')
}

/** A text as messages that Telegram takes: at most 4096 UTF-16 units each, cut at an end of line or word where there is one, never empty. */
function messages(text: string): string[] {
  const parts: string[] = []
  let rest = text
  while (rest.length > longestMessage) {
    const head = rest.slice(0, longestMessage)
    const space = Math.max(head.lastIndexOf('\n'), head.lastIndexOf(' '))
    // A letter outside the first plane is two units, which belong together.
    const letter = /[\uD800-\uDBFF]$/.test(head) ? longestMessage - 1 : longestMessage
    const at = space > longestMessage / 2 ? space + 1 : letter
    parts.push(rest.slice(0, at))
    rest = rest.slice(at)
  }
  return [...parts, rest].map(part => part.trim()).filter(part => part !== '')
}

async function apologise(ctx: Context, error: unknown): Promise<void> {
  const isBroke = error instanceof OpenAI.APIError && error.status === 402
  if (!isBroke) console.error(error)
  await ctx.reply(isBroke ? 'There is not enough left on the account: /topup' : 'That did not work. Please try again.')
}

interface Account {
  readonly channel: string
  readonly deposited: string
  readonly authorised: string
  readonly spent: string
  readonly available: string
}

function account(): Promise<Account> {
  return client.get<Account>('/account')
}

/** NanoTON as TON, exact. */
function ton(nano: string | bigint): string {
  const digits = nano.toString().padStart(10, '0')
  return `${digits.slice(0, -9)}.${digits.slice(-9)}`.replace(/\.?0+$/, '')
}

process.once('SIGTERM', () => void bot.stop())
process.once('SIGINT', () => void bot.stop())
await bot.start({ allowed_updates: ['message'] })
