/** The quoter over a dstack agent's socket: one good answer, and everything that is none. */
import type { ServerResponse } from 'node:http'
import { describe, expect, onTestFinished, test } from 'vitest'
import { dstackQuoter, SoftwareQuotingAuthority } from '../../src/tee/index.ts'
import { type DstackAnswer, startFakeDstack } from './support/fake-dstack.ts'
import { seededRandom } from './support/seeded-random.ts'

const authority = SoftwareQuotingAuthority.create({ now: Date.UTC(2026, 5, 1), random: seededRandom('dstack') })
const reportData = Buffer.alloc(64, 0x5a)
const eventLog = '[{"imr":3}]'
const hexQuote = (data: Buffer, padding = 0) =>
  Buffer.concat([authority.issueQuote({ body: { reportData: data } }), Buffer.alloc(padding)]).toString('hex')
const code = (expected: string, message: unknown = expect.anything()) => expect.objectContaining({ code: expected, message })

async function agent(answer: DstackAnswer, options: Parameters<typeof dstackQuoter>[1] = {}) {
  const fake = await startFakeDstack(answer)
  onTestFinished(() => fake.close())
  return { fake, quoter: dstackQuoter(fake.socket, options) }
}

describe('the quoter by the dstack agent', () => {
  test('asks for a quote over the given report data, and passes the log on as it came', async () => {
    const { fake, quoter } = await agent(data => ({ quote: hexQuote(data), event_log: eventLog, report_data: '', vm_config: '{}' }))
    expect([quoter.type, quoter.simulated]).toEqual(['tdx', false])
    const { quote, eventLog: log } = await quoter.quoteWithLog(reportData)
    expect(quote.subarray(568, 632)).toEqual(reportData)
    expect(log).toBe(eventLog)
    expect(fake.asked).toEqual([{ method: 'POST', url: '/GetQuote', body: JSON.stringify({ report_data: '5a'.repeat(64) }) }])
  })

  test('takes the zeros off that agents send after a quote', async () => {
    const { quoter } = await agent(data => ({ quote: hexQuote(data, 66), event_log: eventLog }))
    expect(await quoter.quote(reportData)).toHaveLength(authority.issueQuote().length)
  })

  test('quotes what was asked for, even if the caller’s buffer changes meanwhile', async () => {
    const { quoter } = await agent(data => ({ quote: hexQuote(data), event_log: eventLog }))
    const buffer = Buffer.from(reportData)
    const pending = quoter.quote(buffer)
    buffer.fill(0)
    expect((await pending).subarray(568, 632)).toEqual(reportData)
  })

  test.each<[string, DstackAnswer]>([
    ['is over other report data', () => ({ quote: hexQuote(Buffer.alloc(64, 1)), event_log: eventLog })],
    ['is cut short', data => ({ quote: hexQuote(data).slice(0, -2), event_log: eventLog })],
    ['is none', () => ({ quote: '00'.repeat(700), event_log: eventLog })],
  ])('gives out no quote that %s', async (_, answer) => {
    const { quoter } = await agent(answer)
    await expect(quoter.quoteWithLog(reportData)).rejects.toEqual(code('quote-mismatch', expect.stringContaining('the dstack agent')))
  })

  const raw = (write: (response: ServerResponse) => void) => (_: Buffer, response: ServerResponse) => void write(response)
  test.each<[string, DstackAnswer, RegExp]>([
    ['without an event log', data => ({ quote: hexQuote(data) }), /without quote and event log/],
    ['with a log that is no text', data => ({ quote: hexQuote(data), event_log: [] }), /without quote and event log/],
    ['without a quote', () => ({ event_log: eventLog }), /without quote and event log/],
    ['with a quote that is no hex', () => ({ quote: 'AAAA', event_log: eventLog }), /without quote and event log/],
    ['with half a byte', data => ({ quote: `${hexQuote(data)}0`, event_log: eventLog }), /without quote and event log/],
    ['with null', () => null, /without quote and event log/],
    ['with no JSON', raw(response => response.end('<html>')), /not JSON/],
    ['with an error', raw(response => response.writeHead(500).end('{}')), /status 500/],
    ['with more than any log', raw(response => response.end(Buffer.alloc(2 * 1024 * 1024 + 1, 0x20))), /beyond any size/],
    [
      'with half an answer',
      raw(response => response.writeHead(200, { 'content-length': 99 }).write('{', () => response.destroy())),
      /broke off/,
    ],
  ])('says that it has no quote when the agent answers %s', async (_, answer, why) => {
    const { quoter } = await agent(answer)
    await expect(quoter.quote(reportData)).rejects.toEqual(code('quote-unavailable', expect.stringMatching(why)))
  })

  test('says that it has no quote where there is no agent, and where it takes too long', async () => {
    await expect(dstackQuoter('/nowhere/dstack.sock').quote(reportData)).rejects.toEqual(
      code('quote-unavailable', expect.stringContaining('ENOENT')),
    )
    const clock = {
      after(_: number, action: () => void) {
        setImmediate(action)
        return { cancel() {} }
      },
    }
    const { quoter } = await agent(() => undefined, { clock, timeoutMs: 5_000 })
    await expect(quoter.quote(reportData)).rejects.toEqual(code('quote-unavailable', expect.stringContaining('in 5000 ms')))
  })

  test.each([0, 63, 65])('refuses %i bytes of report data, and asks nobody', async size => {
    const { fake, quoter } = await agent(() => ({}))
    await expect(quoter.quote(Buffer.alloc(size))).rejects.toEqual(code('bad-report-data'))
    expect(fake.asked).toEqual([])
  })
})
