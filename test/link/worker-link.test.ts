import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type AnswerSink, type LinkError, type Outgoing, WorkerLink } from '../../src/link/index.ts'

const envelope = { 'content-type': 'application/chrysalis-envelope' }
const open: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
})

type Handler = (request: IncomingMessage, response: ServerResponse, body: Buffer) => void

async function worker(handler: Handler, limits = { firstByteMs: 5_000, idleMs: 5_000 }): Promise<WorkerLink> {
  const server = createServer((request, response) => {
    const parts: Buffer[] = []
    request.on('data', part => parts.push(part)).on('end', () => handler(request, response, Buffer.concat(parts)))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  open.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return linkTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`, limits)
}

function linkTo(url: string, limits = { firstByteMs: 5_000, idleMs: 5_000 }): WorkerLink {
  const link = new WorkerLink({ url, ...limits })
  open.push(() => link.close())
  return link
}

/** A request that is small enough to be sent at once. */
const atOnce = (bytes: Buffer): Outgoing => ({
  size: bytes.length,
  bytes,
  pieces: () => refuse('a small request was asked for its pieces'),
})

/** A large one, piece by piece; `taken` counts them. */
function inPieces(count: number, taken = { pieces: 0 }): Outgoing {
  return {
    size: count * pieceSize,
    get bytes() {
      return refuse('a large request was asked for all its bytes')
    },
    *pieces() {
      for (let i = 0; i < count; i++) {
        taken.pieces += 1
        yield Buffer.alloc(pieceSize, i)
      }
    },
  }
}

const pieceSize = 256 * 1024

function refuse(message: string): never {
  throw new Error(message)
}

const always = () => true

/** Sends and collects the whole answer. */
function send(link: WorkerLink, sealed = atOnce(Buffer.from('sealed')), mayLeave = always): Promise<{ data: Buffer } | LinkError> {
  return new Promise(resolve => {
    const parts: Buffer[] = []
    const sink = { data: (chunk: Buffer) => parts.push(chunk) > 0, end: () => resolve({ data: Buffer.concat(parts) }), fail: resolve }
    link.send(sealed, sink, mayLeave)
  })
}

describe('a link to a worker', () => {
  test('carries the bytes both ways as they are', async () => {
    const link = await worker((request, response, body) => {
      response.writeHead(200, envelope).end(Buffer.concat([Buffer.from(`${request.method} ${request.url} `), body]))
    })
    expect(await send(link, atOnce(Buffer.from([0, 1, 254, 255])))).toEqual({
      data: Buffer.concat([Buffer.from('POST /v1/sealed '), Buffer.from([0, 1, 254, 255])]),
    })
  })

  test('names the problem of an outer answer', async () => {
    const link = await worker((_, response) =>
      response.writeHead(409, { 'content-type': 'application/problem+json' }).end('{"type":"urn:chrysalis:unknown-key"}'),
    )
    expect(await send(link)).toMatchObject({ code: 'refused', status: 409, problem: 'unknown-key' })
  })

  test('takes a 200 that is no envelope for a refusal', async () => {
    const link = await worker((_, response) => response.writeHead(200, { 'content-type': 'text/html' }).end('<html>'))
    expect(await send(link)).toMatchObject({ code: 'refused', status: 200, problem: undefined })
  })

  test('says unreachable where nobody listens', async () => {
    expect(await send(linkTo('http://127.0.0.1:1'))).toMatchObject({ code: 'unreachable' })
  })

  test('says broken where the answer ends in the middle', async () => {
    const link = await worker((_, response) => {
      response.writeHead(200, envelope)
      response.write('half', () => response.destroy())
    })
    expect(await send(link)).toMatchObject({ code: 'broken' })
  })

  test('says timeout where the worker is silent, before and within an answer', async () => {
    const silent = await worker(() => {}, { firstByteMs: 50, idleMs: 5_000 })
    expect(await send(silent)).toMatchObject({ code: 'timeout' })
    const stuck = await worker((_, response) => response.writeHead(200, envelope).write('begun'), { firstByteMs: 5_000, idleMs: 50 })
    expect(await send(stuck)).toMatchObject({ code: 'timeout' })
  })

  test('sends the same bytes once more where the worker closed the connection before an answer', async () => {
    const bodies: string[] = []
    const link = await worker((request, response, body) => {
      bodies.push(body.toString())
      if (bodies.length === 1) request.socket.destroy()
      else response.writeHead(200, envelope).end('answer')
    })
    expect(await send(link)).toEqual({ data: Buffer.from('answer') })
    expect(bodies).toEqual(['sealed', 'sealed'])
  })

  test('gives up where the worker closes the connection every time', async () => {
    let asked = 0
    const link = await worker(request => {
      asked += 1
      request.socket.destroy()
    })
    expect(await send(link)).toMatchObject({ code: 'unreachable' })
    expect(asked).toBe(2)
  })

  test('slows the worker while the reader is slow, and goes on', async () => {
    const size = 32 * 1024 * 1024
    let sent = 0
    const link = await worker((_, response) => {
      response.writeHead(200, envelope)
      const chunk = Buffer.alloc(64 * 1024)
      const pump = () => {
        while (sent < size) {
          sent += chunk.length
          if (!response.write(chunk)) return void response.once('drain', pump)
        }
        response.end()
      }
      pump()
    })
    let received = 0
    let paused = false
    await new Promise<void>((resolve, reject) => {
      const sink: AnswerSink = {
        data: chunk => {
          received += chunk.length
          if (paused) return true
          paused = true
          // The worker runs into its own high-water mark, far below the whole answer, and waits there.
          let before = -1
          const wait = () => {
            if (sent !== before) {
              before = sent
              setTimeout(wait, 30)
              return
            }
            expect(sent).toBeLessThan(size)
            call.resume()
          }
          setTimeout(wait, 30)
          return false
        },
        end: resolve,
        fail: reject,
      }
      const call = link.send(atOnce(Buffer.from('x')), sink, always)
    })
    expect(received).toBe(size)
  })

  test('sends a large request piece by piece, with its size, and the same pieces again where the worker closed', async () => {
    const seen: { length: string | undefined; right: boolean }[] = []
    const taken = { pieces: 0 }
    const link = await worker((request, response, body) => {
      const right = Array.from({ length: 12 }, (_, i) => body.subarray(i * pieceSize, (i + 1) * pieceSize)).every(
        (piece, i) => piece.length === pieceSize && piece[0] === i && piece.at(-1) === i,
      )
      seen.push({ length: request.headers['content-length'], right: right && body.length === 12 * pieceSize })
      if (seen.length === 1) request.socket.destroy()
      else response.writeHead(200, envelope).end('answer')
    })
    expect(await send(link, inPieces(12, taken))).toEqual({ data: Buffer.from('answer') })
    expect(seen).toEqual(Array(2).fill({ length: String(12 * pieceSize), right: true }))
    expect(taken.pieces).toBe(24)
  })

  /** A worker that does not read what is sent to it. */
  async function unreadWorker(handler: (request: IncomingMessage, response: ServerResponse) => void): Promise<WorkerLink> {
    const server = createServer(handler)
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    open.push(async () => {
      server.closeAllConnections()
      server.close()
    })
    return linkTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  }

  test('takes no more pieces than the worker takes, and none once the line is cut', async () => {
    const arrived = Promise.withResolvers<IncomingMessage>()
    const link = await unreadWorker(arrived.resolve)
    const taken = { pieces: 0 }
    const outcome = Promise.withResolvers<unknown>()
    const sink = { data: () => true, end: () => outcome.resolve('end'), fail: outcome.resolve }
    const call = link.send(inPieces(256, taken), sink, always)
    const request = await arrived.promise
    // The sender runs into the sockets' buffers, far below the whole, and waits there.
    for (let before = -1; before !== taken.pieces; ) {
      before = taken.pieces
      await new Promise(resolve => setTimeout(resolve, 30))
    }
    expect(taken.pieces).toBeLessThan(128)
    const before = taken.pieces
    call.abort()
    expect(await outcome.promise).toMatchObject({ code: 'unreachable' })
    const closed = new Promise(resolve => request.on('close', resolve).on('error', () => {}))
    request.resume()
    await closed
    expect(taken.pieces).toBe(before)
  })

  test('ends sending where the worker refuses in the middle, and tells its problem', async () => {
    const taken = { pieces: 0 }
    const link = await unreadWorker((request, response) => {
      request.on('error', () => {}).resume()
      const problem = '{"type":"urn:chrysalis:too-large"}'
      response.writeHead(413, { 'content-type': 'application/problem+json', 'content-length': problem.length }).write(problem)
    })
    expect(await send(link, inPieces(256, taken))).toMatchObject({ code: 'refused', status: 413, problem: 'too-large' })
    expect(taken.pieces).toBeLessThan(256)
  })

  test('sends nothing where the lease ended before the connection stood', async () => {
    const seen: number[] = []
    const link = await worker((_, response, body) => {
      seen.push(body.length)
      response.writeHead(200, envelope).end()
    })
    expect(await send(link, atOnce(Buffer.from('sealed')), () => false)).toMatchObject({ code: 'withdrawn' })
    expect(await send(link, inPieces(4), () => false)).toMatchObject({ code: 'withdrawn' })
    expect(seen).toEqual([])
  })

  test('does not send again what the worker closed on, once the lease ended', async () => {
    let seen = 0
    const link = await worker(request => {
      seen += 1
      request.socket.destroy()
    })
    expect(await send(link, atOnce(Buffer.from('sealed')), () => seen === 0)).toMatchObject({ code: 'withdrawn' })
    expect(seen).toBe(1)
  })

  test('ends a large request in its middle where the lease ends there', async () => {
    const left: Promise<unknown>[] = []
    const link = await unreadWorker(request => {
      left.push(new Promise(resolve => request.on('error', () => {}).on('close', () => resolve(request.complete))))
      request.resume()
    })
    const taken = { pieces: 0 }
    expect(await send(link, inPieces(256, taken), () => taken.pieces < 3)).toMatchObject({ code: 'withdrawn' })
    expect(taken.pieces).toBe(3)
    expect(await Promise.all(left)).toEqual(left.map(() => false))
  })

  test('cuts the line at once', async () => {
    const closed = Promise.withResolvers<void>()
    const link = await worker((_, response) => {
      response.on('close', closed.resolve)
      response.writeHead(200, envelope).write('begun')
    })
    const outcome = await new Promise(resolve => {
      const sink: AnswerSink = {
        data: () => {
          call.abort()
          return true
        },
        end: () => resolve('end'),
        fail: resolve,
      }
      const call = link.send(atOnce(Buffer.from('x')), sink, always)
    })
    expect(outcome).toMatchObject({ code: 'broken' })
    await closed.promise
  })

  test('asks for evidence over its nonce and hands on the document word for word', async () => {
    const link = await worker((request, response) => response.writeHead(200).end(JSON.stringify({ url: request.url })))
    const nonce = Buffer.alloc(32, 0xab)
    expect(await link.fetchEvidence(nonce)).toBe(JSON.stringify({ url: `/.well-known/chrysalis?nonce=${'ab'.repeat(32)}` }))
  })

  test('refuses evidence that is too large or comes with another status', async () => {
    const large = await worker((_, response) => response.end(Buffer.alloc(2 * 1024 * 1024)))
    await expect(large.fetchEvidence(Buffer.alloc(32))).rejects.toMatchObject({ code: 'broken' })
    const failing = await worker((_, response) => response.writeHead(500).end('no'))
    await expect(failing.fetchEvidence(Buffer.alloc(32))).rejects.toMatchObject({ code: 'refused', status: 500 })
  })

  test('asks the worker to cancel, and does not mind when that fails', async () => {
    const urls: string[] = []
    const link = await worker((request, response) => {
      urls.push(`${request.method} ${request.url}`)
      response.writeHead(404).end()
    })
    await link.cancel('abc')
    expect(urls).toEqual(['POST /v1/sealed/abc/cancel'])
    await linkTo('http://127.0.0.1:1').cancel('abc')
  })
})
