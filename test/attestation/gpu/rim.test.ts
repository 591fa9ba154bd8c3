import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeGpuCrypto } from '../../../src/attestation/gpu/crypto-port.ts'
import { AttestationError } from '../../../src/attestation/index.ts'
import { sha384, utf8 } from '../../../src/lib/bytes.ts'
import { goodMeasurements, NvidiaAuthority, now, opaqueOf, p384 } from './support/authority.ts'
import { driverIndexes, firmwareIndexes, measured, type RimSpec, rim } from './support/rim.ts'
import { authority, codeOf, verify } from './support/verify.ts'

const firmwareVersion = '96.00.A5.00.01'
const good = authority.device()
const firmware = rim(authority, { version: firmwareVersion })
const driver = rim(authority)
const withRims = (...rims: Buffer[]) => verify([good], { rims })
const withDriver = (spec: RimSpec) => codeOf(withRims(rim(authority, spec), firmware))
const hash = 'ab'.repeat(48)

describe('the event loop', () => {
  test('gets a turn for each device, and for each manifest', async () => {
    let turns = 0
    let over = false
    const count = () => {
      turns += 1
      if (!over) setImmediate(count)
    }
    const items = Array.from({ length: 8 }, (_, index) => authority.device(index))
    setImmediate(count)
    await verify(items, { rims: [driver, firmware] })
    over = true
    expect(turns).toBeGreaterThanOrEqual(8 + 2)
  })

  test('is spared what is known: a manifest is verified once while its signer’s certificates are in their time', async () => {
    const manifests = new Map()
    let checks = 0
    const crypto = {
      ...nodeGpuCrypto,
      verifyP384: (...asked: Parameters<typeof nodeGpuCrypto.verifyP384>) => {
        checks += 1
        return nodeGpuCrypto.verifyP384(...asked)
      },
    }
    const cost = async (o: object = {}) => {
      const before = checks
      expect((await verify([good], { rims: [driver, firmware], manifests, crypto, ...o })).devices[0]?.measurements).toBe('matched')
      return checks - before
    }
    const [first, second] = [await cost(), await cost()]
    expect(first).toBeGreaterThan(second)
    expect(manifests.size).toBe(2)
    const expired = verify([], { rims: [driver], manifests, crypto, now: now + 3 * 366 * 86_400_000 })
    expect(await codeOf(expired)).toBe('rim-untrusted')
    // Whether its signer was revoked is asked each time.
    const revoked = verify([], {
      rims: [driver],
      manifests,
      crypto,
      checkRevocation: () => Promise.reject(new AttestationError('gpu-revoked', 'revoked')),
    })
    expect(await codeOf(revoked)).toBe('gpu-revoked')
  })
})

describe('reference manifests', () => {
  test('that a device matches are said to be matched', async () => {
    expect((await withRims(driver, firmware)).devices[0]?.measurements).toBe('matched')
  })

  test('are needed for driver and firmware both', async () => {
    expect((await withRims(driver)).devices[0]?.measurements).toBe('not-compared')
    expect((await withRims(firmware)).devices[0]?.measurements).toBe('not-compared')
  })

  test.each<[string, RimSpec]>([
    ['another driver', { version: '550.144.04' }],
    ['another chip', { product: 'GB100' }],
  ])('for %s are passed over', async (_, spec) => {
    expect((await withRims(rim(authority, spec), firmware)).devices[0]?.measurements).toBe('not-compared')
  })

  test('of the firmware alone are enough for a switch', async () => {
    const item = authority.device(0, { chip: 'LS_10' })
    const { devices } = await verify([item], { rims: [rim(authority, { version: '96.10.55.00.01', product: 'LS10' })] })
    expect(devices[0]?.measurements).toBe('matched')
  })

  test('may list alternatives, of which one must match', async () => {
    const both = new Map([...measured(driverIndexes), [7, [Buffer.alloc(48), goodMeasurements.get(7)!]] as const])
    expect(await withDriver({ measurements: both })).toBe('accepted')
    const neither = new Map([...measured(driverIndexes), [7, [Buffer.alloc(48), Buffer.alloc(48, 1)]] as const])
    expect(await withDriver({ measurements: neither })).toBe('gpu-measurement-mismatch')
  })

  test.each(driverIndexes)('refuse a device whose measurement %i differs', async index => {
    const measurements = new Map([...goodMeasurements, [index, sha384(utf8('changed'))] as const])
    const device = authority.device(0, { report: { measurements } })
    expect(await codeOf(verify([device], { rims: [driver, firmware] }))).toBe('gpu-measurement-mismatch')
  })

  test('refuse a device that leaves a measurement out', async () => {
    const measurements = new Map([...goodMeasurements].filter(([index]) => index !== 22))
    const device = authority.device(0, { report: { measurements } })
    expect(await codeOf(verify([device], { rims: [driver, firmware] }))).toBe('gpu-measurement-mismatch')
  })

  test('name every index that differs', async () => {
    const wrong = new Map([...measured(driverIndexes), [7, [Buffer.alloc(48)]] as const, [21, [Buffer.alloc(48)]] as const])
    await expect(withRims(rim(authority, { measurements: wrong }), firmware)).rejects.toMatchObject({
      reasons: ['measurement 7 of GPU 0 differs', 'measurement 21 of GPU 0 differs'],
    })
  })

  test('say nothing of the decoder where it is off, and something where it is on', async () => {
    const measurements = new Map([...goodMeasurements, [35, Buffer.alloc(48)] as const])
    const device = (nvdec0: number) => authority.device(0, { report: { measurements, opaque: opaqueOf({ nvdec0 }) } })
    expect(await codeOf(verify([device(0x55)], { rims: [driver, firmware] }))).toBe('accepted')
    expect(await codeOf(verify([device(0xaa)], { rims: [driver, firmware] }))).toBe('gpu-measurement-mismatch')
  })

  test('that claim one index both are refused', async () => {
    expect(await withDriver({ measurements: measured([7, firmwareIndexes[0]!]) })).toBe('rim-untrusted')
  })

  test('for several boards may share a version: one of them must match', async () => {
    const board = rim(authority, { version: firmwareVersion, measurements: new Map([[0, [Buffer.alloc(48)]]]) })
    expect(await codeOf(withRims(driver, board, firmware))).toBe('accepted')
    expect(await codeOf(withRims(driver, board))).toBe('gpu-measurement-mismatch')
  })
})

describe('the signature of a manifest', () => {
  test('of another signer, or under another root, is refused', async () => {
    expect(await withDriver({ key: p384().privateKey })).toBe('rim-untrusted')
    expect(await codeOf(withRims(rim(new NvidiaAuthority()), firmware))).toBe('rim-untrusted')
  })

  test.each([0, 1, 2])('with a certificate %i that is another issuer’s, or past its time, is refused', async place => {
    const chain = (edit: object) => authority.rimChain((spec, here) => (here === place ? { ...spec, ...edit } : spec))
    const root = authority.rimChain().at(-1)!
    expect(await withDriver({ chain: [...chain({ issuerKey: p384().privateKey }).slice(0, 3), root] })).toBe('rim-untrusted')
    expect(await withDriver({ chain: [...chain({ notAfter: now - 1000 }).slice(0, 3), root] })).toBe('rim-untrusted')
  })

  test.each([2, 3, 5])('with %i certificates is refused', async count => {
    const chain = authority.rimChain()
    expect(await withDriver({ chain: [...chain, chain[3]!].slice(0, count) })).toBe('rim-untrusted')
  })

  test.each<[string, RimSpec['algorithms']]>([
    ['another canonical form', { canonicalization: 'http://www.w3.org/TR/2001/REC-xml-c14n-20010315' }],
    ['another signature', { signature: 'http://www.w3.org/2000/09/xmldsig#hmac-sha1' }],
    ['another digest', { digest: 'http://www.w3.org/2000/09/xmldsig#sha1' }],
    ['no enveloped signature', { enveloped: 'http://www.w3.org/2006/12/xml-c14n11' }],
    ['another transform', { transform: 'http://www.w3.org/TR/1999/REC-xpath-19991116' }],
    ['a reference to a part', { uri: '#part' }],
  ])('that uses %s is refused', async (_, algorithms) => {
    expect(await withDriver({ algorithms: algorithms! })).toBe('rim-untrusted')
  })

  const edited = (text: (xml: string) => string) => withDriver({ text })
  test.each<[string, (xml: string) => string]>([
    ['a measurement changed', xml => xml.replace(/Hash0="[0-9a-f]{2}/, 'Hash0="00')],
    ['another version', xml => xml.replace('550.144.03', '550.144.02')],
    ['a measurement switched off', xml => xml.replace('active="True"', 'active="False"')],
    ['a measurement added', xml => xml.replace('</ns0:Payload>', '<ns0:Resource/></ns0:Payload>')],
    ['a space added', xml => xml.replace('<ns0:Payload>', '<ns0:Payload> ')],
    ['an attribute added', xml => xml.replace('<ns0:Meta ', '<ns0:Meta a="b" ')],
    ['a namespace added', xml => xml.replace('<ns0:Payload>', '<ns0:Payload xmlns:x="urn:x">')],
    ['no signature', xml => xml.replace(/<ds:Signature .*<\/ds:Signature>/s, '')],
    ['two signatures', xml => xml.replace(/<ds:Signature .*<\/ds:Signature>/s, '$&$&')],
    ['two references', xml => xml.replace(/<ds:Reference .*<\/ds:Reference>/s, '$&$&')],
    ['two payloads', xml => xml.replace(/<ns0:Payload>.*<\/ns0:Payload>/s, '$&$&')],
    ['its signed part wrapped in another', xml => `<wrap xmlns="urn:x">${xml}</wrap>`],
    ['an empty signature value', xml => xml.replace(/<ds:SignatureValue>.*?</, '<ds:SignatureValue><')],
    ['a certificate that is not base64', xml => xml.replace('<ds:X509Certificate>', '<ds:X509Certificate>*')],
  ])('does not hold for a document with %s', async (_, text) => {
    expect(await edited(text)).toBe('rim-untrusted')
  })

  test.each<[string, (xml: string) => string]>([
    ['other line ends', xml => xml.replaceAll('\n', '\r\n')],
    ['an XML declaration', xml => `<?xml version="1.0" encoding="UTF-8"?>\n${xml}\n`],
    ['spaces within tags', xml => xml.replace('<ns0:Meta ', '<ns0:Meta \n ')],
    ['attributes in another order', xml => xml.replace(/(version="1.0") (corpus="false")/, '$2 $1')],
  ])('holds for the same document with %s', async (_, text) => {
    expect(await edited(text)).toBe('accepted')
  })

  test('asks whether the signer is revoked', async () => {
    const asked: boolean[] = []
    await verify([good], {
      rims: [driver],
      checkRevocation: async ({ leaf }) => {
        asked.push(leaf)
        return 'good'
      },
    })
    expect(asked).toEqual([true, false])
  })
})

describe('a manifest', () => {
  const resource = (attributes: string) => `<ns0:Resource ${attributes}></ns0:Resource>`
  test.each<[string, string]>([
    ['of another type', resource('type="MinSvn"')],
    ['of no type', resource('a="b"')],
    ['neither active nor not', resource(`active="true" alternatives="1" index="50" size="48" type="Measurement" ns2:Hash0="${hash}"`)],
    ['without a value', resource('active="True" alternatives="1" index="50" size="48" type="Measurement"')],
    ['of no alternatives', resource(`active="True" alternatives="0" index="50" size="48" type="Measurement" ns2:Hash0="${hash}"`)],
    ['of too many', resource(`active="True" alternatives="33" index="50" size="48" type="Measurement" ns2:Hash0="${hash}"`)],
    ['of another size', resource(`active="True" alternatives="1" index="50" size="32" type="Measurement" ns2:Hash0="${hash}"`)],
    ['that is not hex', resource(`active="True" alternatives="1" index="50" size="48" type="Measurement" ns2:Hash0="${hash.slice(2)}zz"`)],
    ['at no index', resource(`active="True" alternatives="1" index="x" size="48" type="Measurement" ns2:Hash0="${hash}"`)],
    ['beyond any index', resource(`active="True" alternatives="1" index="300" size="48" type="Measurement" ns2:Hash0="${hash}"`)],
    ['twice', resource(`active="True" alternatives="1" index="7" size="48" type="Measurement" ns2:Hash0="${hash}"`)],
    ['of text', 'something'],
  ])('with a measurement %s is refused, signed or not', async (_, extra) => {
    expect(await withDriver({ extra })).toBe('rim-untrusted')
  })

  test('without an active measurement is refused', async () => {
    expect(await withDriver({ measurements: new Map() })).toBe('rim-untrusted')
  })

  test.each<[string, string | Buffer]>([
    ['a document type', '<!DOCTYPE a [<!ENTITY b "c">]><a/>'],
    ['a billion laughs', `<!DOCTYPE l [<!ENTITY a "ha"><!ENTITY b "${'&a;'.repeat(10)}">]><l>&b;</l>`],
    ['an external entity', '<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>'],
    ['an entity', '<a>&amp;</a>'],
    ['a character reference', '<a>&#65;</a>'],
    ['a comment', '<a><!-- b --></a>'],
    ['CDATA', '<a><![CDATA[b]]></a>'],
    ['a stray end of CDATA', '<a>]]></a>'],
    ['a processing instruction', '<a><?b c?></a>'],
    ['two roots', '<a/><b/>'],
    ['no root', ''],
    ['text only', 'hello'],
    ['an element left open', '<a><b></a>'],
    ['a prefix of nowhere', '<a:b/>'],
    ['a namespace undone', '<a xmlns="urn:a"><b xmlns=""/></a>'],
    ['the xml prefix bound', '<a xmlns:xml="urn:a"/>'],
    ['an attribute twice', '<a b="1" b="2"/>'],
    ['an attribute twice by two prefixes', '<a xmlns:x="urn:a" xmlns:y="urn:a" x:b="1" y:b="2"/>'],
    ['an xml: attribute', '<a xml:lang="en"/>'],
    ['attributes without a space', '<a b="1"c="2"/>'],
    ['a control character', '<a>\u0001</a>'],
    ['bytes that are not UTF-8', Buffer.from([0x3c, 0x61, 0x3e, 0xff, 0x3c, 0x2f, 0x61, 0x3e])],
    ['UTF-16', Buffer.from('\ufeff<a/>', 'utf16le')],
    ['a great depth', '<a>'.repeat(17) + '</a>'.repeat(17)],
    ['a depth that would exhaust a stack', '<a>'.repeat(40_000)],
    ['many elements', `<a>${'<b/>'.repeat(2048)}</a>`],
    ['many attributes', `<a ${Array.from({ length: 49 }, (_, n) => `a${n}=""`).join(' ')}/>`],
    ['beyond any size', `<a>${' '.repeat(128 * 1024)}</a>`],
  ])('with %s is refused', async (_, text) => {
    expect(await codeOf(withRims(typeof text === 'string' ? utf8(text) : text))).toBe('rim-untrusted')
  })

  test('is refused, and breaks nothing, whatever bytes it is of', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(driver.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(3), async (offset, mask, cut) => {
        const copy = Buffer.from(driver)
        copy[offset]! ^= mask
        // Base64 text around certificates may change without a meaning; a change of meaning never passes.
        const code = await codeOf(withRims(cut === 0 ? copy.subarray(0, offset) : copy))
        expect(['rim-untrusted', 'accepted']).toContain(code)
        if (cut === 0 || offset < copy.indexOf('<ds:X509Data>')) expect(code).toBe('rim-untrusted')
      }),
      { numRuns: 150 },
    )
  })
})
