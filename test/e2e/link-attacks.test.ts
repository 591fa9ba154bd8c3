/** Whoever sits between proxy and worker: what they see, and what becomes of what they change. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Deployment, deploy } from '../support/deployment.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { type Tampering, TamperingLink } from '../support/tampering-link.ts'

const canary = 'CANARY-PROMPT-7f3a91'
const secretAnswer = ['CANARY', '-ANSWER', '-52d8', '-c0ffee', '.']
const question = (stream: boolean) => ({
  model: 'scripted',
  stream,
  max_tokens: 20,
  messages: [{ role: 'user', content: `Tell nobody: ${canary}` }],
})

let engine: ScriptedEngine
let link: TamperingLink
let deployment: Deployment

beforeAll(async () => {
  engine = await ScriptedEngine.start({ tokens: secretAnswer })
  deployment = await deploy({
    engines: [engine.url],
    between: async url => {
      link = await TamperingLink.to(url)
      return link.url
    },
  })
})

afterAll(async () => {
  await deployment?.stop()
  link?.close()
  await engine?.close()
})

async function withTampering<T>(tampering: Tampering, action: () => Promise<T>): Promise<T> {
  link.tampering = tampering
  try {
    return await action()
  } finally {
    link.tampering = {}
  }
}

/** A text as it is, in hex, and in base64 wherever it may begin in what was encoded. */
function formsOf(secret: string): string[] {
  const base64 = [0, 1, 2].map(before =>
    Buffer.from(' '.repeat(before) + secret)
      .toString('base64')
      .slice(4, -4),
  )
  // What is left of a short one says nothing: it is to be found anywhere.
  return [secret, Buffer.from(secret).toString('hex'), ...base64.filter(form => form.length >= 8)]
}

describe('on the wire between proxy and worker', () => {
  test('neither prompt nor answer nor API key is to be found, in JSON and in a stream', async () => {
    for (const stream of [false, true]) {
      const response = await deployment.chat(question(stream))
      expect(response.status).toBe(200)
      expect(await response.text()).toContain('c0ffee')
    }
    const wire = Buffer.concat(link.seen)
    expect(wire.includes('CEP1')).toBe(true)
    for (const secret of [canary, 'CANARY', 'c0ffee', 'Tell nobody', deployment.apiKey])
      for (const form of formsOf(secret)) expect(wire.includes(form)).toBe(false)
  })
})

/** Index of the first frame of `type`; the preamble is entry 0. */
const find = (frames: Buffer[], type: number) => frames.findIndex((frame, index) => index > 0 && frame[0] === type)
const flip = (frame: Buffer, at: number) => {
  const changed = Buffer.from(frame)
  changed[at]! ^= 1
  return changed
}
const replaced = (frames: Buffer[], index: number, ...by: Buffer[]) => frames.toSpliced(index, 1, ...by)

/** Every way to change an answer: the frames as they were in, the frames as they arrive out. */
const answerAttacks: [string, (frames: Buffer[]) => Buffer[]][] = [
  ['a bit of the worker’s random flipped', frames => replaced(frames, 0, flip(frames[0]!, 20))],
  ['the key id flipped', frames => replaced(frames, 0, flip(frames[0]!, 5))],
  ['a bit of HEAD flipped', frames => replaced(frames, find(frames, 4), flip(frames[find(frames, 4)]!, 6))],
  ['a bit of DATA flipped', frames => replaced(frames, find(frames, 0), flip(frames[find(frames, 0)]!, 6))],
  ['a bit of FINAL flipped', frames => replaced(frames, find(frames, 1), flip(frames[find(frames, 1)]!, 6))],
  ['a bit of the receipt flipped', frames => replaced(frames, find(frames, 17), flip(frames[find(frames, 17)]!, 40))],
  [
    'a bit of the receipt’s signature flipped',
    frames => replaced(frames, find(frames, 17), flip(frames[find(frames, 17)]!, frames[find(frames, 17)]!.length - 1)),
  ],
  ['HEAD dropped', frames => replaced(frames, find(frames, 4))],
  ['DATA dropped', frames => replaced(frames, find(frames, 0))],
  ['FINAL dropped', frames => replaced(frames, find(frames, 1))],
  ['the receipt dropped', frames => replaced(frames, find(frames, 17))],
  ['DATA sent twice', frames => replaced(frames, find(frames, 0), frames[find(frames, 0)]!, frames[find(frames, 0)]!)],
  ['the receipt sent twice', frames => [...frames, frames.at(-1)!]],
  ['two frames in another order', frames => [...frames.slice(0, -2), frames.at(-1)!, frames.at(-2)!]],
  ['the answer cut in the middle of a frame', frames => [...frames.slice(0, -1), frames.at(-1)!.subarray(0, 30)]],
  ['an unknown frame put in', frames => [frames[0]!, Buffer.from([9, 0, 0, 0]), ...frames.slice(1)]],
  ['nothing but the preamble', frames => frames.slice(0, 1)],
]

describe.each([false, true])('an answer changed on its way (stream: %s)', stream => {
  test.each(answerAttacks)('is never taken for whole with %s', async (_, frames) => {
    const before = await deployment.idle()
    const response = await withTampering({ frames }, () =>
      deployment.chat(question(stream)).then(async answer => ({ status: answer.status, text: await answer.text() })),
    )
    if (stream && response.status === 200) {
      expect(response.text).not.toContain('[DONE]')
      expect(response.text).toContain('"error"')
    } else expect(response.status).toBe(502)
    const after = await deployment.idle()
    const asked = link.requests.length
    expect(asked).toBeGreaterThan(0)
    // Nothing but what the worker has signed for can be charged: the whole receipt, a checkpoint, or nothing.
    const whole = 12n * 20n + BigInt(secretAnswer.length) * 60n
    expect(after.spent - before.spent).toBeLessThanOrEqual(whole)
    expect((await deployment.chat(question(stream))).status).toBe(200)
  })
})

describe('a request changed on its way', () => {
  test.each([
    ['in its context', (bytes: Buffer) => flip(bytes, 20)],
    ['in its sealed key', (bytes: Buffer) => flip(bytes, bytes.length - 400)],
    ['in its body', (bytes: Buffer) => flip(bytes, bytes.length - 40)],
    ['in its last byte', (bytes: Buffer) => flip(bytes, bytes.length - 1)],
    ['by being cut', (bytes: Buffer) => bytes.subarray(0, -10)],
    ['by bytes put behind it', (bytes: Buffer) => Buffer.concat([bytes, Buffer.from('more')])],
  ])('never reaches the engine, and costs nothing: %s', async (_, request) => {
    const before = await deployment.idle()
    const asked = engine.requests.length
    const status = await withTampering({ request }, () => deployment.chat(question(false)).then(response => response.status))
    expect(status).toBe(502)
    expect(engine.requests.length).toBe(asked)
    expect((await deployment.idle()).spent).toBe(before.spent)
    // Three failures in a row would let the worker rest.
    expect((await deployment.chat(question(false))).status).toBe(200)
  })

  test('a replayed request runs nothing', async () => {
    await (await deployment.chat(question(false))).text()
    const asked = engine.requests.length
    const worker = deployment.workers.get('worker-1')!.ready.url
    const replay = await fetch(`${worker}/v1/sealed`, {
      method: 'POST',
      headers: { 'content-type': 'application/chrysalis-envelope' },
      body: new Uint8Array(link.requests.at(-1)!),
    })
    expect(replay.status).toBe(409)
    expect(await replay.json()).toMatchObject({ type: 'urn:chrysalis:replayed' })
    expect(engine.requests.length).toBe(asked)
  })
})

describe('what the deployment has written', () => {
  test('holds neither prompt nor answer nor API key, in no file and no log', async () => {
    await deployment.idle()
    const files = deployment.written()
    expect(files.map(({ file }) => file)).toEqual(expect.arrayContaining(['proxy.log', 'worker-1.log', 'proxy/ledger.sqlite']))
    for (const { file, bytes } of files) {
      for (const secret of [canary, 'CANARY', 'c0ffee', 'Tell nobody'])
        expect({ file, found: bytes.includes(secret) }).toEqual({ file, found: false })
      if (file !== 'keys/api-key') expect({ file, found: bytes.includes(deployment.apiKey) }).toEqual({ file, found: false })
    }
  })
})
