/** What NVIDIA's service says of a device that is in order, in both versions of its claims. */
import type { JWTPayload } from 'jose'
import { toHex } from '../../../../src/lib/bytes.ts'
import { nonce, now } from './authority.ts'

const seconds = Math.floor(now / 1000)
export const times = { iat: seconds, nbf: seconds, exp: seconds + 3600 }
const common: JWTPayload = { iss: 'https://nras.attestation.nvidia.com', eat_nonce: toHex(nonce), ...times }

export const goodOverall = (version: '2.0' | '3.0' = '3.0'): JWTPayload => ({
  ...common,
  sub: 'NVIDIA-PLATFORM-ATTESTATION',
  'x-nvidia-ver': version,
  'x-nvidia-overall-att-result': true,
})

const parts = ['driver', 'vbios'].flatMap(part =>
  ['fetched', 'schema-validated', 'signature-verified', 'measurements-available'].map(what => `x-nvidia-gpu-${part}-rim-${what}`),
)
const reports = ['parsed', 'nonce-match', 'signature-verified'].map(what => `x-nvidia-gpu-attestation-report-${what}`)
const chains = ['attestation-report', 'driver-rim', 'vbios-rim'].map(what => `x-nvidia-gpu-${what}-cert-chain`)
const goodChain = { 'x-nvidia-cert-status': 'valid', 'x-nvidia-cert-ocsp-status': 'good', 'x-nvidia-cert-revocation-reason': null }

/** Claims that must be `true`, by version. */
export const trueClaims = {
  always: ['secboot', 'x-nvidia-gpu-arch-check', 'x-nvidia-gpu-vbios-index-no-conflict', ...reports, ...parts],
  '2.0': [
    'x-nvidia-gpu-attestation-report-cert-chain-validated',
    'x-nvidia-gpu-driver-rim-cert-validated',
    'x-nvidia-gpu-vbios-rim-cert-validated',
  ],
  '3.0': [
    'x-nvidia-gpu-attestation-report-cert-chain-fwid-match',
    'x-nvidia-gpu-driver-rim-version-match',
    'x-nvidia-gpu-vbios-rim-version-match',
  ],
}
export const chainClaims = chains

export function goodClaims(serial: string, version: '2.0' | '3.0' = '3.0'): JWTPayload {
  return {
    ...common,
    ueid: serial,
    hwmodel: 'GH100 A01 GSP BROM',
    oemid: '5703',
    measres: 'success',
    dbgstat: 'disabled',
    'x-nvidia-attestation-warning': null,
    'x-nvidia-gpu-driver-version': '550.144.03',
    'x-nvidia-gpu-vbios-version': '96.00.A5.00.01',
    ...Object.fromEntries([...trueClaims.always, ...trueClaims[version]].map(name => [name, true])),
    ...(version === '3.0' ? Object.fromEntries(chains.map(name => [name, goodChain])) : {}),
  }
}
