/** One call and its answer in toncenter's envelope, with the faults that are on order for it. */
import { once } from 'node:events'
import type { HttpBindings } from '@hono/node-server'
import { RESPONSE_ALREADY_SENT } from '@hono/node-server/utils/response'
import type { Context } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Clock } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import type { DevChain } from './chain.ts'
import { DevChainError, statusOf } from './errors.ts'
import { type FaultOf, type Faults, Met } from './faults.ts'
import { methods } from './methods/index.ts'
import type { ChainView } from './view.ts'

export interface Env {
  Bindings: HttpBindings
}

/** A call, whichever way it came. */
export interface Call {
  readonly endpoint: string
  readonly method: string
  readonly values: unknown
  readonly verb: 'get' | 'post'
  /** Of a JSON-RPC request; `undefined` for the REST form, whose answer has none. */
  readonly id: string | number | null | undefined
}

interface Served {
  readonly chain: DevChain
  readonly faults: Faults
  readonly clock: Clock
  readonly logger: Logger
}

/** Answers `call`; errors are answers too. */
export async function answer(c: Context<Env>, served: Served, call: Call): Promise<Response> {
  // What controls the faults must get through.
  const met = call.method.startsWith('dev_') ? new Met() : served.faults.meet(call.endpoint, call.method)
  const slow = met.first('slow')
  if (slow) await new Promise<void>(resolve => served.clock.after(slow.delay_ms, resolve))
  if (met.first('rate-limit')) return failure(c, new DevChainError('rate-limit', 'Ratelimit exceed'), call.id)
  const drop = met.first('drop')
  if (drop && !drop.after) return hangUp(c)
  if (met.first('hang')) return leaveOpen(c)
  const broken = met.first('error')
  if (broken) return brokenAnswer(c, broken, call)
  const response = await carryOut(c, served, call, met)
  if (drop) return hangUp(c)
  const garble = met.first('garble')
  return garble ? garbled(c, garble, response) : response
}

/** An error in toncenter's envelope. */
export function failure(c: Context<Env>, error: unknown, id?: Call['id']): Response {
  const status = statusOf(error)
  const envelope = { ok: false, error: messageOf(error), code: status, '@extra': '_' }
  return c.json(rpc(envelope, id), status as ContentfulStatusCode)
}

async function carryOut(c: Context<Env>, served: Served, call: Call, met: Met): Promise<Response> {
  const { chain, faults } = served
  try {
    const method = methods.get(call.method)
    if (!method) throw new DevChainError('unknown-method', `Not Found: no method is called ${call.method.slice(0, 64)}`)
    if (!isRecord(call.values)) throw new DevChainError('bad-request', 'params must contain an object')
    const view = shownView(await chain.view(), met)
    const result = await method.call({ chain, view, faults, met }, call.values, call.verb)
    return c.json(rpc({ ok: true, result, '@extra': `${view.utime}:0:0` }, call.id))
  } catch (error) {
    if (!(error instanceof DevChainError)) served.logger.error({ method: call.method, cause: messageOf(error) }, 'a method failed')
    return failure(c, error, call.id)
  }
}

// What an endpoint that is behind still takes for the present.
function shownView(now: ChainView, met: Met): ChainView {
  const seqnos = [
    ...met.all('lag').map(({ blocks }) => Math.max(now.seqno - blocks, 1)),
    ...met.all('stuck').map(({ seqno }) => Math.min(seqno, now.seqno)),
  ]
  return seqnos.length === 0 ? now : now.at(Math.min(...seqnos))
}

function rpc(envelope: object, id: Call['id']): object {
  return id === undefined ? envelope : { ...envelope, jsonrpc: '2.0', id }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function hangUp(c: Context<Env>): Response {
  c.env.incoming.socket.destroy()
  return RESPONSE_ALREADY_SENT
}

async function leaveOpen(c: Context<Env>): Promise<Response> {
  await once(c.env.outgoing, 'close')
  return RESPONSE_ALREADY_SENT
}

const usualWords: Readonly<Record<number, string>> = {
  429: 'Ratelimit exceed',
  500: 'LITE_SERVER_NETWORKtimeout for adnl query query',
  502: 'Bad Gateway',
  503: 'Service Unavailable',
  504: 'Liteserver timeout',
}

function brokenAnswer(c: Context<Env>, { status, message, html }: FaultOf<'error'>, call: Call): Response {
  const words = message ?? usualWords[status] ?? 'Internal Server Error'
  const code = status as ContentfulStatusCode
  if (html) return c.html(`<html><head><title>${status}</title></head><body><center><h1>${status}</h1></center></body></html>`, code)
  return c.json(rpc({ ok: false, error: words, code: status, '@extra': '_' }, call.id), code)
}

async function garbled(c: Context<Env>, { form }: FaultOf<'garble'>, response: Response): Promise<Response> {
  if (form === 'text') return c.text('upstream connect error or disconnect/reset before headers')
  if (form === 'shape') return c.json({ ok: true, result: { '@type': 'ok.not', balance: {} } })
  const text = await response.text()
  return c.body(text.slice(0, Math.floor(text.length / 2)), 200, { 'content-type': 'application/json' })
}
