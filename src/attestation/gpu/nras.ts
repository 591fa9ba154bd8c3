/**
 * Tokens of NVIDIA's Remote Attestation Service: a detached EAT, which is one overall token that names the others by digest,
 * and one token for each device. Every one of them is verified; the algorithm is ES384 and nothing else.
 */
import { errors, type JWTPayload, jwtVerify } from 'jose'
import { z } from 'zod'
import { toHex, utf8 } from '../../lib/bytes.ts'
import { messageOf } from '../../lib/coded-error.ts'
import { AttestationError } from '../errors.ts'
import type { GpuCrypto } from './crypto-port.ts'
import { type Architecture, architectureOf } from './device.ts'
import type { DetachedEat } from './items.ts'
import { type ClaimsVersion, failedClaims } from './nras-claims.ts'
import type { NrasKeys } from './nras-keys.ts'
import type { RevocationStatus } from './revocation.ts'

/** A device as NVIDIA's service describes it. */
export interface NrasDevice {
  /** `GPU-0`, as the token is named. */
  readonly name: string
  readonly architecture: Architecture
  readonly hardware: string
  /** `ueid`: serial number of the device's certificate, decimal. */
  readonly serial: string
  readonly driver: string
  readonly vbios: string
  /** Claims 2.0 do not say whether revocation was asked. */
  readonly revocation: RevocationStatus
}

export interface NrasFacts {
  readonly version: ClaimsVersion
  readonly devices: readonly NrasDevice[]
  /** Milliseconds since the epoch. */
  readonly validUntil: number
}

const skewSeconds = 60
/** jose: a key set that did not come in time, is no key set, or came with another status than 200. */
const aboutKeys = new Set<string>([errors.JWKSTimeout.code, errors.JWKSInvalid.code, errors.JOSEError.code])
const overallSchema = z.object({
  sub: z.literal('NVIDIA-PLATFORM-ATTESTATION'),
  'x-nvidia-ver': z.enum(['2.0', '3.0']),
  'x-nvidia-overall-att-result': z.boolean(),
  submods: z.record(z.string(), z.tuple([z.literal('DIGEST'), z.tuple([z.literal('SHA-256'), z.string().regex(/^[0-9a-f]{64}$/)])])),
})
const deviceSchema = z.object({
  hwmodel: z.string().max(64),
  ueid: z.string().regex(/^\d{1,64}$/),
  'x-nvidia-gpu-driver-version': z.string().regex(/^\d{1,5}(?:\.\d{1,5}){1,3}$/),
  'x-nvidia-gpu-vbios-version': z.string().regex(/^[0-9A-F]{2}(?:\.[0-9A-F]{2}){4}$/),
})

/**
 * Verifies a detached EAT at `now` (ms) over `nonce` (null where the asker gave none).
 *
 * 1. The overall token is signed by the service, current, and over our nonce; 2. it names exactly the tokens that came, each by
 * its digest; 3. each of those is signed, current and over the same nonce; 4. the service found all in order, and each device.
 *
 * Throws `nras-untrusted`, `nras-refused` with every claim that failed, or `collateral-unavailable` where the keys cannot be had.
 */
export async function verifyNras(
  eat: DetachedEat,
  o: { keys: NrasKeys; nonce: Uint8Array | null; now: number; crypto: GpuCrypto },
): Promise<NrasFacts> {
  const overall = await verifyToken(eat.overall, 'the overall token', o) // 1
  const { data } = overallSchema.safeParse(overall)
  if (!data) throw untrusted('the overall token is not in its form')
  if (!sameNames(Object.keys(data.submods), [...eat.devices.keys()])) throw untrusted('the overall token names other devices') // 2
  const version = data['x-nvidia-ver']
  const failed: string[] = data['x-nvidia-overall-att-result'] ? [] : ['x-nvidia-overall-att-result']
  const devices: NrasDevice[] = []
  let validUntil = overall.exp! * 1000
  for (const [name, token] of eat.devices) {
    if (toHex(o.crypto.sha256(utf8(token))) !== data.submods[name]![1][1]) throw untrusted(`the token of ${name} has another digest`)
    const claims = await verifyToken(token, `the token of ${name}`, o) // 3
    if (claims.eat_nonce !== overall.eat_nonce) throw untrusted(`the token of ${name} is over another nonce`)
    devices.push(readDevice(name, claims, version))
    failed.push(...failedClaims(claims, version).map(claim => `${name}: ${claim}`)) // 4
    validUntil = Math.min(validUntil, claims.exp! * 1000)
  }
  if (failed.length > 0)
    throw new AttestationError('nras-refused', `NVIDIA’s service does not vouch for the devices: ${failed.join(', ')}`, { reasons: failed })
  return { version, devices, validUntil }
}

async function verifyToken(token: string, what: string, o: { keys: NrasKeys; nonce: Uint8Array | null; now: number }): Promise<JWTPayload> {
  let payload: JWTPayload
  try {
    ;({ payload } = await jwtVerify(token, o.keys.find, {
      algorithms: ['ES384'],
      issuer: o.keys.issuer,
      requiredClaims: ['exp', 'nbf', 'iat', 'eat_nonce'],
      currentDate: new Date(o.now),
      clockTolerance: skewSeconds,
    }))
  } catch (cause) {
    // What jose says of a token is about the token; anything else is about getting the keys.
    if (!(cause instanceof errors.JOSEError) || aboutKeys.has(cause.code))
      throw new AttestationError('collateral-unavailable', `NVIDIA’s keys cannot be had: ${messageOf(cause)}`, { cause })
    throw new AttestationError('nras-untrusted', `${what} is not believed: ${cause.code}`, { cause })
  }
  if (o.nonce && payload.eat_nonce !== toHex(o.nonce)) throw untrusted(`${what} is not over our nonce`)
  return payload
}

function readDevice(name: string, claims: JWTPayload, version: ClaimsVersion): NrasDevice {
  const { data } = deviceSchema.safeParse(claims)
  const architecture = data && architectureOf(data.hwmodel.split(' ')[0]!)
  if (!data || !architecture) throw untrusted(`the token of ${name} does not describe a known device`)
  return {
    name,
    architecture,
    hardware: data.hwmodel,
    serial: data.ueid,
    driver: data['x-nvidia-gpu-driver-version'],
    vbios: data['x-nvidia-gpu-vbios-version'],
    revocation: version === '3.0' ? 'good' : 'not-checked',
  }
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every(name => b.includes(name))
}

function untrusted(why: string): AttestationError {
  return new AttestationError('nras-untrusted', `NVIDIA’s token is not believed: ${why}`)
}
