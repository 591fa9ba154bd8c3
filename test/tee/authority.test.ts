import { createPublicKey, verify, X509Certificate } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { developmentFmspc, generateP256Key, SoftwareQuotingAuthority, type TcbInfo } from '../../src/tee/index.ts'
import { at, children, fromPem, oid, readElement, signedParts, timeOf, unsigned } from './support/der-reader.ts'
import { seededRandom } from './support/seeded-random.ts'

const now = Date.UTC(2026, 5, 1, 12, 0, 0, 400)
const day = 24 * 60 * 60 * 1000
const authority = SoftwareQuotingAuthority.create({ now, random: seededRandom('authority') })
const other = SoftwareQuotingAuthority.create({ now, random: seededRandom('another authority') })
const x509 = (name: keyof typeof authority.certificates, of = authority) => new X509Certificate(of.certificates[name])
const issuers = { root: 'root', pckCa: 'root', pck: 'pckCa', tcbSigner: 'root' } as const
const names = ['root', 'pckCa', 'pck', 'tcbSigner'] as const

function extensionsOf(der: Buffer): { oid: string; critical: boolean; value: Buffer }[] {
  const fields = children(signedParts(der).tbs)
  return children(at(fields.at(-1)!, 0)).map(extension => {
    const parts = children(extension)
    return { oid: oid(parts[0]!), critical: parts.length === 3, value: parts.at(-1)!.contents }
  })
}

const inner = (text: string, member: string) => text.slice(member.length + 4, text.lastIndexOf(',"signature":"'))

describe('the certificates of the authority', () => {
  test.each(names)('%s parses, and verifies under its issuer', name => {
    const certificate = x509(name)
    const issuer = x509(issuers[name])
    expect(certificate.verify(issuer.publicKey)).toBe(true)
    expect(certificate.checkIssued(issuer)).toBe(true)
    expect(certificate.checkPrivateKey(authority.keys[name])).toBe(true)
    expect(certificate.serialNumber.toLowerCase()).toBe(Buffer.from(authority.profile.serials[name]).toString('hex'))
  })

  test.each([
    ['root', 'SGX Root CA', true],
    ['pckCa', 'SGX PCK Platform CA', true],
    ['pck', 'SGX PCK Certificate', false],
    ['tcbSigner', 'SGX TCB Signing', false],
  ] as const)('%s is named as verifiers expect, and says whether it is a CA', (name, phrase, ca) => {
    expect(x509(name).subject).toMatch(new RegExp(`^CN=Chrysalis Development ${phrase}$`, 'm'))
    expect(x509(name).ca).toBe(ca)
  })

  test.each(names)('%s has Intel’s extensions in Intel’s order, key usage and basic constraints critical', name => {
    const found = extensionsOf(authority.certificates[name])
    const expected = [
      '2.5.29.35',
      '2.5.29.31',
      '2.5.29.14',
      '2.5.29.15!',
      '2.5.29.19!',
      ...(name === 'pck' ? ['1.2.840.113741.1.13.1'] : []),
    ]
    expect(found.map(extension => extension.oid + (extension.critical ? '!' : ''))).toEqual(expected)
    const keyId = (index: number, der: Buffer) => extensionsOf(der)[index]!.value.subarray(-20).toString('hex')
    expect(keyId(0, authority.certificates[name])).toBe(keyId(2, authority.certificates[issuers[name]]))
  })

  test('they last for twenty years and were valid a day ago', () => {
    for (const name of names) {
      expect(x509(name).validFromDate.getTime()).toBeLessThanOrEqual(now - day)
      expect(x509(name).validToDate.getTime()).toBeGreaterThan(now + 19.9 * 365 * day)
    }
  })

  test('no other authority has the same keys, serial numbers or platform', () => {
    const fresh = SoftwareQuotingAuthority.create({ now })
    expect(fresh.rootDer.equals(SoftwareQuotingAuthority.create({ now }).rootDer)).toBe(false)
    expect(x509('pck').verify(x509('pckCa', other).publicKey)).toBe(false)
    expect(other.profile.sgx.ppid).not.toEqual(authority.profile.sgx.ppid)
  })

  test('the same randomness gives the same authority, but for ECDSA’s own nonces', () => {
    const again = SoftwareQuotingAuthority.create({ now, random: seededRandom('authority') })
    expect(again.profile).toEqual(authority.profile)
    for (const name of names) {
      expect(signedParts(again.certificates[name]).tbs.bytes).toEqual(signedParts(authority.certificates[name]).tbs.bytes)
    }
  })
})

describe('the collateral of the authority', () => {
  const parts = authority.collateral(now)

  test.each([
    ['rootCaCrl', 'root'],
    ['pckCrl', 'pckCa'],
  ] as const)('%s is signed by its issuer, lasts 30 days, and revokes nothing', (name, issuer) => {
    const { tbs, signature } = signedParts(parts[name])
    expect(verify('sha256', tbs.bytes, x509(issuer).publicKey, signature)).toBe(true)
    const [version, , issuerName, thisUpdate, nextUpdate, extensions] = children(tbs)
    expect(unsigned(version!)[0]).toBe(1)
    expect(issuerName!.bytes).toEqual(at(signedParts(authority.certificates[issuer]).tbs, 5).bytes)
    expect(timeOf(thisUpdate!)).toBe(now - 400)
    expect(timeOf(nextUpdate!)).toBe(now - 400 + 30 * day)
    expect(extensions!.tag).toBe(0xa0)
  })

  test('a revoked serial number stands in the list that its issuer signs', () => {
    const revoking = authority.with({ pckCrl: good => ({ ...good, revoked: [authority.profile.serials.pck] }) })
    const { tbs, signature } = signedParts(revoking.collateral(now).pckCrl)
    expect(verify('sha256', tbs.bytes, x509('pckCa').publicKey, signature)).toBe(true)
    expect(unsigned(at(tbs, 5, 0, 0))).toEqual(authority.profile.serials.pck)
  })

  test('a list without nextUpdate can be made', () => {
    const { tbs } = signedParts(authority.with({ rootCaCrl: good => ({ ...good, nextUpdate: null }) }).collateral(now).rootCaCrl)
    expect(children(tbs).map(element => element.tag)).toEqual([0x02, 0x30, 0x30, 0x17, 0xa0])
  })

  test.each([
    ['tcbInfo', 'tcbInfo'],
    ['qeIdentity', 'enclaveIdentity'],
  ] as const)('%s is signed by the TCB signer over its exact inner bytes', (part, member) => {
    const document: { signature: string } = JSON.parse(parts[part])
    const signed = inner(parts[part], member)
    expect(parts[part]).toBe(`{"${member}":${signed},"signature":"${document.signature}"}`)
    const key = { key: x509('tcbSigner').publicKey, dsaEncoding: 'ieee-p1363' } as const
    expect(verify('sha256', Buffer.from(signed), key, Buffer.from(document.signature, 'hex'))).toBe(true)
  })

  test('the TCB info is of the platform in the PCK certificate', () => {
    const info: TcbInfo = JSON.parse(parts.tcbInfo).tcbInfo
    expect(info).toMatchObject({
      id: 'TDX',
      version: 3,
      fmspc: 'C0DE43485259',
      pceId: '0000',
      issueDate: '2026-06-01T12:00:00Z',
      nextUpdate: '2026-07-01T12:00:00Z',
    })
    const sgx = extensionsOf(authority.certificates.pck).at(-1)!.value
    const values = children(readElement(sgx)).map(entry => children(entry)[1]!)
    expect(values[3]!.contents).toEqual(developmentFmspc)
    const [best] = info.tcbLevels
    const tcb = children(values[1]!).map(entry => children(entry)[1]!)
    expect(tcb.slice(0, 16).map(svn => svn.contents.readUInt8())).toEqual(best!.tcb.sgxtcbcomponents.map(({ svn }) => svn))
    expect(tcb[16]!.contents.readUInt8()).toBe(best!.tcb.pcesvn)
  })

  test('the chains end at the root', () => {
    const { root, tcbSigner, pckCa } = authority.certificates
    expect(fromPem(parts.tcbIssuerChain)).toEqual([tcbSigner, root])
    expect(fromPem(parts.pckCrlIssuerChain)).toEqual([pckCa, root])
  })

  test('the same collateral is given out for 15 days, then fresh', () => {
    const long = SoftwareQuotingAuthority.create({ now, random: seededRandom('long') })
    const first = long.collateral(now)
    expect(long.collateral(now + 15 * day - 1000)).toBe(first)
    const second = long.collateral(now + 15 * day)
    expect(JSON.parse(second.tcbInfo).tcbInfo.issueDate).toBe('2026-06-16T12:00:00Z')
    expect(JSON.parse(second.qeIdentity).enclaveIdentity.nextUpdate).toBe('2026-07-16T12:00:00Z')
    expect(timeOf(at(signedParts(second.pckCrl).tbs, 3))).toBe(now - 400 + 15 * day)
    expect(long.collateral(now + 400 * day)).not.toBe(second)
  })

  test('a clock set back gives collateral that is valid then', () => {
    const moved = SoftwareQuotingAuthority.create({ now, random: seededRandom('moved') })
    moved.collateral(now)
    expect(JSON.parse(moved.collateral(now - day).tcbInfo).tcbInfo.issueDate).toBe('2026-05-31T12:00:00Z')
  })
})

describe('an edited authority', () => {
  test('issues the edited certificate anew and leaves the others as they are', () => {
    const expired = authority.with({ pckCa: good => ({ ...good, notAfter: now - 1000 }) })
    expect(x509('pckCa', expired).validToDate.getTime()).toBeLessThan(now)
    expect(x509('pckCa', expired).verify(x509('root').publicKey)).toBe(true)
    for (const name of ['root', 'pck', 'tcbSigner'] as const) expect(expired.certificates[name]).toBe(authority.certificates[name])
    expect(x509('pckCa').validToDate.getTime()).toBeGreaterThan(now)
  })

  test('adds edits to those it has', () => {
    const both = authority.with({ sgx: good => ({ ...good, pceSvn: 300 }) }).with({ pck: good => ({ ...good, notAfter: now }) })
    const sgx = extensionsOf(both.certificates.pck).at(-1)!.value
    expect(at(readElement(sgx), 1, 1, 16, 1).contents.toString('hex')).toBe('012c')
    expect(x509('pck', both).validToDate.getTime()).toBe(now - 400)
  })

  test('can have a document signed by a wrong key', () => {
    const wrong = generateP256Key(seededRandom('wrong'))
    const forged = authority.with({ tcbInfo: good => ({ ...good, key: wrong }), root: good => ({ ...good, issuerKey: wrong }) })
    const text = forged.collateral(now).tcbInfo
    const check = (publicKey: ReturnType<typeof createPublicKey>) =>
      verify(
        'sha256',
        Buffer.from(inner(text, 'tcbInfo')),
        { key: publicKey, dsaEncoding: 'ieee-p1363' },
        Buffer.from(JSON.parse(text).signature, 'hex'),
      )
    expect(check(x509('tcbSigner').publicKey)).toBe(false)
    expect(check(createPublicKey(wrong))).toBe(true)
    expect(x509('root', forged).verify(x509('root').publicKey)).toBe(false)
  })

  test('can sign a spelling that no serialiser makes', () => {
    const text = '{ "id":"TDX", "id":"TDX" }'
    expect(authority.with({ tcbInfo: good => ({ ...good, text }) }).collateral(now).tcbInfo).toMatch(
      /^\{"tcbInfo":\{ "id":"TDX", "id":"TDX" \},"signature":"[0-9a-f]{128}"\}$/,
    )
  })
})
