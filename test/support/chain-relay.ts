/** Stands between a proxy and its chain, counts what passes, and strikes at one call: before the chain hears of it, or after it has and the proxy has not. */
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Strike {
  /** At which call from now on, from one. */
  readonly call: number
  readonly when: 'before' | 'after'
  readonly action: () => void
}

export class ChainRelay {
  readonly #server: Server
  readonly #target: string
  #calls = 0
  #strike: Strike | undefined

  private constructor(target: string) {
    this.#target = target
    this.#server = createServer(async (request, response) => {
      const pieces: Buffer[] = []
      for await (const piece of request) pieces.push(piece as Buffer)
      this.#calls += 1
      const strike = this.#strike && this.#calls === this.#strike.call ? this.#strike : undefined
      if (strike?.when === 'before') return strike.action()
      const answer = await fetch(this.#target, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: Buffer.concat(pieces),
      })
      const body = await answer.text()
      if (strike) return strike.action()
      response.writeHead(answer.status, { 'content-type': 'application/json' }).end(body)
    })
  }

  static async start(target: string): Promise<ChainRelay> {
    const relay = new ChainRelay(target)
    relay.#server.listen(0, '127.0.0.1')
    await once(relay.#server, 'listening')
    return relay
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}/`
  }

  /** Counts anew, and strikes once. */
  arm(strike: Strike): void {
    this.#calls = 0
    this.#strike = strike
  }

  /** True once the strike was reached, false after `limitMs` without. */
  async reached(limitMs: number): Promise<boolean> {
    const deadline = Date.now() + limitMs
    while (this.#strike && this.#calls < this.#strike.call) {
      if (Date.now() > deadline) return false
      await new Promise(resolve => setTimeout(resolve, 10))
    }
    return true
  }

  /** Whether the strike was reached; nothing strikes any more. */
  disarm(): boolean {
    const reached = this.#strike !== undefined && this.#calls >= this.#strike.call
    this.#strike = undefined
    return reached
  }

  close(): void {
    this.#server.closeAllConnections()
    this.#server.close()
  }
}
