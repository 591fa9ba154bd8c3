/** `/v1/pay`: the worker's terms, signed by its receipt key; the channel that a proxy brings; and what it signs for. */
import { Hono } from 'hono'
import { bodyLimit } from 'hono/body-limit'
import type { Problem } from '../envelope/index.ts'
import {
  decodeChannel,
  decodePayment,
  encodeHeld,
  encodeOffer,
  mostMessageBytes,
  PayError,
  type PayErrorCode,
  type Payee,
} from '../payouts/index.ts'
import { parseNonce, problem } from './answers.ts'
import type { Generation } from './identity.ts'

export interface PayDesk {
  readonly payee: Payee
  /** Undefined while no keyset stands. */
  readonly generation: () => Pick<Generation, 'receiptKey'> | undefined
}

const statuses: Readonly<Record<PayErrorCode, number>> = {
  malformed: 400,
  'not-offered': 422,
  'not-funded': 402,
  'unknown-channel': 404,
  'bad-signature': 401,
  'out-of-step': 409,
  uncovered: 402,
  'chain-failed': 503,
}

/** What a refusal of the payee is on the wire. */
export function payProblem(error: PayError): Problem {
  return { type: `urn:chrysalis:${error.code}`, title: error.message, status: statuses[error.code] }
}

/** The routes. */
export function payRoutes({ payee, generation }: PayDesk): Hono {
  const app = new Hono()
  app.use(bodyLimit({ maxSize: mostMessageBytes, onError: () => problem(tooLarge) }))
  app.onError(error => {
    if (error instanceof PayError) return problem(payProblem(error))
    throw error
  })

  app.get('/', c => {
    const nonce = parseNonce(c.req.queries('nonce'))
    if (!nonce) return problem(badNonce)
    const now = generation()
    return now ? json(encodeOffer(payee.offer, nonce, now.receiptKey)) : problem(notReady)
  })

  app.post('/channel', async c => json(encodeHeld(await payee.bring(decodeChannel(await c.req.text())))))

  app.post('/payment', async c => {
    const payment = decodePayment(await c.req.text())
    try {
      return json(encodeHeld(payee.pay(payment)))
    } catch (error) {
      // The sender goes on from what is held, and needs its own signature to believe that.
      if (error instanceof PayError && error.code === 'out-of-step') return json(encodeHeld(payee.held(payment.channel)), 409)
      throw error
    }
  })
  return app
}

function json(text: string, status = 200): Response {
  return new Response(text, { status, headers: { 'content-type': 'application/json', 'cache-control': 'no-store' } })
}

const tooLarge: Problem = { type: 'urn:chrysalis:too-large', title: 'The message is too large', status: 413 }
const badNonce: Problem = {
  type: 'urn:chrysalis:bad-nonce',
  title: 'The nonce must be given once, as 64 lowercase hex digits',
  status: 400,
}
const notReady: Problem = { type: 'urn:chrysalis:not-ready', title: 'No keys stand yet', status: 503 }
