import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { EngineClient, type EngineLimits } from '../../src/agent/engine-client.ts'
import type { AgentError } from '../../src/agent/errors.ts'
import { systemClock } from '../../src/lib/clock.ts'

const limits: EngineLimits = { connectMs: 500, firstByteMs: 200, idleMs: 150, totalMs: 600, answerBytes: 10_000 }
const closers: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const close of closers.splice(0)) await close()
})

/** A raw server: `script` gets each connection and the number of the request on all of them. */
async function client(script: (socket: Socket, count: number) => void, changed: Partial<EngineLimits> = {}): Promise<EngineClient> {
  let count = 0
  const sockets = new Set<Socket>()
  const server = createServer(socket => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.on('data', bytes => {
      if (bytes.includes('POST ') || bytes.includes('GET ')) script(socket, ++count)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const engine = new EngineClient({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    clock: systemClock,
    limits: { ...limits, ...changed },
  })
  closers.push(() => engine.close())
  closers.push(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return engine
}

interface Heard {
  head?: string
  text: string
  /** How many times the sink was given something. */
  pieces: number
  ended: boolean
  error?: AgentError
}

function ask(engine: EngineClient): Promise<Heard> {
  return new Promise(resolve => {
    const heard: Heard = { text: '', pieces: 0, ended: false }
    engine.post(
      '/v1/chat/completions',
      { contentType: 'application/json', bytes: Buffer.from('{}') },
      {
        head: type => {
          heard.head = type
        },
        data: chunk => {
          heard.text += chunk.toString()
          heard.pieces += 1
          return true
        },
        end: () => resolve({ ...heard, ended: true }),
        fail: error => resolve({ ...heard, error }),
      },
    )
  })
}

const answer = (body: string, head = '') =>
  `HTTP/1.1 200 OK\r\ncontent-type: application/json; charset=utf-8\r\ncontent-length: ${body.length}\r\n${head}\r\n${body}`

describe('the engine client', () => {
  test('passes an answer on', async () => {
    const engine = await client(socket => socket.write(answer('{"a":1}')))
    expect(await ask(engine)).toEqual({ head: 'application/json', text: '{"a":1}', pieces: 1, ended: true })
  })

  describe('what comes in one read', () => {
    const head = 'HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n'
    const chunks = Array.from({ length: 1_000 }, (_, index) => `3\r\n${String(index).padStart(3, '0')}\r\n`).join('')
    const text = Array.from({ length: 1_000 }, (_, index) => String(index).padStart(3, '0')).join('')

    test('is passed on as one piece, however many the engine made of it', async () => {
      const heard = await ask(await client(socket => socket.write(`${head}${chunks}0\r\n\r\n`)))
      expect(heard).toMatchObject({ text, ended: true })
      // A read may be cut anywhere on its way.
      expect(heard.pieces).toBeLessThan(10)
    })

    test('is passed on at once, with the answer still open', async () => {
      const heard = await ask(await client(socket => socket.write(`${head}${chunks}`)))
      expect(heard).toMatchObject({ text, ended: false, error: { code: 'engine-timeout' } })
    })

    test.each([
      ['garbage', 'oops\r\n', {}, 'engine-garbage'],
      ['more than an answer may have', `${chunks}0\r\n\r\n`, { answerBytes: 3_500 }, 'engine-garbage'],
    ])('is passed on before %s in the same read', async (_, more, changed, code) => {
      const heard = await ask(await client(socket => socket.write(`${head}${chunks}${more}`), changed))
      expect(heard.text.startsWith(text)).toBe(true)
      expect(heard.error?.code).toBe(code)
    })
  })

  test('asks once more when a kept connection turns out to be closed', async () => {
    const engine = await client((socket, count) => {
      if (count === 2) socket.destroy()
      else socket.write(answer('{}'))
    })
    expect((await ask(engine)).ended).toBe(true)
    expect((await ask(engine)).ended).toBe(true)
  })

  test('asks no third time', async () => {
    let asked = 0
    const engine = await client(socket => {
      asked += 1
      socket.destroy()
    })
    expect((await ask(engine)).error?.code).toBe('engine-unreachable')
    expect(asked).toBe(2)
  })

  test.each<[string, string, (socket: Socket) => void]>([
    ['nothing at all', 'engine-timeout', () => {}],
    ['half a head', 'engine-timeout', socket => socket.write('HTTP/1.1 200 OK\r\ncontent-')],
    ['no HTTP', 'engine-garbage', socket => socket.write('SSH-2.0-OpenSSH_9.6\r\n')],
    ['a head and then nothing', 'engine-timeout', socket => socket.write(answer('{}').slice(0, -1))],
    ['half an answer', 'engine-cut', socket => socket.end(answer('{"a":1}').slice(0, -3))],
    [
      'a chunked answer that is cut',
      'engine-cut',
      socket => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n'),
    ],
    ['more than is allowed', 'engine-garbage', socket => socket.write(answer('x'.repeat(20_000)))],
    ['a packed answer', 'engine-garbage', socket => socket.write(answer('{}', 'content-encoding: gzip\r\n'))],
    ['a huge head', 'engine-unreachable', socket => socket.write(`HTTP/1.1 200 OK\r\nx-a: ${'a'.repeat(100_000)}\r\n\r\n`)],
    [
      'a redirect',
      'engine-refused',
      socket => socket.write('HTTP/1.1 302 Found\r\nlocation: http://example.com/\r\ncontent-length: 0\r\n\r\n'),
    ],
    [
      'an endless error',
      'engine-refused',
      socket => socket.write(`HTTP/1.1 500 Oh\r\ntransfer-encoding: chunked\r\n\r\n${`ffff\r\n${'x'.repeat(0xffff)}\r\n`.repeat(2)}`),
    ],
  ])('ends with one error when the engine sends %s', async (_what, code, script) => {
    const engine = await client(socket => script(socket))
    expect((await ask(engine)).error).toMatchObject({ name: 'AgentError', code })
  })

  test('ends an answer that goes on for too long', async () => {
    const engine = await client(socket => {
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n')
      const timer = setInterval(() => socket.write('1\r\nx\r\n'), 20)
      socket.on('close', () => clearInterval(timer))
    })
    const heard = await ask(engine)
    expect(heard.error?.code).toBe('engine-timeout')
    expect(heard.text.length).toBeGreaterThan(5)
  })

  test('a pause is not silence', async () => {
    const engine = await client(socket => socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n'), {
      totalMs: 5_000,
    })
    const outcome = await new Promise<string>(resolve => {
      const call = engine.post(
        '/',
        { contentType: 'application/json', bytes: Buffer.from('{}') },
        {
          head: () => {},
          data: () => {
            setTimeout(() => resolve('still there'), 400)
            return false
          },
          end: () => resolve('ended'),
          fail: error => resolve(error.code),
        },
      )
      closers.push(() => call.abort())
    })
    expect(outcome).toBe('still there')
  })

  test('an aborted call says nothing more, and its connection is closed', async () => {
    let closed: Promise<unknown> | undefined
    const engine = await client(socket => {
      closed = once(socket, 'close')
      socket.write('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n')
    })
    const said: string[] = []
    await new Promise<void>(resolve => {
      const call = engine.post(
        '/',
        { contentType: 'application/json', bytes: Buffer.from('{}') },
        {
          head: () => {},
          data: () => {
            call.abort()
            call.abort()
            resolve()
            return true
          },
          end: () => said.push('end'),
          fail: () => said.push('fail'),
        },
      )
    })
    await closed
    expect(said).toEqual([])
  })

  test('whatever the sink throws ends the call as the engine’s fault', async () => {
    const engine = await client(socket => socket.write(answer('{}')))
    const error = await new Promise<AgentError>(resolve => {
      engine.post(
        '/',
        { contentType: 'application/json', bytes: Buffer.from('{}') },
        {
          head: () => {
            throw new Error('no')
          },
          data: () => true,
          end: () => {},
          fail: resolve,
        },
      )
    })
    expect(error.code).toBe('engine-cut')
  })

  test('an error of the engine keeps its words out of sight of loggers', async () => {
    const engine = await client(socket => socket.write('HTTP/1.1 400 Bad\r\ncontent-length: 6\r\n\r\nsecret'))
    const { error } = await ask(engine)
    expect(error).toMatchObject({ code: 'engine-refused', status: 400 })
    expect(error?.body?.toString()).toBe('secret')
    expect(JSON.stringify({ ...error, message: error?.message, stack: error?.stack })).not.toContain('secret')
  })
})
