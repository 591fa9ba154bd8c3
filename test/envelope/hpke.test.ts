import { AEAD_EXPORT_ONLY, CipherSuite, KDF_HKDF_SHA256, KEM_DHKEM_X25519_HKDF_SHA256, KEM_MLKEM768_X25519 } from 'hpke'
import { describe, expect, test } from 'vitest'
import { HpkePrivateKey, kemSizes, sendExport } from '../../src/envelope/hpke.ts'
import {
  createSenderSession,
  generateRecipientKeyPair,
  kemX25519,
  kemXWing,
  keyId,
  recipientKeyPair,
  SenderSession,
  sealRequest,
} from '../../src/envelope/index.ts'
import { sessionInfo } from '../../src/envelope/sender-session.ts'
import { utf8 } from '../../src/lib/bytes.ts'
import { body, codeOf, flipped, keyringOf, openRequest, pair, partsOf, sampleContext, seededRandom } from './sample.ts'

const suites = [
  { name: 'X-Wing', kem: kemXWing, factory: KEM_MLKEM768_X25519, publicKey: 1216, enc: 1120 },
  { name: 'DHKEM(X25519)', kem: kemX25519, factory: KEM_DHKEM_X25519_HKDF_SHA256, publicKey: 32, enc: 32 },
]
const random = seededRandom('hpke')
const info = utf8('info of a session')

describe.each(suites)('HPKE with $name', ({ kem, factory, publicKey, enc }) => {
  const other = new CipherSuite(factory, KDF_HKDF_SHA256, AEAD_EXPORT_ONLY)

  test('has the number and the sizes that others have', () => {
    expect(other.KEM).toMatchObject({ id: kem, Npk: publicKey, Nenc: enc, Nsk: 32 })
    expect(kemSizes(kem)).toEqual({ publicKey, enc })
  })

  test('makes the same key pair from the same bytes as another implementation', async () => {
    const theirs = await other.GenerateKeyPair(true)
    const ours = new HpkePrivateKey(kem, await other.SerializePrivateKey(theirs.privateKey))
    expect(ours.publicKey).toEqual(Buffer.from(await other.SerializePublicKey(theirs.publicKey)))
  })

  test('receives what another implementation sends', async () => {
    const ours = generateRecipientKeyPair(kem)
    const theirs = await other.DeserializePublicKey(ours.publicKey)
    for (const length of [1, 16, 32]) {
      const { encapsulatedSecret, exportedSecret } = await other.SendExport(theirs, utf8('session'), length, { info })
      expect(ours.privateKey.receiveExport(encapsulatedSecret, info, 'session', length)).toEqual(Buffer.from(exportedSecret))
    }
  })

  test('sends what another implementation receives', async () => {
    const seed = random(32)
    const key = await other.DeserializePrivateKey(seed)
    const theirs = { privateKey: key, publicKey: await other.DeserializePublicKey(recipientKeyPair(kem, seed).publicKey) }
    const to = recipientKeyPair(kem, seed)
    const sent = sendExport(to, info, 'session', 32, random)
    expect(Buffer.from(await other.ReceiveExport(theirs, sent.enc, utf8('session'), 32, { info }))).toEqual(sent.secret)

    const session = createSenderSession(to)
    const received = await other.ReceiveExport(theirs, session.enc, utf8('session'), 32, { info: sessionInfo(to.kid) })
    expect(Buffer.from(received)).toEqual(session.serve('rid'))
  })

  test('opens a request sealed under a session of another implementation', async () => {
    const to = pair(kem)
    const theirs = await other.DeserializePublicKey(to.publicKey)
    const sent = await other.SendExport(theirs, utf8('session'), 32, { info: sessionInfo(to.kid) })
    const session = new SenderSession({ kid: to.kid, kem, enc: sent.encapsulatedSecret, secret: sent.exportedSecret })
    const sealed = sealRequest({ context: sampleContext(), sessions: [session], contentType: 'application/json', body })
    expect(openRequest(sealed.bytes).body).toEqual(body)
  })

  test('exports another secret for another info, label, length, key or encapsulation', () => {
    const to = recipientKeyPair(kem, random(32))
    const sent = sendExport(to, info, 'session', 32, random)
    expect(to.privateKey.receiveExport(sent.enc, info, 'session', 32)).toEqual(sent.secret)
    expect(to.privateKey.receiveExport(sent.enc, utf8('other'), 'session', 32)).not.toEqual(sent.secret)
    expect(to.privateKey.receiveExport(sent.enc, info, 'sessions', 32)).not.toEqual(sent.secret)
    expect(to.privateKey.receiveExport(sent.enc, info, 'session', 31)).not.toEqual(sent.secret.subarray(0, 31))
    expect(recipientKeyPair(kem, random(32)).privateKey.receiveExport(sent.enc, info, 'session', 32)).not.toEqual(sent.secret)
    expect(sendExport(to, info, 'session', 32, random).secret).not.toEqual(sent.secret)
    for (let at = 0; at < sent.enc.length; at += kem === kemXWing ? 31 : 1) {
      for (const mask of [1, 128])
        expect(to.privateKey.receiveExport(flipped(sent.enc, at, mask), info, 'session', 32)).not.toEqual(sent.secret)
    }
  })

  test('refuses keys and encapsulations of another length', () => {
    const to = pair(kem)
    for (const size of [0, 1, 31, 33, publicKey - 1, publicKey + 1, publicKey === 32 ? 1216 : 32]) {
      if (size === publicKey) continue
      const short = Buffer.alloc(size, 9)
      expect(codeOf(() => sendExport({ kem, publicKey: short }, info, 'session', 32, random))).toBe('malformed')
      expect(codeOf(() => createSenderSession({ kid: keyId(short), kem, publicKey: short }))).toBe('malformed')
    }
    for (const size of [0, 1, 31, 33, enc - 1, enc + 1, enc === 32 ? 1120 : 32]) {
      if (size === enc) continue
      expect(codeOf(() => to.privateKey.receiveExport(Buffer.alloc(size, 9), info, 'session', 32))).toBe('malformed')
    }
    for (const size of [0, 31, 33, 64]) expect(codeOf(() => recipientKeyPair(kem, Buffer.alloc(size)))).toBe('misuse')
  })

  test('refuses a public key or an encapsulation of low order', () => {
    const to = pair(kem)
    const { enc: good } = sendExport(to, info, 'session', 32, random)
    for (const low of [Buffer.alloc(32), Buffer.concat([Buffer.of(1), Buffer.alloc(31)])]) {
      const bad = Buffer.concat([to.publicKey.subarray(0, -32), low])
      expect(codeOf(() => createSenderSession({ kid: keyId(bad), kem, publicKey: bad }))).toBe('malformed')
      expect(codeOf(() => to.privateKey.receiveExport(Buffer.concat([good.subarray(0, -32), low]), info, 'session', 32))).toBe('malformed')
    }
  })

  test('refuses a kid that is not that of the key', () => {
    const { publicKey: key, kid } = pair(kem)
    expect(codeOf(() => createSenderSession({ kid: flipped(kid, 0, 1), kem, publicKey: key }))).toBe('malformed')
    expect(codeOf(() => createSenderSession({ kid: kid.subarray(0, 7), kem, publicKey: key }))).toBe('malformed')
  })

  test('keeps a session only once a wrap under it has opened', () => {
    const to = pair(kem)
    const keyring = keyringOf(to)
    const { enc: good, secret } = sendExport(to, sessionInfo(to.kid), 'session', 32, random)
    expect(keyring.session(to.kid, good).secret).not.toBe(keyring.session(to.kid, good).secret)
    keyring.session(to.kid, good).keep()
    expect(keyring.session(to.kid, good).secret).toBe(keyring.session(to.kid, good).secret)
    expect(keyring.session(to.kid, good).secret).toEqual(secret)

    const request = sealRequest({ context: sampleContext(), sessions: [createSenderSession(to)], contentType: 'a/b', body })
    const { wraps, deks } = partsOf(request)
    const kept = () => keyring.session(to.kid, wraps[0]!.subarray(10)).secret
    const at = request.bytes.indexOf(deks[0]!)
    expect(codeOf(() => openRequest(flipped(request.bytes, at, 1), { keyring }))).toBe('does-not-open')
    expect(kept()).not.toBe(kept())
    openRequest(request.bytes, { keyring })
    expect(kept()).toBe(kept())

    keyring.remove(to.kid)
    expect(codeOf(() => keyring.session(to.kid, good))).toBe('unknown-key')
    keyring.add(to)
    expect(codeOf(() => keyring.add(to))).toBe('misuse')
  })
})

test('an ML-KEM key with a coefficient that is not reduced is refused', () => {
  const bad = Buffer.from(pair(kemXWing).publicKey)
  bad.fill(0xff, 0, 3)
  expect(codeOf(() => createSenderSession({ kid: keyId(bad), kem: kemXWing, publicKey: bad }))).toBe('malformed')
})

test('a KEM that is not one of the two is refused', () => {
  for (const kem of [0, 0x0010, 0x0021, 0x647b]) {
    expect(codeOf(() => generateRecipientKeyPair(kem))).toBe('misuse')
    expect(codeOf(() => createSenderSession({ ...pair(), kem }))).toBe('misuse')
  }
})

test('a private key shows nothing of itself when printed', () => {
  const seed = random(32)
  const { privateKey } = recipientKeyPair(kemX25519, seed)
  expect(JSON.stringify(privateKey)).not.toContain(JSON.stringify([...seed]).slice(1, -1))
  expect(Object.keys(privateKey)).toEqual(['kem', 'publicKey'])
})
