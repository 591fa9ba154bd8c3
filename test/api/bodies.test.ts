/** Bodies of requests over a real socket: their size, their encoding, their pace, and the memory that all have together. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { gzipSync } from 'node:zlib'
import { describe, expect, onTestFinished, test } from 'vitest'
import { ManualClock } from '../support/manual-clock.ts'
import { answering, apiKey, chatAnswer, question, type Run, serveApi } from './support/serve-api.ts'

const path = '/v1/chat/completions'
const mebibyte = 1024 * 1024
const limits = { bytes: 100_000, togetherBytes: 1_000_000, totalMs: 10_000, silentMs: 5_000 }

/** Keeps the bodies that arrive. */
function keeping(): { bodies: string[]; run: Run } {
  const bodies: string[] = []
  const run: Run = (request, answer) => {
    bodies.push(request.body.toString('utf8'))
    return answering()(request, answer)
  }
  return { bodies, run }
}

async function refusalOf(response: Response): Promise<unknown> {
  const { error } = (await response.json()) as { error: { code: string | null; type: string } }
  return { status: response.status, code: error.code, type: error.type }
}

const sized = (bytes: number) => JSON.stringify({ ...question, pad: 'x'.repeat(bytes) })
const head = (...headers: string[]) =>
  [`POST ${path} HTTP/1.1`, 'host: a', `authorization: Bearer ${apiKey}`, 'content-type: application/json', ...headers, '', ''].join('\r\n')

/** A connection on which a test says each byte. */
async function dial(
  origin: string,
): Promise<{ socket: Socket; text: () => string; until: (words: string) => Promise<void>; closed: Promise<unknown> }> {
  const socket = connect(Number(new URL(origin).port), '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  let text = ''
  socket.setEncoding('latin1').on('data', (more: string) => {
    text += more
  })
  socket.on('error', () => {})
  const closed = once(socket, 'close')
  await once(socket, 'connect')
  const until = async (words: string) => {
    while (!text.includes(words))
      await Promise.race([once(socket, 'data'), closed.then(() => Promise.reject(new Error(`closed after: ${text}`)))])
  }
  return { socket, text: () => text, until, closed }
}

describe('the size of a body', () => {
  test('may be the limit and no more, declared or not', async () => {
    const { bodies, run } = keeping()
    const whole = sized(50_000)
    const api = await serveApi(run, { bodyLimits: { ...limits, bytes: whole.length } })
    expect((await api.post(path, whole)).status).toBe(200)
    const chunked = (text: string) =>
      fetch(api.origin + path, {
        method: 'POST',
        headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
        body: new Blob([text]).stream(),
        duplex: 'half',
      } as RequestInit)
    expect((await chunked(whole)).status).toBe(200)
    expect(bodies).toEqual([whole, whole])
    const refused = { status: 413, code: 'request_too_large', type: 'invalid_request_error' }
    expect(await refusalOf(await api.post(path, `${whole} `))).toEqual(refused)
    expect(await refusalOf(await chunked(`${whole} `))).toEqual(refused)
  })

  test('is refused by what is declared before a byte of it is read', async () => {
    const api = await serveApi(answering(), { bodyLimits: limits })
    const line = await dial(api.origin)
    line.socket.write(head('content-length: 100001'))
    await line.until('request_too_large')
    expect(line.text()).toMatch(/^HTTP\/1\.1 413 /)
  })

  test('is asked for only where the request may go on', async () => {
    const { bodies, run } = keeping()
    const api = await serveApi(run, { bodyLimits: limits })
    const refused = await dial(api.origin)
    refused.socket.write(head('content-length: 100001', 'expect: 100-continue'))
    await refused.until('request_too_large')
    expect(refused.text()).toMatch(/^HTTP\/1\.1 413 /)

    const body = JSON.stringify(question)
    const good = await dial(api.origin)
    good.socket.write(head(`content-length: ${body.length}`, 'expect: 100-continue'))
    await good.until('HTTP/1.1 100 Continue\r\n\r\n')
    expect(bodies).toEqual([])
    good.socket.write(body)
    await good.until(chatAnswer)
    expect(good.text()).toContain('HTTP/1.1 200 OK')
    expect(bodies).toEqual([body])

    const keyless = await dial(api.origin)
    keyless.socket.write(head('content-length: 5', 'expect: 100-continue').replace(apiKey, 'sk-bad'))
    await keyless.until('invalid_api_key')
    expect(keyless.text()).toMatch(/^HTTP\/1\.1 401 /)
  })

  test('asks on at once where nothing is paid for', async () => {
    const api = await serveApi(answering())
    const line = await dial(api.origin)
    line.socket.write(head('content-length: 2', 'expect: 100-continue').replace(path, '/v1/channels'))
    await line.until('HTTP/1.1 100 Continue')
    line.socket.write('{}')
    await line.until('x-request-id')
  })
})

describe('a gzipped body', () => {
  const gzipped = (api: Awaited<ReturnType<typeof serveApi>>, bytes: Buffer, encoding = 'gzip') =>
    fetch(api.origin + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', 'content-encoding': encoding },
      body: bytes as Uint8Array<ArrayBuffer>,
    })

  test.each(['gzip', 'x-gzip', ' GZIP '])('is what it unpacks to (%s)', async encoding => {
    const { bodies, run } = keeping()
    const api = await serveApi(run, { bodyLimits: { ...limits, bytes: 2 * mebibyte, togetherBytes: 2 * mebibyte } })
    for (const text of [sized(10), sized(mebibyte)]) expect((await gzipped(api, gzipSync(text), encoding)).status).toBe(200)
    expect(bodies).toEqual([sized(10), sized(mebibyte)])
  })

  test('may come in several members, as gzip has it', async () => {
    const { bodies, run } = keeping()
    const api = await serveApi(run)
    const text = sized(1_000)
    expect((await gzipped(api, Buffer.concat([gzipSync(text.slice(0, 100)), gzipSync(text.slice(100))]))).status).toBe(200)
    expect(bodies).toEqual([text])
  })

  test('that is a bomb ends at the limit', async () => {
    const api = await serveApi(answering(), { bodyLimits: limits })
    const bomb = gzipSync(Buffer.alloc(90 * mebibyte))
    expect(bomb.length).toBeLessThan(limits.bytes)
    expect(await refusalOf(await gzipped(api, bomb))).toMatchObject({ status: 413, code: 'request_too_large' })
  })

  test('that goes on for ever and unpacks to nothing ends at the limit too', async () => {
    const api = await serveApi(answering(), { bodyLimits: limits })
    const nothing = gzipSync('')
    const line = await dial(api.origin)
    line.socket.write(head('transfer-encoding: chunked', 'content-encoding: gzip'))
    const chunk = Buffer.concat(Array(100).fill(nothing))
    for (let sent = 0; sent <= limits.bytes; sent += chunk.length)
      line.socket.write(Buffer.concat([Buffer.from(`${chunk.length.toString(16)}\r\n`), chunk, Buffer.from('\r\n')]))
    await line.until('request_too_large')
  })

  test.each([
    ['cut short', gzipSync(sized(1_000)).subarray(0, -5)],
    ['no gzip at all', Buffer.from(JSON.stringify(question))],
    ['changed on the way', Buffer.concat([gzipSync(sized(1_000)).subarray(0, -8), Buffer.alloc(8)])],
  ])('that is %s is a 400', async (_, bytes) => {
    const api = await serveApi(answering())
    expect(await refusalOf(await gzipped(api, bytes))).toEqual({ status: 400, code: null, type: 'invalid_request_error' })
  })

  test.each(['br', 'gzip, gzip', 'deflate', 'zstd', 'x'])('in another way (%s) is a 415 that says what is taken', async encoding => {
    const api = await serveApi(answering())
    const response = await gzipped(api, gzipSync('{}'), encoding)
    expect(response.headers.get('accept-encoding')).toBe('gzip, identity')
    expect(await refusalOf(response)).toMatchObject({ status: 415, code: 'unsupported_media_type' })
  })
})

describe('a caller', () => {
  /** The head and the first byte of a body are there. */
  async function begin(encoding = 'identity') {
    const clock = new ManualClock(1_800_000_000_000)
    const api = await serveApi(answering(), { clock, bodyLimits: { ...limits, togetherBytes: 100_000 } })
    const line = await dial(api.origin)
    line.socket.write(`${head('content-length: 1000', `content-encoding: ${encoding}`)}{`)
    // Answered in its turn, so that what was sent before has been read.
    expect((await api.get('/v1/models')).status).toBe(200)
    return { clock, api, line }
  }

  test.each(['identity', 'gzip'])('that falls silent in the middle is told so, and cut off (%s)', async encoding => {
    const { clock, line } = await begin(encoding)
    await clock.advance(limits.silentMs - 1)
    expect(line.text()).toBe('')
    await clock.advance(1)
    await line.until('request_timeout')
    expect(line.text()).toMatch(/^HTTP\/1\.1 408 /)
    await clock.advance(1_000)
    await line.closed
  })

  test('that sends a byte now and then is told so when its time is over', async () => {
    const { clock, api, line } = await begin()
    for (let passed = 0; passed < limits.totalMs; passed += 2_500) {
      expect(line.text()).toBe('')
      line.socket.write(' ')
      expect((await api.get('/v1/models')).status).toBe(200)
      await clock.advance(2_500)
    }
    await line.until('request_timeout')
  })

  test('that leaves in the middle, or is refused, gives its memory back', async () => {
    const { api, line } = await begin()
    const full = sized(99_500 - sized(0).length)
    expect(await refusalOf(await api.post(path, full))).toEqual({ status: 503, code: 'overloaded', type: 'server_error' })
    line.socket.destroy()
    await line.closed
    let response = await api.post(path, full)
    for (let i = 0; i < 100 && response.status === 503; i++) response = await api.post(path, full)
    expect(response.status).toBe(200)
    expect((await api.post(path, '{')).status).toBe(400)
    expect((await api.post(path, full)).status).toBe(200)
  })
})

describe('the memory of all bodies together', () => {
  /** A run that waits until it is let go, after an answer has begun or before. */
  function waiting(stream: boolean) {
    const { promise: letGo, resolve } = Promise.withResolvers<void>()
    const { promise: began, resolve: begin } = Promise.withResolvers<void>()
    const run: Run = async (request, answer) => {
      if (stream) {
        answer.begin({ status: 200, contentType: 'text/event-stream', headers: {} })
        request.begun()
      }
      begin()
      await letGo
      if (!stream) return answering()(request, answer)
      answer.write(Buffer.from('data: [DONE]\n\n'))
      await answer.finish()
    }
    return { run, began, letGo: resolve }
  }

  test('is bounded while requests run, told as 503 with a time to wait, and free again after', async () => {
    const { run, began, letGo } = waiting(false)
    const api = await serveApi(run, { bodyLimits: { ...limits, togetherBytes: 100_000 } })
    const first = api.post(path, sized(60_000))
    await began
    const refused = await api.post(path, sized(60_000))
    expect(refused.headers.get('retry-after-ms')).toBe('1000')
    expect(await refusalOf(refused)).toMatchObject({ status: 503, code: 'overloaded' })
    letGo()
    expect((await first).status).toBe(200)
    expect((await api.post(path, sized(60_000))).status).toBe(200)
  })

  test('is free again as soon as an answer is on its way', async () => {
    const { run, began, letGo } = waiting(true)
    const api = await serveApi(run, { bodyLimits: { ...limits, togetherBytes: 100_000 } })
    const first = api.post(path, JSON.stringify({ ...JSON.parse(sized(60_000)), stream: true }))
    await began
    const second = api.post(path, JSON.stringify({ ...JSON.parse(sized(60_000)), stream: true }))
    expect((await second).status).toBe(200)
    letGo()
    expect((await first).status).toBe(200)
  })
})

describe('a large body', () => {
  const large = { bytes: 64 * mebibyte, togetherBytes: 128 * mebibyte, totalMs: 60_000, silentMs: 10_000 }

  test('is read beside the event loop, and comes out as it went in', async () => {
    const { bodies, run } = keeping()
    const api = await serveApi(run, { bodyLimits: large })
    const whole = sized(3 * mebibyte)
    expect((await api.post(path, whole)).status).toBe(200)
    expect(bodies[0] === whole).toBe(true)
  })

  test('that is wrong is refused by the member at fault, like a small one', async () => {
    const api = await serveApi(answering(), { bodyLimits: large })
    const pad = 'x'.repeat(mebibyte)
    const wrong = await api.post(path, { model: 'a', messages: [], pad })
    expect(wrong.status).toBe(400)
    const same = await api.post(path, { model: 'a', messages: [] })
    expect(await wrong.json()).toEqual(await same.json())
    expect((await api.post(path, `{"model":"a",${pad}`)).status).toBe(400)
  })

  test.each([
    ['deep', `{"a":${'['.repeat(31 * mebibyte)}${']'.repeat(31 * mebibyte)}}`],
    ['of nothing but arrays', `{"a":[${'[],'.repeat(20 * mebibyte)}[]]}`],
    ['of nothing but members', `{"model":"a"${',"k":1'.repeat(9 * mebibyte)}}`],
    ['of nothing but digits', `{"a":${'1'.repeat(63 * mebibyte)}}`],
    ['of wrong messages', `{"model":"a","messages":[${'1,'.repeat(4 * mebibyte)}1]}`],
  ])(
    '%s is a 400 and ends nothing',
    async (_, text) => {
      const api = await serveApi(answering(), { bodyLimits: large })
      expect(await refusalOf(await api.post(path, text))).toEqual({ status: 400, code: null, type: 'invalid_request_error' })
      expect((await api.post(path, sized(mebibyte))).status).toBe(200)
    },
    60_000,
  )
})
