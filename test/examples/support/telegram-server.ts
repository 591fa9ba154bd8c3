/**
 * A Bot API server on loopback, as far as a chat bot uses it: https://core.telegram.org/bots/api. It holds callers to what is
 * documented of each method (required members, lengths, edits that change something, long polling with offsets) and refuses
 * whatever it does not know, so that a test cannot pass on a call that Telegram would turn down.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/** One call of the bot. */
export interface BotCall {
  readonly method: string
  readonly at: number
  readonly status: number
}

/** A message of the bot, as it stands in the chat now. */
export interface BotMessage {
  readonly message_id: number
  readonly chat: number
  text?: string
  photo?: Buffer
  caption?: string
  /** Every text that it has had. */
  readonly history: string[]
}

type Parameters = Readonly<Record<string, unknown>>

class BotApiError extends Error {
  readonly code: number
  readonly parameters: object | undefined

  constructor(code: number, description: string, parameters?: object) {
    super(description)
    this.code = code
    this.parameters = parameters
  }
}

const longestText = 4_096
const longestCaption = 1_024
const largestPhoto = 10 * 1024 * 1024

export class TelegramServer {
  readonly token = '123456:a-token-for-tests'
  readonly calls: BotCall[] = []
  readonly messages: BotMessage[] = []
  readonly #server: Server
  readonly #chats = new Set<number>()
  #updates: { update_id: number; message: object }[] = []
  #nextId = 1
  #floodedUntil = 0
  #floodSeconds = 0
  #wake: (() => void)[] = []
  #changed: (() => void)[] = []

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response))
  }

  static async start(): Promise<TelegramServer> {
    const server = new TelegramServer()
    server.#server.listen(0, '127.0.0.1')
    await once(server.#server, 'listening')
    return server
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  async close(): Promise<void> {
    this.#server.closeAllConnections()
    this.#server.close()
    await once(this.#server, 'close')
  }

  /** A person writes to the bot. */
  say(chat: number, text: string): void {
    this.#chats.add(chat)
    const [command] = text.split(' ')
    const entities = command!.startsWith('/') ? [{ type: 'bot_command', offset: 0, length: command!.length }] : []
    this.#updates.push({
      update_id: this.#nextId++,
      message: {
        message_id: this.#nextId++,
        date: Math.floor(Date.now() / 1000),
        chat: { id: chat, type: 'private', first_name: 'Ada' },
        from: { id: chat, is_bot: false, first_name: 'Ada' },
        text,
        ...(entities.length > 0 ? { entities } : {}),
      },
    })
    for (const wake of this.#wake.splice(0)) wake()
  }

  /** The next call that writes, and all after it until that time is over, are told to come back after `seconds`. */
  flood(seconds: number): void {
    this.#floodSeconds = seconds
  }

  /** The messages of a chat once `isThere` says so, looked at after each call. */
  async until(chat: number, isThere: (messages: readonly BotMessage[]) => boolean): Promise<readonly BotMessage[]> {
    for (;;) {
      const messages = this.messages.filter(message => message.chat === chat)
      if (isThere(messages)) return messages
      await new Promise<void>(resolve => this.#changed.push(resolve))
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const method = request.url!.split('/').at(-1)!
    let status = 200
    let body: object
    try {
      if (!request.url!.startsWith(`/bot${this.token}/`)) throw new BotApiError(401, 'Unauthorized')
      body = { ok: true, result: await this.#call(method, await parametersOf(request), response) }
    } catch (error) {
      if (!(error instanceof BotApiError)) throw error
      status = error.code
      body = {
        ok: false,
        error_code: error.code,
        description: error.message,
        ...(error.parameters ? { parameters: error.parameters } : {}),
      }
    }
    this.calls.push({ method, at: performance.now(), status })
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
    for (const wake of this.#changed.splice(0)) wake()
  }

  #call(method: string, parameters: Parameters, response: ServerResponse): unknown {
    switch (method) {
      case 'getMe':
        return { id: 123456, is_bot: true, first_name: 'Chrysalis', username: 'chrysalis_bot', can_join_groups: false }
      case 'deleteWebhook':
        return true
      case 'getUpdates':
        return this.#getUpdates(parameters, response)
      case 'sendMessage':
        return this.#sendMessage(parameters)
      case 'editMessageText':
        return this.#editMessageText(parameters)
      case 'sendPhoto':
        return this.#sendPhoto(parameters)
      default:
        throw new BotApiError(404, 'Not Found')
    }
  }

  /** Updates from `offset` on; those before it are confirmed and forgotten. */
  async #getUpdates({ offset = 0, limit = 100, timeout = 0 }: Parameters, response: ServerResponse): Promise<object[]> {
    const most = Number(limit)
    if (most < 1 || most > 100) throw new BotApiError(400, 'Bad Request: wrong limit')
    this.#updates = this.#updates.filter(update => update.update_id >= Number(offset))
    if (this.#updates.length === 0 && Number(timeout) > 0) {
      await new Promise<void>(resolve => {
        const timer = setTimeout(resolve, Number(timeout) * 1000)
        const done = () => {
          clearTimeout(timer)
          resolve()
        }
        this.#wake.push(done)
        response.once('close', done)
      })
    }
    return this.#updates.slice(0, most)
  }

  #sendMessage(parameters: Parameters): object {
    return this.#write(this.#chat(parameters), { text: textOf(parameters, 'text', longestText, 'message text') })
  }

  #editMessageText(parameters: Parameters): object {
    const chat = this.#chat(parameters)
    const message = this.messages.find(each => each.chat === chat && each.message_id === Number(parameters.message_id))
    if (message?.text === undefined) throw new BotApiError(400, 'Bad Request: message to edit not found')
    const text = textOf(parameters, 'text', longestText, 'message text')
    if (text === message.text)
      throw new BotApiError(
        400,
        'Bad Request: message is not modified: specified new message content and reply markup are exactly the same as a current content and reply markup of the message',
      )
    message.text = text
    message.history.push(text)
    return present(message)
  }

  #sendPhoto(parameters: Parameters): object {
    const chat = this.#chat(parameters)
    const named = parameters.photo
    const photo = typeof named === 'string' && named.startsWith('attach://') ? parameters[named.slice('attach://'.length)] : named
    if (!Buffer.isBuffer(photo)) throw new BotApiError(400, 'Bad Request: there is no photo in the request')
    if (photo.length > largestPhoto) throw new BotApiError(413, 'Request Entity Too Large')
    const caption = parameters.caption === undefined ? {} : { caption: textOf(parameters, 'caption', longestCaption, 'caption') }
    return this.#write(chat, { photo, ...caption })
  }

  #write(chat: number, content: Pick<BotMessage, 'text' | 'photo' | 'caption'>): object {
    const message: BotMessage = { message_id: this.#nextId++, chat, history: content.text === undefined ? [] : [content.text], ...content }
    this.messages.push(message)
    return present(message)
  }

  #chat(parameters: Parameters): number {
    const chat = Number(parameters.chat_id)
    if (!this.#chats.has(chat)) throw new BotApiError(400, 'Bad Request: chat not found')
    this.#refuseFlood()
    return chat
  }

  #refuseFlood(): void {
    if (this.#floodSeconds > 0) this.#floodedUntil = performance.now() + this.#floodSeconds * 1000
    this.#floodSeconds = 0
    const left = Math.ceil((this.#floodedUntil - performance.now()) / 1000)
    if (left > 0) throw new BotApiError(429, `Too Many Requests: retry after ${left}`, { retry_after: left })
  }
}

/** A text of 1 to `longest` UTF-16 units; spaces at its ends are taken off, as Telegram does. */
function textOf(parameters: Parameters, member: string, longest: number, name: string): string {
  if (parameters.parse_mode !== undefined || parameters.entities !== undefined)
    throw new BotApiError(400, 'Bad Request: this server reads no formatting')
  const text = typeof parameters[member] === 'string' ? (parameters[member] as string).trim() : ''
  if (text === '') throw new BotApiError(400, `Bad Request: ${name} is empty`)
  if (text.length > longest) throw new BotApiError(400, `Bad Request: ${name === 'caption' ? 'message caption' : 'message'} is too long`)
  if (!text.isWellFormed()) throw new BotApiError(400, 'Bad Request: strings must be encoded in UTF-8')
  return text
}

function present(message: BotMessage): object {
  return {
    message_id: message.message_id,
    date: Math.floor(Date.now() / 1000),
    chat: { id: message.chat, type: 'private', first_name: 'Ada' },
    ...(message.text === undefined ? {} : { text: message.text }),
    ...(message.photo === undefined ? {} : { photo: [{ file_id: 'photo', file_unique_id: 'photo', width: 1, height: 1 }] }),
  }
}

/** The parameters of a call, from JSON or a multipart form. */
async function parametersOf(request: IncomingMessage): Promise<Parameters> {
  const parts: Buffer[] = []
  for await (const part of request as AsyncIterable<Buffer>) parts.push(part)
  const body = Buffer.concat(parts)
  const type = request.headers['content-type'] ?? ''
  if (body.length === 0) return {}
  if (type.startsWith('application/json')) return JSON.parse(body.toString('utf8')) as Parameters
  if (!type.startsWith('multipart/form-data')) throw new BotApiError(400, 'Bad Request: unsupported content type')
  const form = await new Response(body, { headers: { 'content-type': type } }).formData()
  const values = Array.from(
    form,
    async ([name, value]): Promise<[string, unknown]> => [name, typeof value === 'string' ? value : Buffer.from(await value.arrayBuffer())],
  )
  return Object.fromEntries(await Promise.all(values))
}
