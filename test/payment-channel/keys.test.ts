/** Key files, and which public keys may pay. */
import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ed25519 } from '@noble/curves/ed25519.js'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { fromHex, toHex } from '../../src/lib/bytes.ts'
import { createKey, keyPairOf, loadKey, loadOrCreateKey, refuseTorsion } from '../../src/payment-channel/index.ts'

const keyFile = (error: string | RegExp) => expect.objectContaining({ code: 'key-file', message: expect.stringMatching(error) })

describe('a key file', () => {
  let folder: string
  let file: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'chrysalis-keys-'))
    file = join(folder, 'deeper', 'payee.key')
  })
  afterEach(() => rm(folder, { recursive: true }))

  it('is made once, for its owner alone, with nothing left beside it', async () => {
    const made = await createKey(file, () => Buffer.alloc(32, 5))
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(await readFile(file, 'utf8')).toBe(`${'05'.repeat(32)}\n`)
    expect(await readdir(join(folder, 'deeper'))).toEqual(['payee.key'])
    expect(toHex(made.publicKey)).toBe(toHex(keyPairOf(Buffer.alloc(32, 5)).publicKey))
    await expect(createKey(file)).rejects.toThrow(keyFile('already'))
    expect(toHex((await loadKey(file)).publicKey)).toBe(toHex(made.publicKey))
    expect(await readdir(join(folder, 'deeper'))).toEqual(['payee.key'])
  })

  it('is the same key for all that start at once', async () => {
    const keys = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateKey(file)))
    expect(new Set(keys.map(({ publicKey }) => toHex(publicKey))).size).toBe(1)
    expect(toHex((await loadOrCreateKey(file)).publicKey)).toBe(toHex(keys[0]!.publicKey))
  })

  it('that others may read is refused', async () => {
    await createKey(file)
    for (const mode of [0o640, 0o604, 0o620, 0o610]) {
      await chmod(file, mode)
      await expect(loadKey(file)).rejects.toThrow(keyFile('open to others'))
      await expect(loadOrCreateKey(file)).rejects.toThrow(keyFile('open to others'))
    }
  })

  it('that is not there is named', async () => {
    await expect(loadKey(file)).rejects.toThrow(keyFile(/payee\.key.*there is none/))
  })

  it('that holds anything else is refused without showing it', async () => {
    for (const text of ['', 'secret', `${'0A'.repeat(32)}\n`, `${'0a'.repeat(31)}\n`, `${'0a'.repeat(33)}\n`, `${'0a'.repeat(32)}\n\n`]) {
      const name = join(folder, 'bad.key')
      await writeFile(name, text, { mode: 0o600 })
      await expect(loadKey(name)).rejects.toThrow(keyFile('does not hold'))
      if (text) await expect(loadKey(name)).rejects.not.toThrow(text.trim())
    }
  })
})

describe('the key of a payer', () => {
  const good = keyPairOf(Buffer.alloc(32, 3)).publicKey
  // A point of order 8, RFC 7748 §7 and the ed25519 literature.
  const order8 = fromHex('c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a')
  const mixed = ed25519.Point.fromBytes(good).add(ed25519.Point.fromBytes(order8)).toBytes()
  const refused = (key: Uint8Array) => expect(() => refuseTorsion(key)).toThrow(expect.objectContaining({ code: 'bad-key' }))

  it('is taken when it is an ordinary one', () => {
    for (let seed = 0; seed < 8; seed++) expect(refuseTorsion(keyPairOf(Buffer.alloc(32, seed)).publicKey)).toBeUndefined()
  })

  it('is refused with a component of small order', () => {
    refused(mixed)
  })

  it('is refused when it is of small order itself', () => {
    refused(order8)
    refused(fromHex(`01${'00'.repeat(31)}`))
    refused(Buffer.alloc(32))
  })

  it('is refused when it is no point, not canonical, or of another size', () => {
    refused(fromHex(`02${'00'.repeat(31)}`))
    refused(fromHex(`ee${'ff'.repeat(30)}7f`))
    refused(good.subarray(1))
    refused(Buffer.concat([good, Buffer.alloc(1)]))
  })
})
