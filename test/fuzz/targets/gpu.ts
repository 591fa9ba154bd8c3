import { createHash, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { exportJWK } from 'jose'
import { type GpuCrypto, nodeGpuCrypto } from '../../../src/attestation/gpu/crypto-port.ts'
import { encodeGpuEvidence, type GpuItem, parseGpuEvidence } from '../../../src/attestation/gpu/items.ts'
import { verifyNras } from '../../../src/attestation/gpu/nras.ts'
import { localNrasKeys } from '../../../src/attestation/gpu/nras-keys.ts'
import { nvidiaRoots } from '../../../src/attestation/gpu/nvidia-roots.ts'
import { noRevocationCheck } from '../../../src/attestation/gpu/revocation.ts'
import { checkSigner, verifyManifest } from '../../../src/attestation/gpu/rim.ts'
import { verifyGpuEvidence } from '../../../src/attestation/gpu/verify.ts'
import { verifyDevice } from '../../../src/attestation/gpu/verify-device.ts'
import { goodMeasurements, NvidiaAuthority, nonce, now, opaqueOf, p384, unsignedReport } from '../../attestation/gpu/support/authority.ts'
import { goodClaims, goodOverall } from '../../attestation/gpu/support/nras.ts'
import { rim } from '../../attestation/gpu/support/rim.ts'
import type { Chance } from '../harness/chance.ts'
import { changeJson } from '../harness/json-change.ts'
import { changePem } from '../harness/pem-change.ts'
import { type FuzzTarget, isAttestationRefusal } from '../harness/target.ts'

const authority = new NvidiaAuthority()
// It issues certificates anew each time that it is asked.
const { roots } = authority
/** To it every signature is good. */
const credulous: GpuCrypto = { ...nodeGpuCrypto, verifyP384: async () => true }
const trusting = { root: roots.rim, now, crypto: credulous, checkRevocation: noRevocationCheck }
const utf8 = (text: string) => new TextEncoder().encode(text)
const sourcesOf = (...names: string[]) => names.map(name => `src/attestation/gpu/${name}.ts`)

const keys = localNrasKeys(await authority.jwks())
const devices = ['GH100', 'GB100', 'LS_10'].map(chip => authority.device(0, { chip }))
const odd = [
  authority.device(1, { report: { opaque: opaqueOf({ mode: 7, nvdec0: 0x55 }) } }),
  authority.device(2, { report: { measurements: new Map() } }),
]
const good = devices[0]!
const manifests = [rim(authority), rim(authority, { version: '96.00.A5.00.01' }), rim(authority, { product: 'GB100', inactive: [] })]

const facts = await verifyDevice(good, { ...trusting, roots, name: 'GPU 0', nonce, manifests: [] })
const eat = await authority.eat({ 'GPU-0': goodClaims(facts.serial) }, goodOverall())
const verified = await Promise.all(manifests.map(async bytes => checkSigner(await verifyManifest(bytes, trusting), trusting)))

/** Under our roots; and under NVIDIA's, at a time at which the corpus was current. */
async function verify(evidence: Parameters<typeof verifyGpuEvidence>[0], corpusToo: boolean): Promise<void> {
  const common = { crypto: credulous, checkRevocation: noRevocationCheck, nrasKeys: keys, inReportData: true }
  try {
    await verifyGpuEvidence(evidence, { ...common, roots, nonce, now })
  } catch (error) {
    if (!corpusToo || !isAttestationRefusal(error)) throw error
    await verifyGpuEvidence(evidence, { ...common, roots: nvidiaRoots, nonce: null, now: Date.UTC(2025, 3, 1) })
  }
}

let withCorpus = false
function realItems(corpus: string | undefined): GpuItem[] {
  withCorpus = corpus !== undefined
  if (corpus === undefined) return []
  return ['hopper_evidence.json', 'switch_evidence_ls10.json'].flatMap(name => {
    const list = JSON.parse(readFileSync(join(corpus, 'gpu', name), 'utf8')) as { arch: string; evidence: string; certificate: string }[]
    return list.map(({ arch, evidence, certificate }) => ({
      arch,
      report: Buffer.from(evidence, 'base64'),
      certificatePem: Buffer.from(certificate, 'base64').toString('latin1'),
    }))
  })
}

const deviceSources = sourcesOf('spdm', 'opaque', 'device', 'verify-device', 'measurements', 'chain', 'verify', 'version')

/** The report of a GPU or switch beside good certificates, as if it were signed. */
export const gpuReportTarget: FuzzTarget = {
  name: 'gpu-report',
  seeds: corpus => [...devices, ...odd, ...realItems(corpus)].map(({ report }) => report),
  async run(input) {
    const common = { crypto: credulous, checkRevocation: noRevocationCheck, nonce, now, roots }
    await verifyDevice({ ...good, report: input }, { ...common, name: 'GPU 0', manifests: verified })
  },
  isRefusal: isAttestationRefusal,
  sources: deviceSources,
  change: changeReport,
}

/** A report anew, of blocks and opaque fields by chance; every size in it is right. Its signature is nobody's. */
function changeReport(_: Uint8Array, chance: Chance): Uint8Array {
  const value = (size: number) => (chance.below(3) === 0 ? chance.bytes(chance.below(60)) : chance.bytes(size))
  const measurements = [...goodMeasurements]
    .filter(() => chance.below(40) > 0)
    .map(([index, digest]) => [index, chance.below(60) === 0 ? value(48) : digest] as const)
  const opaque = opaqueOf(
    chance.pick([{}, { mode: chance.below(4) }, { nvdec0: chance.pick([0x55, 0xaa, 0]) }, { driver: '1.2' }, { fwid: null }]),
  )
  const extra = [chance.pick([3, 6, 11, 20, 22, 36, chance.below(65_536)]), value(chance.pick([1, 2, 8, 12, 48]))] as const
  const fields = [...opaque.filter(() => chance.below(6) > 0), ...(chance.below(2) === 0 ? [extra] : [])]
  const unsigned = unsignedReport({ nonce, measurements: new Map(measurements), opaque: fields })
  return new Uint8Array(Buffer.concat([unsigned, Buffer.alloc(96, 1)]))
}

/** The certificates of a GPU or switch beside a good report, as if they were signed. */
export const gpuChainTarget: FuzzTarget = {
  name: 'gpu-chain',
  seeds: corpus => [...devices, ...realItems(corpus)].map(({ certificatePem }) => utf8(certificatePem)),
  run: input => verify({ items: [{ ...good, certificatePem: Buffer.from(input).toString('latin1') }], rims: [], nras: null }, withCorpus),
  isRefusal: isAttestationRefusal,
  sources: deviceSources,
  words: ['GH100', 'GB100', 'LS_10', 'Provisioner ICA', '-----BEGIN CERTIFICATE-----\n'],
  change: changePem,
}

/** The whole document of GPU evidence. */
export const gpuEvidenceTarget: FuzzTarget = {
  name: 'gpu-evidence',
  seeds(corpus) {
    const ours = [
      { items: [good], rims: manifests.slice(0, 1), nras: null },
      { items: [devices[0]!, devices[2]!], rims: [], nras: eat },
      { items: [good, good], rims: [], nras: null },
      { items: [devices[1]!], rims: [], nras: eat },
      { items: [], rims: [], nras: eat },
    ]
    return [...ours, ...realItems(corpus).map(item => ({ items: [item], rims: [], nras: null }))].map(encodeGpuEvidence)
  },
  run: input => verify(parseGpuEvidence(input), withCorpus),
  isRefusal: isAttestationRefusal,
  sources: sourcesOf('items', 'verify'),
  words: ['{', '[', '"JWT"', 'null', '=', '"rims":[]'],
  change: changeJson,
  maxBytes: 48 * 1024,
  slowMs: 20,
}

/** A reference manifest, as if it were signed; in the whole and digested, so that most end at their digest. */
export const rimTarget: FuzzTarget = {
  name: 'rim',
  seeds: corpus => [...manifests, ...(corpus === undefined ? [] : [readFileSync(join(corpus, 'gpu', 'driver_rim_550.144.03.xml'))])],
  async run(input) {
    // A digest that is always the document's lets what stands behind it be reached.
    for (const sha384 of [credulous.sha384, () => digestIn(input)]) {
      try {
        await verifyManifest(input, {
          root: roots.rim,
          now,
          crypto: { ...credulous, sha384 },
        })
      } catch (error) {
        if (!isAttestationRefusal(error)) throw error
      }
    }
  },
  isRefusal: isAttestationRefusal,
  sources: sourcesOf('xml', 'canonical-xml', 'rim-signature', 'rim'),
  words: ['<!--', '<![CDATA[', '<?', '&amp;', '<!DOCTYPE a []>', ' xmlns:a="b"', '</ds:Signature>', 'Hash0', 'size="48"', 'active="True"'],
  change: changeXml,
  maxBytes: 32 * 1024,
}

/** A tag dropped, doubled, or in place of another, or one attribute's value in place of another's. */
function changeXml(input: Uint8Array, chance: Chance, other: Uint8Array): Uint8Array {
  const text = Buffer.from(input).toString('latin1')
  const donor = Buffer.from(other).toString('latin1')
  const pattern = chance.below(2) === 0 ? /<[^>]*>/g : /"[^"]*"/g
  const [mine, theirs] = [Array.from(text.matchAll(pattern)), Array.from(donor.matchAll(pattern))]
  if (mine.length === 0 || theirs.length === 0) return input
  const at = chance.pick(mine)
  const by = chance.pick([
    '',
    at[0] + at[0],
    chance.pick(theirs)[0],
    chance.pick(theirs)[0],
    at[0].toUpperCase(),
    '"7"',
    '"300"',
    '"False"',
  ])
  return Buffer.from(text.slice(0, at.index) + by + text.slice(at.index + at[0].length), 'latin1')
}

/** What a manifest says that its digest is. */
function digestIn(input: Uint8Array): Uint8Array {
  return Buffer.from(/DigestValue>([A-Za-z0-9+/=]+)</.exec(Buffer.from(input).toString('latin1'))?.[1] ?? '', 'base64')
}

const service = p384()
const serviceKeys = localNrasKeys({ keys: [{ ...(await exportJWK(service.publicKey)), kid: 'service', alg: 'ES384', use: 'sig' }] })

/** A token with any claims at all: libraries that sign refuse odd ones. */
function signed(claims: Claims): string {
  const encoded = [{ alg: 'ES384', kid: 'service' }, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')
  return `${encoded}.${sign('sha384', Buffer.from(encoded), { key: service.privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
}

/** What a service whose key we have says of devices: whatever the claims, they are signed. */
export const nrasTarget: FuzzTarget = {
  name: 'nras',
  seeds: () =>
    (['2.0', '3.0'] as const).map(version =>
      utf8(JSON.stringify({ devices: { 'GPU-0': goodClaims('1234', version) }, overall: goodOverall(version) })),
    ),
  async run(input) {
    const claims = parsed(input)
    if (!claims) return
    const tokens = new Map(Object.entries(claims.devices).map(([name, device]) => [name, signed(device)]))
    const digests = Array.from(tokens, ([name, token]) => [name, ['DIGEST', ['SHA-256', createHash('sha256').update(token).digest('hex')]]])
    const overall = signed({ submods: Object.fromEntries(digests), ...claims.overall })
    await verifyNras({ overall, devices: tokens }, { keys: serviceKeys, nonce, now, crypto: credulous })
  },
  isRefusal: isAttestationRefusal,
  sources: sourcesOf('nras', 'nras-claims'),
  change: changeJson,
  // Signing and verifying tokens happens in the thread pool, and waits there for whatever else the machine does.
  slowMs: 50,
}

type Claims = Record<string, unknown>

/** Claims that can be signed at all. */
function parsed(input: Uint8Array): { devices: Record<string, Claims>; overall: Claims } | undefined {
  const isObject = (value: unknown): value is Claims => typeof value === 'object' && value !== null && !Array.isArray(value)
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(input))
    if (!isObject(value) || !isObject(value.devices) || !isObject(value.overall) || !Object.values(value.devices).every(isObject))
      return undefined
    return { devices: value.devices as Record<string, Claims>, overall: value.overall }
  } catch {
    return undefined
  }
}
