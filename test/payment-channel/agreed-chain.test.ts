/** The chain through several endpoints: what is read, what is said of each of them, and where messages go. */
import { beforeEach, describe, expect, it } from 'vitest'
import type { AccountView } from '../../src/payment-channel/agreement.ts'
import { AgreedChain, type ChannelError, type EndpointProblem } from '../../src/payment-channel/index.ts'
import { ManualClock } from '../support/manual-clock.ts'
import { testAddress } from '../support/ton.ts'
import { view } from './support.ts'

const start = 1_800_000_000
const address = testAddress('account')

/** An endpoint that shows what a test tells it. */
class Double {
  shown: AccountView | Error = view()
  sent: Buffer[] = []
  refuses: Error | undefined
  asked = 0
  async getContractState(): Promise<AccountView> {
    this.asked += 1
    if (this.shown instanceof Error) throw this.shown
    return this.shown
  }
  async sendFile(boc: Buffer): Promise<void> {
    if (this.refuses) throw this.refuses
    this.sent.push(boc)
  }
}

let clock: ManualClock
let a: Double
let b: Double
let chain: AgreedChain
let alarms: [string, EndpointProblem['kind'] | undefined][]

const now = (more: Parameters<typeof view>[0] = {}) => view({ timestampt: clock.now() / 1000, ...more })
const read = () => chain.getContractState(address)
/** The error of a reading, with time passing as it waits. */
async function failure(): Promise<string> {
  const reading = read().then(
    () => 'it did not fail',
    (error: ChannelError) => `${error.code}: ${error.message}`,
  )
  await clock.advance(20_000)
  return reading
}

beforeEach(() => {
  clock = new ManualClock(start * 1000)
  ;[a, b] = [new Double(), new Double()]
  alarms = []
  chain = new AgreedChain({
    endpoints: [
      { name: 'a', client: a },
      { name: 'b', client: b },
    ],
    clock,
    onProblem: (endpoint, problem) => alarms.push([endpoint, problem?.kind]),
  })
  ;[a.shown, b.shown] = [now(), now()]
})

describe('an account', () => {
  it('is what every endpoint shows', async () => {
    expect(await read()).toBe(a.shown)
    expect(alarms).toEqual([])
    expect(chain.statuses()).toEqual([
      { name: 'a', up: true, lagSeconds: 0, disagreements: 0, problem: undefined },
      { name: 'b', up: true, lagSeconds: 0, disagreements: 0, problem: undefined },
    ])
  })

  it('is waited for while one of them is a block behind', async () => {
    a.shown = now({ lt: 6, content: 2 })
    const reading = read()
    await clock.advance(500)
    b.shown = now({ lt: 6, content: 2 })
    await clock.advance(500)
    expect((await reading).lastTransaction!.lt).toBe('6')
    expect(alarms).toEqual([])
  })

  it('is not known where one stays behind, which is then said of it, once, until it agrees again', async () => {
    a.shown = now({ lt: 6, content: 2 })
    expect(await failure()).toMatch(/^chain-failed: the endpoints do not agree: b shows an older state of .* than a$/)
    ;[a.shown, b.shown] = [now({ lt: 6, content: 2 }), now()]
    await failure()
    expect(alarms).toEqual([['b', 'behind']])
    expect(chain.statuses()[1]).toMatchObject({ disagreements: 2, problem: expect.stringContaining('older state') })
    ;[a.shown, b.shown] = [now({ lt: 6, content: 2 }), now({ lt: 6, content: 2 })]
    await read()
    expect(alarms).toEqual([
      ['b', 'behind'],
      ['b', undefined],
    ])
  })

  it('is not known at once where they contradict each other, and both are named', async () => {
    b.shown = now({ content: 2 })
    await expect(read()).rejects.toThrow(/^the endpoints do not agree: a and b show different contents of .*: one of them lies$/)
    expect(alarms).toEqual([
      ['a', 'contradiction'],
      ['b', 'contradiction'],
    ])
  })

  it('does not come back as it was before, though all of them show it so', async () => {
    ;[a.shown, b.shown] = [now({ lt: 6, content: 2 }), now({ lt: 6, content: 2 })]
    await read()
    ;[a.shown, b.shown] = [now(), now()]
    expect(await failure()).toMatch(/a and b shows an older state of .* than before/)
    expect((await chain.getContractState(testAddress('another'))).lastTransaction!.lt).toBe('5')
  })

  it('is not known from an endpoint whose blocks are old', async () => {
    b.shown = now({ timestampt: start - 61 })
    await expect(read()).rejects.toThrow('b lags: its newest block is 61 s old')
    expect(alarms).toEqual([['b', 'lags']])
    expect(chain.statuses()[1]).toMatchObject({ up: true, lagSeconds: 61 })
    b.shown = now({ timestampt: start - 60 })
    await read()
    expect(alarms.at(-1)).toEqual(['b', undefined])
  })

  it('is not known while one of them does not answer, which is said of it after three times', async () => {
    b.shown = new Error('timeout of 20000ms exceeded')
    for (let times = 0; times < 5; times++) await expect(read()).rejects.toThrow('b failed: timeout of 20000ms exceeded')
    expect(alarms).toEqual([['b', 'unreachable']])
    expect(chain.statuses()[1]).toMatchObject({ up: false, problem: 'b failed: timeout of 20000ms exceeded' })
  })

  it('of one endpoint alone is what it shows, if it does not go back', async () => {
    chain = new AgreedChain({ endpoints: [{ name: 'a', client: a }], clock })
    a.shown = now({ lt: 9 })
    await read()
    a.shown = now({ lt: 8 })
    expect(await failure()).toMatch(/a shows an older state/)
  })

  it('is not known by words in which a secret could stand', async () => {
    a.shown = Object.assign(new Error('Request failed'), { config: { headers: { 'X-API-Key': 'a secret' } } })
    expect(await failure()).not.toContain('a secret')
  })
})

describe('a message', () => {
  it('goes to every endpoint, and is sent once one took it', async () => {
    const boc = Buffer.from('message')
    await chain.sendFile(boc)
    expect([a.sent, b.sent]).toEqual([[boc], [boc]])
    a.refuses = new Error('full')
    await chain.sendFile(boc)
    expect(b.sent.length).toBe(2)
    b.refuses = new Error('full too')
    await expect(chain.sendFile(boc)).rejects.toThrow('full')
  })
})
