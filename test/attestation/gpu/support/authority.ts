/**
 * An authority like NVIDIA's, of our own: device certificates, signed reports, reference manifests and tokens, all well formed,
 * under roots that only tests trust. Every part takes an edit, so that a test can break exactly one thing.
 */
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'
import { exportJWK, type JSONWebKeySet, type JWTPayload, SignJWT } from 'jose'
import type { DetachedEat, GpuItem } from '../../../../src/attestation/gpu/items.ts'
import type { GpuRoots } from '../../../../src/attestation/gpu/nvidia-roots.ts'
import { concat, sha256, sha384, toHex, utf8 } from '../../../../src/lib/bytes.ts'
import * as der from '../../../../src/tee/der.ts'
import {
  basicConstraints,
  type CertificateSpec,
  certificate,
  type Extension,
  keyUsage,
  keyUsageBits,
  pem,
} from '../../../../src/tee/x509.ts'

import type { ToolDevice } from '../../../support/gpu-tool.ts'

export const now = Date.UTC(2026, 5, 1, 12)
const year = 365 * 24 * 60 * 60 * 1000
export const nonce = sha256(utf8('a nonce for GPUs'))

export function p384(): { privateKey: KeyObject; publicKey: KeyObject } {
  return generateKeyPairSync('ec', { namedCurve: 'P-384' })
}

type Keys = ReturnType<typeof p384>

export interface DeviceEdits {
  chip?: string
  /** By place: 0 is the leaf, 4 the root. */
  certificate?: (spec: CertificateSpec, place: number) => CertificateSpec
  /** What the leaf says of its firmware. */
  fwidExtension?: Extension
  report?: Partial<ReportSpec>
  /** The joined request and response, before they are signed. */
  unsigned?: (bytes: Buffer) => Buffer
  /** After they are signed. */
  signed?: (bytes: Buffer) => Buffer
  /** What the worker calls the device. */
  arch?: string
  pem?: (text: string) => string
  /** The key that signs the report in place of the device's. */
  key?: KeyObject
}

export interface ReportSpec {
  nonce: Uint8Array
  /** By the index that manifests use. */
  measurements: ReadonlyMap<number, Uint8Array>
  opaque: readonly (readonly [type: number, value: Uint8Array])[]
}

export const fwid = sha384(utf8('firmware'))
export const measurement = (index: number) => sha384(utf8(`measurement ${index}`))
export const goodMeasurements: ReadonlyMap<number, Uint8Array> = new Map(
  Array.from({ length: 64 }, (_, index) => [index, measurement(index)] as const),
)

/** `96.00.A5.00.01` as a GPU writes it. */
export function vbiosBytes(version: string): Buffer {
  const [a, b, c, d, e] = version.split('.').map(field => Number.parseInt(field, 16))
  return Buffer.from([d!, c!, b!, a!, e!, 0, 0, 0])
}

export function opaqueOf(
  o: { driver?: string; vbios?: string; nvdec0?: number; mode?: number; fwid?: Uint8Array | null } = {},
): (readonly [type: number, value: Uint8Array])[] {
  const own = o.fwid === undefined ? fwid : o.fwid
  return [
    [6, vbiosBytes(o.vbios ?? '96.00.A5.00.01')],
    [3, utf8(`${o.driver ?? '550.144.03'}\0`)],
    [11, Buffer.from([o.nvdec0 ?? 0xaa])],
    ...(own ? [[20, own] as const] : []),
    [36, Buffer.from([o.mode ?? 1, 0])],
  ]
}

const opaqueOfSwitch: ReportSpec['opaque'] = [
  [6, utf8('96.10.55.00.01')],
  [22, Buffer.alloc(8, 7)],
]

const digestOid = '2.16.840.1.101.3.4.2.2'
const fwidOf = (digest: Uint8Array) => der.sequence(der.objectIdentifier(digestOid), der.octetString(digest))

/** As Hopper's leaf certificates name their firmware. */
export function compositeDeviceId(digest: Uint8Array, key: KeyObject): Extension {
  const spki = key.export({ format: 'der', type: 'spki' })
  return { oid: '2.23.133.5.4.1', critical: false, value: der.sequence(der.integer(1), spki, fwidOf(digest)) }
}

/** As Blackwell's do. */
export function diceTcbInfo(digest: Uint8Array): Extension {
  const fwids = der.constructed(6, fwidOf(digest), fwidOf(Buffer.alloc(48)))
  return { oid: '2.23.133.5.4.1.1', critical: false, value: der.sequence(der.primitive(0, utf8('NVIDIA')), fwids) }
}

const rimNames = [
  'our RIM signer',
  'NVIDIA Reference Value L3 GH100 001',
  'NVIDIA Reference Value GH100 CA',
  'NVIDIA CoRIM signing Root CA',
]

export class NvidiaAuthority {
  readonly #device = p384()
  readonly #identity = p384()
  readonly #rim = Array.from({ length: 4 }, p384)
  readonly #nras = p384()
  readonly #rootDer = this.#issue({
    subject: 'NVIDIA Device Identity CA',
    keys: this.#device,
    issuer: 'NVIDIA Device Identity CA',
    by: this.#device,
    ca: true,
  })
  readonly #rimRoot = this.#issueRim(3)
  readonly #devices = new Map<string, { provisioner: Keys; rom: Keys; leaf: Keys }>()

  get roots(): GpuRoots {
    const root = (name: string, bytes: Uint8Array) => ({ name, sha256: toHex(sha256(bytes)) })
    return { device: root('our device root', this.#rootDer), rim: root('our RIM root', this.rimChain().at(-1)!) }
  }

  /** A GPU or switch; the same `index` is the same device. */
  device(index = 0, edits: DeviceEdits = {}): GpuItem {
    const chip = edits.chip ?? 'GH100'
    const keys = this.#keysOf(`${chip} ${index}`)
    const names = [`${chip} A01 GSP FMC LF`, `${chip} A01 GSP BROM`, `NVIDIA ${chip} Provisioner ICA 1`, `NVIDIA ${chip} Identity`]
    const chainKeys = [keys.leaf, keys.rom, keys.provisioner, this.#identity, this.#device]
    const extension = edits.fwidExtension ?? (chip.startsWith('GB') ? diceTcbInfo(fwid) : compositeDeviceId(fwid, keys.rom.publicKey))
    const chain = names.map((subject, place) =>
      this.#issue({
        subject,
        keys: chainKeys[place]!,
        issuer: names[place + 1] ?? 'NVIDIA Device Identity CA',
        by: chainKeys[place + 1]!,
        ca: place > 0,
        serial: sha256(utf8(`${chip} ${index} ${place}`)).subarray(0, 16),
        extra: place === 0 ? [extension] : [],
        edit: edits.certificate && (spec => edits.certificate!(spec, place)),
      }),
    )
    const rootSpec = this.#rootSpec()
    const edited = edits.certificate?.(rootSpec, 4) ?? rootSpec
    const root = edited === rootSpec ? this.#rootDer : certificate(edited)
    const text = pem(...chain, root)
    const arch = edits.arch ?? (chip === 'GH100' ? 'HOPPER' : chip === 'LS_10' ? 'LS10' : 'BLACKWELL')
    const spec = { nonce, measurements: goodMeasurements, opaque: chip === 'LS_10' ? opaqueOfSwitch : opaqueOf(), ...edits.report }
    const unsigned = (edits.unsigned ?? (bytes => bytes))(unsignedReport(spec))
    const report = concat(unsigned, sign('sha384', unsigned, { key: edits.key ?? keys.leaf.privateKey, dsaEncoding: 'ieee-p1363' }))
    return { arch, report: (edits.signed ?? (bytes => bytes))(report), certificatePem: (edits.pem ?? (same => same))(text) }
  }

  /** What the stand-in for NVIDIA's collecting tool needs to know of a device. */
  toolDevice(index = 0, chip = 'GH100'): ToolDevice {
    const { arch, certificatePem, report } = this.device(index, { chip })
    const key = this.#keysOf(`${chip} ${index}`).leaf.privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    return { arch, certificate: certificatePem, key, report: toHex(report.subarray(0, -96)) }
  }

  /** The chain of manifests' signer, leaf first. The root is always the same bytes. */
  rimChain(edit: (spec: CertificateSpec, place: number) => CertificateSpec = spec => spec): Buffer[] {
    return rimNames.map((_, place) => (place === 3 ? this.#rimRoot : this.#issueRim(place, edit)))
  }

  #issueRim(place: number, edit: (spec: CertificateSpec, place: number) => CertificateSpec = spec => spec): Buffer {
    const above = Math.min(place + 1, 3)
    return this.#issue({
      subject: rimNames[place]!,
      keys: this.#rim[place]!,
      issuer: rimNames[above]!,
      by: this.#rim[above]!,
      ca: place > 0,
      edit: spec => edit(spec, place),
    })
  }

  get rimKey(): KeyObject {
    return this.#rim[0]!.privateKey
  }

  async jwks(): Promise<JSONWebKeySet> {
    return { keys: [{ ...(await exportJWK(this.#nras.publicKey)), kid: 'our-key', alg: 'ES384', use: 'sig' }] }
  }

  /** Signs a token as the service does. */
  token(payload: JWTPayload, o: { key?: KeyObject | Uint8Array; header?: { alg: string; kid?: string } } = {}): Promise<string> {
    return new SignJWT(payload).setProtectedHeader({ alg: 'ES384', kid: 'our-key', ...o.header }).sign(o.key ?? this.#nras.privateKey)
  }

  /** A detached EAT over these devices' claims; the overall token names each by its digest. */
  async eat(
    devices: Readonly<Record<string, JWTPayload>>,
    overall: JWTPayload,
    o: { keys?: Record<string, KeyObject> } = {},
  ): Promise<DetachedEat> {
    const tokens = new Map<string, string>()
    for (const [name, claims] of Object.entries(devices))
      tokens.set(name, await this.token(claims, o.keys?.[name] ? { key: o.keys[name] } : {}))
    const submods = Object.fromEntries(Array.from(tokens, ([name, token]) => [name, ['DIGEST', ['SHA-256', toHex(sha256(utf8(token)))]]]))
    return { overall: await this.token({ submods, ...overall }), devices: tokens }
  }

  #keysOf(id: string): { provisioner: Keys; rom: Keys; leaf: Keys } {
    const known = this.#devices.get(id) ?? { provisioner: p384(), rom: p384(), leaf: p384() }
    this.#devices.set(id, known)
    return known
  }

  #rootSpec(): CertificateSpec {
    const name = 'NVIDIA Device Identity CA'
    return this.#spec({ subject: name, keys: this.#device, issuer: name, by: this.#device, ca: true })
  }

  #issue(o: CertificateRequest): Buffer {
    const spec = this.#spec(o)
    return certificate(o.edit ? o.edit(spec) : spec)
  }

  #spec(o: CertificateRequest): CertificateSpec {
    return {
      serial: o.serial ?? sha256(utf8(o.subject)).subarray(0, 16),
      issuer: [['CN', o.issuer]],
      subject: [['CN', o.subject]],
      notBefore: now - year,
      notAfter: now + year,
      publicKey: o.keys.publicKey,
      extensions: [
        ...(o.ca ? [basicConstraints(true)] : []),
        keyUsage(...(o.ca ? [keyUsageBits.keyCertSign, keyUsageBits.cRLSign] : [keyUsageBits.digitalSignature])),
        ...(o.extra ?? []),
      ],
      issuerKey: o.by.privateKey,
      hash: 'sha384',
    }
  }
}

interface CertificateRequest {
  subject: string
  keys: Keys
  issuer: string
  by: Keys
  ca: boolean
  serial?: Uint8Array
  extra?: readonly Extension[]
  edit?: ((spec: CertificateSpec) => CertificateSpec) | undefined
}

function little(value: number, size: number): Buffer {
  const bytes = Buffer.alloc(size)
  bytes.writeUIntLE(value, 0, size)
  return bytes
}

/** SPDM request and response, less the signature. */
export function unsignedReport(spec: ReportSpec): Buffer {
  const blocks = Array.from(spec.measurements, ([index, value]) =>
    concat(little(index + 1, 1), Buffer.of(1), little(value.length + 3, 2), Buffer.of(1), little(value.length, 2), value),
  )
  const record = concat(...blocks)
  const opaque = concat(...spec.opaque.map(([type, value]) => concat(little(type, 2), little(value.length, 2), value)))
  return concat(
    Buffer.of(0x11, 0xe0, 0x01, 0xff),
    spec.nonce,
    Buffer.of(0),
    Buffer.of(0x11, 0x60, 0, 0, blocks.length),
    little(record.length, 3),
    record,
    Buffer.alloc(32, 9),
    little(opaque.length, 2),
    opaque,
  )
}
