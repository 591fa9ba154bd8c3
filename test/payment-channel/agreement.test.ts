/** What several endpoints say of one account: when it counts, and which of them is not to be believed. */
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { type AccountView, agree } from '../../src/payment-channel/agreement.ts'
import { cell, view } from './support.ts'

const answers = (...views: AccountView[]) => views.map((each, index) => ({ endpoint: 'abcdefgh'[index]!, view: each }))

describe('endpoints', () => {
  it('agree where all show the same, and then as of the oldest block', () => {
    const [a, b] = [view({ timestampt: 1_005 }), view({ timestampt: 1_003 })]
    expect(agree(answers(a, b))).toEqual({ kind: 'agreed', view: b })
    expect(agree(answers(a))).toEqual({ kind: 'agreed', view: a })
  })

  it('agree on an account that nothing ever happened to', () => {
    const empty = view({ lt: 0, state: 'uninitialized', balance: 0n, code: null, data: null })
    expect(agree(answers(empty, empty)).kind).toBe('agreed')
  })

  it('agree however each of them serializes its cells', () => {
    const other = view({ data: cell(1).toBoc({ idx: true, crc32: true }) })
    expect(other.data!.equals(view().data!)).toBe(false)
    expect(agree(answers(view(), other)).kind).toBe('agreed')
  })

  it('are behind where they show the account before its last transaction', () => {
    expect(agree(answers(view({ lt: 5 }), view({ lt: 6, content: 2 }), view({ lt: 4 })))).toEqual({ kind: 'behind', endpoints: ['a', 'c'] })
  })

  it('are behind where all show less than was agreed before', () => {
    expect(agree(answers(view(), view()), 6n)).toEqual({ kind: 'behind', endpoints: ['a', 'b'] })
    expect(agree(answers(view(), view()), 5n).kind).toBe('agreed')
  })

  it.each<[string, Partial<AccountView> & { content?: number }]>([
    ['data', { content: 2 }],
    ['code', { code: cell(8).toBoc() }],
    ['balance', { balance: 101n }],
    ['state', { state: 'frozen' }],
    ['transaction', { lastTransaction: { lt: '5', hash: 'another' } }],
    ['data that are no cell', { data: Buffer.from('nonsense') }],
    ['no data', { data: null }],
  ])('contradict each other in their %s after the same transaction', (_, change) => {
    expect(agree(answers(view(), view(change), view({ lt: 4 })))).toEqual({ kind: 'contradiction', endpoints: ['a', 'b'] })
  })

  it('never agree on what one of them alone shows', () => {
    const anyView = fc.record({ lt: fc.integer({ min: 0, max: 3 }), content: fc.integer({ min: 0, max: 2 }) })
    fc.assert(
      fc.property(fc.array(anyView, { minLength: 1, maxLength: 4 }), all => {
        const agreement = agree(answers(...all.map(view)))
        const same = new Set(all.map(({ lt, content }) => `${lt} ${content}`)).size === 1
        expect(agreement.kind === 'agreed').toBe(same)
      }),
    )
  })
})
