/** Something between proxy and worker that sees every byte, keeps all of them, and changes what a test tells it to. */
import { once } from 'node:events'
import { createServer, type Server, request as send } from 'node:http'
import type { AddressInfo } from 'node:net'

/** Bytes before the first frame of a response: "CEP1", kid, random. */
const preamble = 4 + 8 + 32

export interface Tampering {
  /** Changes an evidence document on its way to the proxy. */
  evidence?: (document: Record<string, unknown>) => Record<string, unknown>
  /** Changes a sealed request on its way to the worker. */
  request?: (bytes: Buffer) => Buffer
  /** Changes the frames of a sealed answer, each with its header; the first entry is what stands before the frames. */
  frames?: (frames: Buffer[]) => Buffer[]
}

export class TamperingLink {
  tampering: Tampering = {}
  /** Everything that passed, in either direction. */
  readonly seen: Buffer[] = []
  /** Sealed requests, as they came from the proxy. */
  readonly requests: Buffer[] = []
  readonly #server: Server
  readonly #target: string

  private constructor(target: string) {
    this.#target = target
    this.#server = createServer((incoming, outgoing) => {
      const parts: Buffer[] = []
      incoming.on('data', part => parts.push(part))
      incoming.on('end', () => {
        const body = Buffer.concat(parts)
        this.seen.push(Buffer.from(JSON.stringify(incoming.rawHeaders)), body)
        const sealed = incoming.url === '/v1/sealed'
        if (sealed) this.requests.push(body)
        const sent = sealed && this.tampering.request ? this.tampering.request(body) : body
        const { 'content-length': _, 'transfer-encoding': __, ...headers } = incoming.headers
        const forward = send(
          new URL(incoming.url!, this.#target),
          { method: incoming.method, headers: { ...headers, 'content-length': sent.length } },
          answer => {
            const whole =
              (sealed && this.tampering.frames !== undefined) ||
              (incoming.method === 'GET' && incoming.url!.startsWith('/.well-known') && this.tampering.evidence !== undefined)
            const received: Buffer[] = []
            const { 'content-length': ___, ...answered } = answer.headers
            outgoing.writeHead(answer.statusCode!, answered)
            outgoing.flushHeaders()
            answer.on('data', part => {
              this.seen.push(part)
              if (whole) received.push(part)
              else outgoing.write(part)
            })
            answer.on('end', () => {
              if (whole) outgoing.write(this.#change(sealed, answer.statusCode!, Buffer.concat(received)))
              outgoing.end()
            })
            answer.on('error', () => outgoing.destroy())
          },
        )
        forward.on('error', () => outgoing.destroy())
        outgoing.on('close', () => forward.destroy())
        forward.end(sent)
      })
    })
  }

  static async to(target: string): Promise<TamperingLink> {
    const link = new TamperingLink(target)
    link.#server.listen(0, '127.0.0.1')
    await once(link.#server, 'listening')
    return link
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`
  }

  close(): void {
    this.#server.close()
    this.#server.closeAllConnections()
  }

  #change(sealed: boolean, status: number, bytes: Buffer): Buffer {
    if (!sealed) return Buffer.from(JSON.stringify(this.tampering.evidence!(JSON.parse(bytes.toString('utf8')))))
    return status === 200 ? Buffer.concat(this.tampering.frames!(splitFrames(bytes))) : bytes
  }
}

/** The preamble, then frame by frame, header and payload together. */
export function splitFrames(bytes: Buffer): Buffer[] {
  const frames = [bytes.subarray(0, preamble)]
  for (let at = preamble; at < bytes.length; ) {
    const end = at + 4 + bytes.readUIntBE(at + 1, 3)
    frames.push(bytes.subarray(at, end))
    at = end
  }
  return frames
}
