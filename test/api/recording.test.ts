/** A recorded answer: what followers get, early, late, slow or leaving, and who holds up whom. */
import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { Recording } from '../../src/api/recording.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { FakeSink } from './support/fake-sink.ts'

let clock: ManualClock
let left: number
let recording: Recording
let events: string[]
const bytes = (text: string) => Buffer.from(text)
/** Each chunk counts 128 bytes beside its own. */
const start = (room: number) => {
  left = room
  recording = new Recording({
    clock,
    lingerMs: 5_000,
    room: size => {
      if (size > left) return false
      left -= size
      return true
    },
    free: size => {
      left += size
    },
  })
  events = []
  recording.onGone(() => events.push('gone'))
  recording.onDrain(() => events.push('drain'))
}
const follow = (slow = false) => {
  const sink = new FakeSink()
  sink.slow = slow
  recording.follow(sink)
  return sink
}

beforeEach(() => {
  clock = new ManualClock(1_000)
  start(100_000)
})

describe('followers', () => {
  test('get head and bytes as they come, flushed, and the end', () => {
    const sink = follow()
    recording.head(200, { a: '1' })
    recording.flush()
    expect(sink).toMatchObject({ status: 200, headers: { a: '1' }, flushed: true })
    recording.write(bytes('one'))
    expect(sink.text).toBe('one')
    recording.end(bytes('two'))
    expect(sink).toMatchObject({ text: 'onetwo', ended: 'whole' })
  })

  test('that come late get all of it at once, with headers of their own over the recorded ones', () => {
    recording.head(200, { a: '1', b: '2' })
    recording.flush()
    recording.write(bytes('one'))
    const sink = new FakeSink()
    recording.follow(sink, { b: '3' })
    expect(sink).toMatchObject({ text: 'one', headers: { a: '1', b: '3' }, flushed: true, ended: undefined })
    recording.end()
    expect(sink.ended).toBe('whole')
    expect(follow()).toMatchObject({ text: 'one', ended: 'whole' })
  })

  test('of an answer that was cut are cut where it was', () => {
    recording.head(200, {})
    recording.write(bytes('one'))
    recording.cut()
    expect(follow()).toMatchObject({ text: 'one', ended: 'cut' })
  })

  test('each read at their own pace; the maker waits when all are behind, and goes on with the first that is not', () => {
    const [one, two] = [follow(true), follow(true)]
    recording.head(200, {})
    expect(recording.write(bytes('a'))).toBe(false)
    expect(recording.write(bytes('b'))).toBe(false)
    expect([one.text, two.text]).toEqual(['a', 'a'])
    one.slow = false
    one.drain()
    expect(events).toEqual(['drain'])
    expect(recording.write(bytes('c'))).toBe(true)
    expect([one.text, two.text]).toEqual(['abc', 'a'])
    recording.end()
    expect([one.ended, two.ended]).toEqual(['whole', undefined])
    for (const _ of 'bc') two.drain()
    expect(two).toMatchObject({ text: 'abc', ended: 'whole' })
  })
})

test('an answer ends once: what was cut is never made whole, nor what was whole cut', () => {
  for (const [first, then, ended] of [
    ['cut', 'end', 'cut'],
    ['end', 'cut', 'whole'],
  ] as const) {
    start(100_000)
    const sink = follow(true)
    recording.head(200, {})
    for (const text of 'ab') recording.write(bytes(text))
    recording[first]()
    recording[then]()
    for (const _ of 'abc') sink.drain()
    expect(sink).toMatchObject({ text: 'ab', ended })
  }
})

test('a follower that has gone without a word yet is sent no head', () => {
  const sink = follow()
  sink.gone = true
  recording.head(200, {})
  expect(sink.begun).toBe(false)
})

test('what is written behind the end goes nowhere and takes no room', () => {
  const sink = follow()
  recording.head(200, {})
  recording.end(bytes('all'))
  const before = left
  expect(recording.write(bytes('more'))).toBe(true)
  expect(left).toBe(before)
  expect([sink.text, follow().text]).toEqual(['all', 'all'])
})

describe('when every follower has left', () => {
  test('the maker goes on, is told when the time is over, and nobody can join any more', async () => {
    const sink = follow(true)
    recording.head(200, {})
    recording.write(bytes('a'))
    sink.leave()
    expect(events).toEqual(['drain'])
    expect(recording.write(bytes('b'))).toBe(true)
    await clock.advance(4_999)
    expect(recording.gone).toBe(false)
    await clock.advance(1)
    expect(recording).toMatchObject({ gone: true, kept: false })
    expect(events).toEqual(['drain', 'gone'])
    expect(left).toBe(100_000)
  })

  test('one who comes in time keeps it going', async () => {
    follow().leave()
    await clock.advance(4_000)
    const back = follow()
    await clock.advance(60_000)
    expect(recording.gone).toBe(false)
    recording.head(200, {})
    recording.end(bytes('all'))
    expect(back).toMatchObject({ text: 'all', ended: 'whole' })
  })

  test('one who is gone before it follows counts as left', async () => {
    const sink = new FakeSink()
    sink.gone = true
    recording.follow(sink)
    await clock.advance(5_000)
    expect(events).toContain('gone')
  })

  test('an answer that has ended stays', async () => {
    const sink = follow()
    recording.head(200, {})
    recording.end(bytes('all'))
    sink.leave()
    await clock.advance(60_000)
    expect(recording).toMatchObject({ gone: false, kept: true })
  })

  test('before the end has reached them, the maker hears nothing more', async () => {
    const sink = follow(true)
    recording.head(200, {})
    recording.write(bytes('a'))
    recording.end(bytes('b'))
    sink.leave()
    sink.drain()
    await clock.advance(60_000)
    expect(sink.text).toBe('a')
    expect(events).toEqual([])
  })

  test('and it is kept no longer, nobody is waited for', async () => {
    follow().leave()
    recording.discard()
    await clock.advance(60_000)
    expect(events).toEqual(['drain'])
  })

  test('an answer that ends meanwhile stays too', async () => {
    follow().leave()
    recording.head(200, {})
    recording.end(bytes('all'))
    await clock.advance(60_000)
    expect(follow()).toMatchObject({ text: 'all', ended: 'whole' })
  })
})

describe('without room', () => {
  beforeEach(() => start(128 * 2 + 2))

  test('it is kept no longer, but its followers are served to the end, and hold it up', () => {
    const sink = follow(true)
    recording.head(200, {})
    for (const text of ['a', 'b']) recording.write(bytes(text))
    expect(recording.kept).toBe(true)
    expect(recording.write(bytes('c'))).toBe(false)
    expect(recording.kept).toBe(false)
    expect(left).toBe(128 * 2 + 2)
    for (const _ of 'bc') sink.drain()
    expect(sink.text).toBe('abc')
    recording.end(bytes('d'))
    sink.drain()
    expect(sink).toMatchObject({ text: 'abcd', ended: 'whole' })
  })

  test('the slowest of several decides', () => {
    const [fast, slow] = [follow(), follow(true)]
    recording.head(200, {})
    for (const text of ['a', 'b']) expect(recording.write(bytes(text))).toBe(true)
    expect(recording.write(bytes('c'))).toBe(false)
    expect(fast.text).toBe('abc')
    slow.leave()
    expect(events).toEqual(['drain'])
    expect(recording.write(bytes('d'))).toBe(true)
  })

  test('the maker goes on only when the last that was behind is there', () => {
    const [one, two] = [follow(true), follow(true)]
    recording.head(200, {})
    for (const text of ['a', 'b', 'c']) recording.write(bytes(text))
    for (const _ of 'abc') one.drain()
    expect(one.text).toBe('abc')
    expect(events).toEqual([])
    for (const _ of 'abc') two.drain()
    expect(events).toContain('drain')
  })

  test('and with its last follower the maker is told at once too', () => {
    const sink = follow()
    recording.head(200, {})
    for (const text of ['a', 'b', 'c']) recording.write(bytes(text))
    sink.leave()
    expect(events).toEqual(['gone'])
  })

  test('and without a follower the maker is told at once', () => {
    follow().leave()
    recording.head(200, {})
    for (const text of ['a', 'b', 'c']) recording.write(bytes(text))
    expect(events).toContain('gone')
  })
})

test('whatever the order of writes, reads and arrivals, every follower that stays gets every byte in order', () => {
  const action = fc.oneof(
    fc.record({ do: fc.constant('write' as const), text: fc.string({ minLength: 1, maxLength: 3, unit: 'grapheme-ascii' }) }),
    fc.record({ do: fc.constant('follow' as const), slow: fc.boolean() }),
    fc.record({ do: fc.constant('drain' as const), which: fc.nat(5) }),
    fc.record({ do: fc.constant('leave' as const), which: fc.nat(5) }),
  )
  fc.assert(
    fc.property(fc.array(action, { maxLength: 60 }), fc.integer({ min: 0, max: 2_000 }), (actions, room) => {
      start(room)
      const sinks = [follow()]
      recording.head(200, {})
      let all = ''
      for (const step of actions) {
        if (step.do === 'write') {
          recording.write(bytes(step.text))
          if (recording.gone) break
          all += step.text
        } else if (step.do === 'follow') {
          if (recording.kept) sinks.push(follow(step.slow))
        } else if (step.do === 'drain') sinks[step.which]?.drain()
        else sinks[step.which]?.leave()
      }
      if (recording.gone) return
      recording.end()
      for (const sink of sinks) {
        if (sink.gone) continue
        for (let turn = 0; turn < 100 && !sink.ended; turn++) sink.drain()
        expect(sink).toMatchObject({ text: all, ended: 'whole' })
      }
    }),
  )
})
