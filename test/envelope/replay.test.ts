import { describe, expect, test } from 'vitest'
import {
  createSenderSession,
  kemX25519,
  newRid,
  ReplayMemory,
  type RequestContext,
  RequestOpener,
  type SealedRequest,
  sealRequest,
} from '../../src/envelope/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import {
  body,
  codeOf,
  flipped,
  freshReplay,
  keyringOf,
  now,
  openRequest,
  pair,
  partsOf,
  payerKey,
  sampleContext,
  sampleRequest,
} from './sample.ts'

const window = 120_000

function memory(capacity = 100): { clock: ManualClock; replay: ReplayMemory; take(rid: string, ts: number): string | undefined } {
  const clock = new ManualClock(now)
  const replay = new ReplayMemory({ clock, capacity })
  return { clock, replay, take: (rid, ts) => codeOf(() => replay.take(rid, ts)) }
}

describe('the replay memory', () => {
  test('takes a rid once, whatever its ts', () => {
    const { take } = memory()
    expect(take('a', now)).toBeUndefined()
    expect(take('a', now)).toBe('replayed')
    expect(take('a', now + 1)).toBe('replayed')
    expect(take('b', now)).toBeUndefined()
  })

  test('takes a rid again once it was given back, and only with the ts it was taken with', () => {
    const { replay, take } = memory()
    take('a', now)
    replay.giveBack('a', now + 1)
    replay.giveBack('b', now)
    expect(take('a', now)).toBe('replayed')
    replay.giveBack('a', now)
    replay.giveBack('a', now)
    expect(replay.size).toBe(0)
    expect(take('a', now)).toBeUndefined()
  })

  test('takes a ts 120 s away, and none further, both ways', () => {
    const { take } = memory()
    expect(take('a', now - window)).toBeUndefined()
    expect(take('b', now + window)).toBeUndefined()
    expect(take('c', now - window - 1)).toBe('clock')
    expect(take('d', now + window + 1)).toBe('clock')
  })

  test('has the window it was given', () => {
    const replay = new ReplayMemory({ clock: new ManualClock(now), windowMs: 5000, capacity: 9 })
    expect(codeOf(() => replay.take('a', now - 5000))).toBeUndefined()
    expect(codeOf(() => replay.take('b', now - 5001))).toBe('clock')
  })

  test('knows a rid for as long as its ts could be taken', async () => {
    for (const offset of [-window, -1, 0, 1, 999, 1000, window]) {
      const { clock, take } = memory()
      expect(take('a', now + offset)).toBeUndefined()
      await clock.advance(window + offset)
      expect(take('a', now + offset)).toBe('replayed')
      await clock.advance(1)
      expect(take('a', now + offset)).toBe('clock')
      await clock.advance(5000)
      expect(take('a', now + offset)).toBe('clock')
    }
  })

  test('lets go of what is past, and then has room again', async () => {
    const { clock, replay, take } = memory(3)
    for (const rid of ['a', 'b', 'c']) expect(take(rid, now)).toBeUndefined()
    await clock.advance(window)
    expect(take('d', now + window)).toBe('full')
    expect(replay.size).toBe(3)
    await clock.advance(1000)
    expect(take('d', now + window)).toBeUndefined()
    expect(replay.size).toBe(1)
  })

  test('refuses when it is full, and forgets nothing to make room', () => {
    const { replay, take } = memory(2)
    take('a', now)
    take('b', now)
    expect(take('c', now)).toBe('full')
    expect(take('a', now)).toBe('replayed')
    expect(take('b', now)).toBe('replayed')
    replay.giveBack('a', now)
    expect(take('c', now)).toBeUndefined()
    expect(take('a', now)).toBe('full')
  })

  test('takes no ts at or below the highest it let go, though the clock is set back', () => {
    let time = now
    const clock = { now: () => time, after: () => ({ cancel: () => {} }) }
    const replay = new ReplayMemory({ clock, capacity: 100 })
    const take = (rid: string, ts: number) => codeOf(() => replay.take(rid, ts))
    expect(take('a', now + 500)).toBeUndefined()
    time = now + window + 2000
    expect(take('b', time)).toBeUndefined()
    expect(replay.size).toBe(1)
    time = now
    expect(take('a', now + 500)).toBe('clock')
    expect(take('c', now + 500)).toBe('clock')
    expect(take('c', now - 10_000)).toBe('clock')
    expect(take('c', now + 1000)).toBeUndefined()
    expect(take('b', now + window + 2000)).toBe('clock')
  })
})

/** Feeds all of a request and ends it. */
function verdict(request: SealedRequest | Buffer, replay: ReplayMemory, keyring = keyringOf(pair())): string | undefined {
  return codeOf(() => openRequest(Buffer.isBuffer(request) ? request : request.bytes, { keyring, replay }))
}

describe('a worker', () => {
  test('takes a request once', () => {
    const replay = freshReplay()
    const request = sampleRequest()
    expect(verdict(request, replay)).toBeUndefined()
    expect(verdict(request, replay)).toBe('replayed')
    expect(verdict(sampleRequest(), replay)).toBe('replayed')
    expect(verdict(sampleRequest({ context: { rid: newRid() } }), replay)).toBeUndefined()
  })

  test('takes a request again that never became whole before', () => {
    const replay = freshReplay()
    const request = sampleRequest({ payerKey })
    const { bytes } = request
    expect(verdict(bytes.subarray(0, -1), replay)).toBe('truncated')
    expect(verdict(flipped(bytes, bytes.length - 1, 1), replay)).toBe('bad-auth')
    expect(verdict(flipped(bytes, bytes.length - 70, 1), replay)).toBe('does-not-open')
    expect(verdict(Buffer.concat([bytes, Buffer.of(0)]), replay)).toBe('malformed')
    const lost = new RequestOpener({ keyring: keyringOf(pair()), replay })
    lost.push(bytes)
    expect(replay.size).toBe(1)
    lost.abandon()
    expect(replay.size).toBe(0)
    expect(codeOf(() => lost.end())).toBe('truncated')
    expect(verdict(request, replay)).toBeUndefined()
  })

  test('keeps the rid of a request that stood, whatever comes after', () => {
    const replay = freshReplay()
    const opener = new RequestOpener({ keyring: keyringOf(pair()), replay })
    opener.push(sampleRequest().bytes)
    opener.end()
    opener.abandon()
    expect(codeOf(() => opener.push(Buffer.of(0)))).toBeDefined()
    expect(replay.size).toBe(1)
  })

  test('does not give back the rid that another line took', () => {
    const replay = freshReplay()
    const { bytes } = sampleRequest()
    const first = new RequestOpener({ keyring: keyringOf(pair()), replay })
    first.push(bytes.subarray(0, -1))
    const second = new RequestOpener({ keyring: keyringOf(pair()), replay })
    expect(codeOf(() => second.push(bytes))).toBe('replayed')
    second.abandon()
    expect(replay.size).toBe(1)
    first.push(bytes.subarray(-1))
    expect(first.end().body).toEqual(body)
  })

  test('takes the rid once the wrap has opened, before the body is there', () => {
    const replay = freshReplay()
    const request = sampleRequest()
    const { start, wraps, deks } = partsOf(request)
    const upToDek = Buffer.concat([start, ...wraps, ...deks])
    const opener = new RequestOpener({ keyring: keyringOf(pair()), replay })
    opener.push(upToDek.subarray(0, -1))
    expect([replay.size, opener.context]).toEqual([0, undefined])
    opener.push(upToDek.subarray(-1))
    expect([replay.size, opener.context]).toEqual([1, request.context])
  })

  test('takes no rid from someone who cannot seal to it', () => {
    const replay = freshReplay()
    const request = sampleRequest()
    const { start, wraps, deks, frames } = partsOf(request)
    expect(verdict(Buffer.concat([start, ...wraps, flipped(deks[0]!, 0, 1), ...frames]), replay)).toBe('does-not-open')
    expect(verdict(request, replay)).toBeUndefined()
  })

  test('refuses a request outside the window, and one it has no room for', () => {
    const at = (ts: number, replay = freshReplay()) => verdict(sampleRequest({ context: { ts, rid: newRid() } }), replay)
    expect(at(now - window)).toBeUndefined()
    expect(at(now + window)).toBeUndefined()
    expect(at(now - window - 1)).toBe('clock')
    expect(at(now + window + 1)).toBe('clock')
    const small = new ReplayMemory({ clock: new ManualClock(now), capacity: 1 })
    expect(at(now, small)).toBeUndefined()
    expect(at(now, small)).toBe('full')
  })

  test('says unknown-key where no wrap is for a key it holds, and where it holds it no longer', () => {
    const replay = freshReplay()
    const request = sampleRequest({ to: [0, 1] })
    expect(verdict(request, replay, keyringOf())).toBe('unknown-key')
    expect(verdict(request, replay, keyringOf(pair(kemX25519, 2)))).toBe('unknown-key')
    const keyring = keyringOf(pair())
    expect(keyring.keys.map(key => key.kid)).toEqual([pair().kid])
    expect(verdict(request, replay, keyring)).toBeUndefined()
    keyring.remove(pair().kid)
    expect(keyring.keys).toEqual([])
    expect(verdict(sampleRequest({ context: { rid: newRid() } }), replay, keyring)).toBe('unknown-key')
    expect(replay.size).toBe(1)
  })
})

describe('a session', () => {
  const sealWith = (session: ReturnType<typeof createSenderSession>, changes: Partial<RequestContext> = {}) =>
    sealRequest({ context: sampleContext(changes), sessions: [session], contentType: 'a/b', body })

  test('never seals one rid twice, so that no dek nonce repeats', () => {
    const session = createSenderSession(pair())
    sealWith(session)
    expect(codeOf(() => sealWith(session))).toBe('rid-reused')
    expect(codeOf(() => sealWith(session, { ts: now + 1, model: 'other' }))).toBe('rid-reused')
    expect(codeOf(() => sealWith(session, { rid: newRid() }))).toBeUndefined()
    expect(codeOf(() => sealWith(createSenderSession(pair())))).toBeUndefined()
  })

  test('seals every dek under another key, and every seal of one body is other bytes', () => {
    const session = createSenderSession(pair())
    const seals = Array.from({ length: 50 }, () => partsOf(sealWith(session, { rid: newRid() })))
    for (const part of ['deks', 'frames'] as const) {
      const texts = seals.flatMap(seal => seal[part].map(bytes => bytes.toString('hex')))
      expect(new Set(texts).size).toBe(texts.length)
    }
  })
})
