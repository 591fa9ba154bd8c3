/**
 * A reverse proxy that stands before Chrysalis and checks every answer on its way to whoever asked: fetch, a client library, a
 * process of its own. It holds nothing back and changes nothing, so that streams, aborts and slow readers stay what they are.
 */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'
import { AnswerChecker } from './check-answer.ts'
import { noteViolations } from './violations.ts'

export interface CheckingProxy {
  readonly url: string
  close(): Promise<void>
}

/** The operator's pages are no answers of the API. */
const isPage = (path: string) => /^\/console(?:[/?]|$)/.test(path)

/** Of one connection, not of the answer. */
const hopByHop = new Set(['connection', 'keep-alive', 'transfer-encoding'])

/** Starts one before what `target` says at each request, a URL without a path. */
export async function startCheckingProxy(target: () => string): Promise<CheckingProxy> {
  const server = createServer({ requireHostHeader: false }, (incoming, outgoing) => {
    const method = incoming.method!
    const path = incoming.url!
    // A connection for each request: one that is kept could be closed by a proxy that stops, just as it is used again. It is
    // closed from this side, though: a server that closes upon an early refusal would cut the refusal off.
    const headers = { ...endToEnd(incoming), connection: 'keep-alive' }
    const forward = send(new URL(path, target()), { method, headers, agent: false })
    forward.on('response', answer => {
      let checker = isPage(path) ? undefined : checkerOf(method, path, answer)
      const check = (step: (checker: AnswerChecker) => void) => {
        const current = checker
        if (current && !noteViolations(() => step(current))) checker = undefined
      }
      outgoing.sendDate = false
      outgoing.writeHead(answer.statusCode!, answer.statusMessage!, endToEnd(answer))
      outgoing.flushHeaders()
      answer.on('data', (bytes: Buffer) => {
        check(current => current.push(bytes))
        if (!outgoing.write(bytes)) answer.pause()
      })
      outgoing.on('drain', () => answer.resume())
      answer.on('end', () => {
        check(current => current.end(answer.complete))
        checker = undefined
        outgoing.end()
      })
      answer.on('error', () => {})
      answer.on('close', () => {
        check(current => current.end(false))
        checker = undefined
        if (!answer.complete) outgoing.destroy()
      })
    })
    forward.on('error', () => {
      // A refusal that came before the body's end is an answer all the same; what else is sent goes nowhere.
      incoming.unpipe(forward).resume()
      if (!outgoing.headersSent) outgoing.destroy()
    })
    outgoing.on('close', () => forward.destroy())
    incoming.pipe(forward)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}

function checkerOf(method: string, path: string, answer: IncomingMessage): AnswerChecker | undefined {
  let checker: AnswerChecker | undefined
  const headers = new Headers()
  for (const [name, values] of Object.entries(answer.headersDistinct)) for (const value of values!) headers.append(name, value)
  noteViolations(() => {
    checker = new AnswerChecker({ method, path, status: answer.statusCode!, contentType: headers.get('content-type'), headers })
  })
  return checker
}

function endToEnd({ headersDistinct }: IncomingMessage): OutgoingHttpHeaders {
  const kept = Object.entries(headersDistinct).filter(([name]) => !hopByHop.has(name))
  return Object.fromEntries(kept.map(([name, values]) => [name, values!.length === 1 ? values![0] : values]))
}
