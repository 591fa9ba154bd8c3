/** What a 402 asks for, in figures that a program can act on. */
import { describe, expect, test } from 'vitest'
import { paymentRequired } from '../../src/api/payment-required.ts'
import { LedgerError, type Shortfall } from '../../src/ledger/index.ts'
import { maxNanoton, nanoton } from '../../src/lib/nanoton.ts'
import { question, serveApi } from './support/serve-api.ts'

const shortfall: Shortfall = {
  channel: 'EQA',
  required: nanoton(500n),
  deposited: nanoton(1_000n),
  ceiling: nanoton(800n),
  spent: nanoton(300n),
  reserved: nanoton(400n),
}
const read = (header: string | null) =>
  JSON.parse(Buffer.from(header ?? '', 'base64').toString()) as { accepts: [{ amount: string; extra: Record<string, string> }] }
const asked = (changes: Partial<Shortfall>) => read(paymentRequired({ ...shortfall, ...changes }, '/v1/embeddings', -239)).accepts[0]

describe('the header payment-required', () => {
  test('says what to pay, to whom, on which chain, and what to sign for', () => {
    expect(read(paymentRequired(shortfall, '/v1/embeddings', -239))).toEqual({
      x402Version: 2,
      error: 'insufficient_quota',
      resource: { url: '/v1/embeddings' },
      accepts: [
        {
          scheme: 'chrysalis-channel',
          network: 'tvm:-239',
          asset: 'TON',
          amount: '200',
          payTo: 'EQA',
          maxTimeoutSeconds: 3600,
          extra: {
            ceiling: '1200',
            available: '100',
            required: '500',
            deposited: '1000',
            authorised: '800',
            spent: '300',
            reserved: '400',
          },
        },
      ],
    })
  })

  test.each([
    ['nothing, where a signature alone is missing', { deposited: nanoton(5_000n) }, { amount: '0', ceiling: '1200', available: '100' }],
    ['nothing available, where the chain showed less than was spent', { deposited: nanoton(10n) }, { amount: '1190', available: '0' }],
    ['more than there are coins', { required: maxNanoton as Shortfall['required'] }, { amount: `${maxNanoton + 700n - 1_000n}` }],
  ])('can ask for %s', (_, changes, expected) => {
    const { amount, extra } = asked(changes)
    expect({ ...extra, amount }).toMatchObject(expected)
  })

  test('stands on the answer, readable for a page, and only where money helps', async () => {
    const refused = async (error: LedgerError) => {
      const api = await serveApi(() => Promise.reject(error), { chainId: -3, corsOrigins: ['https://a.page'] })
      return api.post('/v1/chat/completions', question, { origin: 'https://a.page' })
    }
    const poor = await refused(new LedgerError('insufficient-funds', 'x', { shortfall }))
    expect(poor.status).toBe(402)
    expect(read(poor.headers.get('payment-required'))).toMatchObject({
      resource: { url: '/v1/chat/completions' },
      accepts: [{ network: 'tvm:-3' }],
    })
    expect(poor.headers.get('access-control-expose-headers')).toContain('payment-required')
    for (const code of ['key-spent', 'key-spent-today', 'channel-not-open'] as const) {
      const other = await refused(new LedgerError(code, 'x'))
      expect([other.status, other.headers.get('payment-required')]).toEqual([402, null])
    }
  })
})
