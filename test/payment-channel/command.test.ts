/** A payer's signed commands: what holds, and each thing that must not. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nanoton } from '../../src/lib/nanoton.ts'
import {
  authorizationCell,
  type ChannelCommand,
  ChannelError,
  commandActions,
  commandTolerance,
  keyPairOf,
  signAuthorization,
  signCommand,
  verifyAuthorization,
  verifyCommand,
} from '../../src/payment-channel/index.ts'
import { testAddress } from '../support/ton.ts'

const payer = keyPairOf(Buffer.alloc(32, 1))
const now = 1_790_000_000
const command: ChannelCommand = {
  chain: -239,
  channel: testAddress('channel'),
  action: 'revoke-key',
  argument: 'key_0123456789abcdef',
  at: now,
}
const good = signCommand(payer.privateKey, command)

function outcome(
  change: Partial<ChannelCommand>,
  { signature = good as Uint8Array, key = payer.publicKey as Uint8Array, at = now } = {},
): string {
  try {
    verifyCommand(key, { ...command, ...change }, signature, at)
    return 'good'
  } catch (error) {
    return error instanceof ChannelError ? error.code : String(error)
  }
}

describe('a command', () => {
  test('holds for what was signed', () => {
    expect(outcome({})).toBe('good')
  })

  test.each<[string, Partial<ChannelCommand>]>([
    ['action', { action: 'keys' }],
    ['argument', { argument: 'key_0123456789abcdee' }],
    ['empty argument', { argument: '' }],
    ['chain', { chain: -3 }],
    ['channel', { channel: testAddress('another') }],
    ['time', { at: now + 1 }],
  ])('does not hold for another %s', (_, change) => {
    expect(outcome(change)).toBe('bad-signature')
  })

  test('holds within the tolerance of its time, both ways, and not a second beyond', () => {
    expect([commandTolerance, -commandTolerance].map(offset => outcome({}, { at: now + offset }))).toEqual(['good', 'good'])
    expect([commandTolerance + 1, -commandTolerance - 1, Number.NaN].map(offset => outcome({}, { at: now + offset }))).toEqual(
      Array(3).fill('bad-signature'),
    )
  })

  test('does not hold under another key, or with a signature or key of another size', () => {
    expect(outcome({}, { key: keyPairOf(Buffer.alloc(32, 2)).publicKey })).toBe('bad-signature')
    expect(outcome({}, { key: payer.publicKey.subarray(1) })).toBe('bad-signature')
    expect(outcome({}, { signature: good.subarray(1) })).toBe('bad-signature')
    expect(outcome({}, { signature: Buffer.concat([good, Buffer.of(0)]) })).toBe('bad-signature')
  })

  test('of several lines is not signed: it could be read as another', () => {
    expect(() => signCommand(payer.privateKey, { ...command, argument: 'a\nb' })).toThrow(ChannelError)
  })

  test('is never good as an authorization, nor the other way round', () => {
    const authorization = { chain: command.chain, channel: command.channel, ceiling: nanoton(5n) }
    expect(authorizationCell(authorization).hash()).toHaveLength(32)
    expect(() => verifyAuthorization(payer.publicKey, authorization, good)).toThrow(ChannelError)
    expect(outcome({}, { signature: signAuthorization(payer.privateKey, authorization) })).toBe('bad-signature')
  })

  test('stands for one meaning: two commands that differ never share a signature', () => {
    const commands = fc.record({
      action: fc.constantFrom(...commandActions),
      argument: fc.string().filter(text => !text.includes('\n')),
      chain: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
      at: fc.nat(),
    })
    fc.assert(
      fc.property(commands, commands, (a, b) => {
        fc.pre(JSON.stringify(a) !== JSON.stringify(b))
        const signature = signCommand(payer.privateKey, { ...a, channel: command.channel })
        expect(() => verifyCommand(payer.publicKey, { ...b, channel: command.channel }, signature, b.at)).toThrow(ChannelError)
      }),
    )
  })
})
