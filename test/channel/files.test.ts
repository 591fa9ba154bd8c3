/** Account files, keys, amounts and links: what is read back, and what is refused. */
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Address, beginCell, Cell } from '@ton/core'
import { mnemonicNew, mnemonicToPrivateKey } from '@ton/crypto'
import fc from 'fast-check'
import { decodeQR } from 'qr/decode.js'
import { afterAll, describe, expect, test } from 'vitest'
import { type AccountFile, readAccountFile, termsOf, writeAccountFile } from '../../src/channel/account-file.ts'
import { parseTon } from '../../src/channel/amounts.ts'
import { payerKey, walletKey } from '../../src/channel/keys.ts'
import { qrCode, transferLink } from '../../src/channel/links.ts'
import { networks } from '../../src/channel/networks.ts'
import { formatTon, maxNanoton, nanoton } from '../../src/lib/nanoton.ts'
import { channelAddress, keyPairOf } from '../../src/payment-channel/index.ts'
import { testAddress } from '../support/ton.ts'

const folder = mkdtempSync(join(tmpdir(), 'chrysalis-files-'))
afterAll(() => rmSync(folder, { recursive: true }))
const at = (name: string) => join(folder, name)
const failure = async (work: Promise<unknown>) =>
  work.then(
    () => 'nothing',
    error => ({ code: error.code, message: error.message }),
  )

const payer = keyPairOf(Buffer.alloc(32, 1)).publicKey
const payee = keyPairOf(Buffer.alloc(32, 2)).publicKey
const terms = {
  payer: testAddress('payer').toString(),
  payee: testAddress('payee').toString(),
  challenge_period: 86_400,
  open_until: 1_790_000_000,
  salt: '7',
}
const account: AccountFile = {
  version: 1,
  network: 'mainnet',
  chain: ['https://chain.example/api/v2/jsonRPC'],
  proxy: 'https://proxy.example/v1',
  terms,
  payer_key: payer.toString('hex'),
  payee_key: payee.toString('hex'),
  address: channelAddress(termsOf(terms), payer, payee).toString(),
}

describe('an account file', () => {
  test('is written once, mode 0600, and says all that derives the channel again', async () => {
    await writeAccountFile(at('once.json'), account)
    expect(statSync(at('once.json')).mode & 0o777).toBe(0o600)
    const channel = await readAccountFile(at('once.json'))
    expect(channel.address.equals(Address.parse(account.address))).toBe(true)
    expect(channel.wire).toEqual(terms)
    expect(await failure(writeAccountFile(at('once.json'), account))).toMatchObject({ code: 'account-file' })
    expect(JSON.parse(readFileSync(at('once.json'), 'utf8'))).toEqual(account)
  })

  test.each<[string, unknown, RegExp]>([
    ['that is not there', undefined, /chrysalis channel open/],
    ['that is not JSON', '{', /cannot be read/],
    ['of another version', { ...account, version: 2 }, /'version'/],
    ['with an unknown member', { ...account, note: 'x' }, /note/],
    ['without its terms', { ...account, terms: undefined }, /'terms'/],
    ['without an endpoint', { ...account, chain: [] }, /'chain'/],
    ['of another chain', { ...account, network: 'moonnet' }, /'network'/],
    ['with a key in capitals', { ...account, payer_key: payer.toString('hex').toUpperCase().replace(/[0-9]/g, 'A') }, /'payer_key'/],
    ['with terms that lead elsewhere', { ...account, terms: { ...terms, salt: '8' } }, /another address/],
    ['with another payee key', { ...account, payee_key: payer.toString('hex') }, /another address/],
    ['whose address is none', { ...account, address: 'EQ' }, /./],
  ])('%s is refused', async (name, value, why) => {
    const file = at(`${name}.json`)
    if (value !== undefined) writeFileSync(file, typeof value === 'string' ? value : JSON.stringify(value))
    expect(await failure(readAccountFile(file))).toMatchObject({ code: 'account-file', message: expect.stringMatching(why) })
  })
})

describe('keys', () => {
  const seed = '5a'.repeat(32)

  test('a payer key is made in its file where there is none, and the same is read afterwards', async () => {
    const made = await payerKey({ file: at('payer.key'), env: {} }, { make: true })
    expect(statSync(at('payer.key')).mode & 0o777).toBe(0o600)
    expect((await payerKey({ file: at('payer.key'), env: {} }, { make: false })).publicKey).toEqual(made.publicKey)
    expect(await failure(payerKey({ file: at('none.key'), env: {} }, { make: false }))).toMatchObject({ code: 'key' })
  })

  test('a key may come from the environment; a file that is named goes before it', async () => {
    const env = { CHRYSALIS_PAYER_KEY: seed, CHRYSALIS_WALLET_KEY: seed }
    const expected = keyPairOf(Buffer.from(seed, 'hex')).publicKey
    expect((await payerKey({ file: undefined, env }, { make: false })).publicKey).toEqual(expected)
    expect((await walletKey({ file: undefined, env }))?.publicKey).toEqual(expected)
    writeFileSync(at('other.key'), `${'5b'.repeat(32)}\n`, { mode: 0o600 })
    expect((await walletKey({ file: at('other.key'), env }))?.publicKey).not.toEqual(expected)
    expect(await walletKey({ file: undefined, env: {} })).toBeUndefined()
  })

  test('a wallet’s 24 words are its key', async () => {
    const words = await mnemonicNew(24)
    const expected = (await mnemonicToPrivateKey(words)).publicKey
    writeFileSync(at('words.txt'), `${words.slice(0, 12).join(' ')}\n  ${words.slice(12).join(' ').toUpperCase()}\n`, { mode: 0o600 })
    expect((await walletKey({ file: at('words.txt'), env: {} }))?.publicKey).toEqual(expected)
    expect((await walletKey({ file: undefined, env: { CHRYSALIS_WALLET_KEY: words.join(' ') } }))?.publicKey).toEqual(expected)
  })

  test.each<[string, string, number]>([
    ['open to others', `${seed}\n`, 0o644],
    ['with capitals', `${seed.toUpperCase()}\n`, 0o600],
    ['too short', seed.slice(2), 0o600],
    ['of 23 words', Array(23).fill('abandon').join(' '), 0o600],
    ['of 24 words that are no wallet’s', Array(24).fill('abandon').join(' '), 0o600],
    ['empty', '', 0o600],
  ])('a wallet file %s is refused, and nothing of it is repeated', async (name, text, mode) => {
    writeFileSync(at(name), text, { mode })
    const said = await failure(walletKey({ file: at(name), env: {} }))
    expect(said).toMatchObject({ code: 'key' })
    expect(JSON.stringify(said)).not.toMatch(/5a5a|5A5A|abandon/)
  })
})

describe('amounts', () => {
  test('are exact, in both directions', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: maxNanoton }), value => {
        expect(parseTon(formatTon(value).replace(' TON', ''))).toBe(value)
      }),
    )
  })

  test.each(['', '-1', '1,5', '1.', '.5', '1e9', '0x1', '1.0000000001', ' 1', '1 TON', '10000000000'])('%j is none', text => {
    expect(() => parseTon(text)).toThrow(/It/)
  })
})

describe('links', () => {
  const to = testAddress('channel')

  test('ask for a plain transfer to an address that nothing stands at yet', () => {
    expect(transferLink({ to, value: nanoton(5n) }, networks.mainnet)).toBe(`ton://transfer/${to.toString({ bounceable: false })}?amount=5`)
  })

  test('carry a message, to an address that gives back what it refuses', () => {
    const body = beginCell().storeUint(0x53434c31, 32).storeUint(0, 64).endCell()
    const link = new URL(transferLink({ to, value: nanoton(5n), body }, networks.testnet))
    expect(link.pathname.endsWith(to.toString({ bounceable: true, testOnly: true }))).toBe(true)
    expect(Cell.fromBoc(Buffer.from(link.searchParams.get('bin')!, 'base64url'))[0]!.equals(body)).toBe(true)
  })

  test('are read back from their QR code, light on dark', () => {
    const link = transferLink({ to, value: nanoton(5n) }, networks.mainnet)
    expect(decodeQR(pixels(qrCode(link)))).toBe(link)
  })
})

/** The picture that a terminal of light on dark shows, five pixels to a module. */
function pixels(text: string): { width: number; height: number; data: Uint8Array } {
  const rows = text
    .split('\n')
    .flatMap(line => [Array.from(line, char => '█▀'.includes(char)), Array.from(line, char => '█▄'.includes(char))])
  const scale = 5
  const width = rows[0]!.length * scale
  const data = new Uint8Array(width * rows.length * scale * 4)
  for (let y = 0; y < rows.length * scale; y++)
    for (let x = 0; x < width; x++) {
      const light = rows[Math.floor(y / scale)]![Math.floor(x / scale)]
      data.set([light ? 255 : 0, light ? 255 : 0, light ? 255 : 0, 255], (y * width + x) * 4)
    }
  return { width, height: rows.length * scale, data }
}
