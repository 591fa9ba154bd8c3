/** Following a registry: when what it lists counts, and when nothing does. */
import { beforeEach, describe, expect, it } from 'vitest'
import { encodeItem, type Item, RegistryError, RegistryFollower, type RegistryView } from '../../src/policy-registry/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { testAddress } from '../support/ton.ts'

const start = 1_800_000_000
const image = (byte: string): Item => ({ kind: 'image', digest: byte.repeat(32) })
const pollMs = 30_000
const maxStaleMs = 600_000

let clock: ManualClock
let shown: RegistryView | Error
let looks: number
let heard: (string | undefined)[]
let problems: (string | undefined)[]
let follower: RegistryFollower

const view = (bytes: readonly string[], more: Partial<RegistryView> & { activeAt?: number } = {}): RegistryView => ({
  state: {
    owner: testAddress('owner'),
    delay: 60,
    next: undefined,
    entries: bytes.map(byte => ({ cell: encodeItem(image(byte)), activeAt: more.activeAt ?? 0 })),
  },
  seenAt: Math.floor(clock.now() / 1000),
  block: 1,
  ...more,
})
const pass = async (ms: number) => {
  await clock.advance(ms)
}

beforeEach(() => {
  clock = new ManualClock(start * 1000)
  looks = 0
  heard = []
  problems = []
  follower = new RegistryFollower({
    read: async () => {
      looks += 1
      if (shown instanceof Error) throw shown
      return shown
    },
    clock,
    pollMs,
    maxStaleMs,
    onItems: items => heard.push(items?.map(item => ('digest' in item ? item.digest.slice(0, 2) : item.kind)).join()),
    onProblem: problem => problems.push(problem),
  })
})

describe('a follower', () => {
  it('tells what counts after the first look, and again only when it changed', async () => {
    shown = view(['aa'])
    await follower.start()
    await pass(pollMs)
    expect([looks, heard]).toEqual([2, ['aa']])
    shown = view([], { block: 2 })
    await pass(pollMs)
    expect(heard).toEqual(['aa', ''])
    expect(problems).toEqual([])
  })

  it('counts an announced item from the block on whose time has come', async () => {
    shown = view(['aa'], { activeAt: start + 60 })
    await follower.start()
    expect(heard).toEqual([''])
    shown = view(['aa'], { activeAt: start + 60, seenAt: start + 59, block: 2 })
    await pass(pollMs)
    shown = view(['aa'], { activeAt: start + 60, seenAt: start + 60, block: 3 })
    await pass(pollMs)
    expect(heard).toEqual(['', 'aa'])
  })

  it('goes on with what it saw last while the chain cannot be read, and then with nothing', async () => {
    shown = view(['aa'])
    await follower.start()
    shown = new Error('no route')
    await pass(maxStaleMs - 1)
    expect([heard, problems]).toEqual([['aa'], ['no route']])
    await pass(1)
    expect(heard).toEqual(['aa', undefined])
    shown = view(['aa'], { block: 2 })
    await pass(pollMs)
    expect(heard).toEqual(['aa', undefined, 'aa'])
    expect(problems).toEqual(['no route', undefined])
  })

  it('counts nothing at once where there is no registry any more', async () => {
    shown = view(['aa'])
    await follower.start()
    shown = new RegistryError('not-a-registry', 'gone')
    await pass(pollMs)
    expect([heard, problems]).toEqual([['aa', undefined], ['gone']])
  })

  it('knows nothing where the first look fails, and goes on looking', async () => {
    shown = new Error('no route')
    await follower.start()
    expect(heard).toEqual([])
    expect(follower.problem).toBe('no route')
    shown = view(['aa'])
    await pass(pollMs)
    expect(heard).toEqual(['aa'])
  })

  it('does not take an older block for news: a removed item does not come back by an endpoint that lags', async () => {
    shown = view([], { block: 7 })
    await follower.start()
    shown = view(['aa'], { block: 6 })
    await pass(pollMs)
    expect(heard).toEqual([''])
    expect(problems).toEqual(['the chain’s endpoint shows block 6 after block 7'])
    // And what it saw last grows old meanwhile.
    await pass(maxStaleMs - pollMs)
    expect(heard).toEqual(['', undefined])
  })

  it('takes a block for as old as it is, however late it is shown', async () => {
    shown = view(['aa'], { seenAt: start - maxStaleMs / 1000 + 10 })
    await follower.start()
    await pass(9_999)
    expect(heard).toEqual(['aa'])
    await pass(1)
    expect(heard).toEqual(['aa', undefined])
    await pass(pollMs - 10_000)
    expect(heard).toEqual(['aa', undefined])
    expect(problems[0]).toMatch(/shows a block of 2027/)
  })

  it('looks no more once it is stopped, and tells nothing of a look that was under way', async () => {
    shown = view(['aa'])
    const looking = follower.start()
    follower.stop()
    await looking
    await pass(10 * pollMs)
    expect([looks, heard]).toEqual([1, []])
  })
})
