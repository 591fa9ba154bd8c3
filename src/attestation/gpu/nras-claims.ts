/**
 * What NVIDIA's attestation service must say of a GPU, in claims 2.0 and 3.0. A claim that is missing counts as one that is
 * false. Claims for NVSwitches have other names and are not read.
 */

/** For every version. */
const always: Readonly<Record<string, unknown>> = {
  measres: 'success',
  dbgstat: 'disabled',
  secboot: true,
  'x-nvidia-gpu-arch-check': true,
  'x-nvidia-gpu-attestation-report-parsed': true,
  'x-nvidia-gpu-attestation-report-nonce-match': true,
  'x-nvidia-gpu-attestation-report-signature-verified': true,
  'x-nvidia-gpu-driver-rim-fetched': true,
  'x-nvidia-gpu-driver-rim-schema-validated': true,
  'x-nvidia-gpu-driver-rim-signature-verified': true,
  'x-nvidia-gpu-driver-rim-measurements-available': true,
  'x-nvidia-gpu-vbios-rim-fetched': true,
  'x-nvidia-gpu-vbios-rim-schema-validated': true,
  'x-nvidia-gpu-vbios-rim-signature-verified': true,
  'x-nvidia-gpu-vbios-rim-measurements-available': true,
  'x-nvidia-gpu-vbios-index-no-conflict': true,
}
const inVersion2: Readonly<Record<string, unknown>> = {
  'x-nvidia-gpu-attestation-report-cert-chain-validated': true,
  'x-nvidia-gpu-driver-rim-cert-validated': true,
  'x-nvidia-gpu-vbios-rim-cert-validated': true,
}
const inVersion3: Readonly<Record<string, unknown>> = {
  'x-nvidia-gpu-attestation-report-cert-chain-fwid-match': true,
  'x-nvidia-gpu-driver-rim-version-match': true,
  'x-nvidia-gpu-vbios-rim-version-match': true,
}
const chainsInVersion3 = [
  'x-nvidia-gpu-attestation-report-cert-chain',
  'x-nvidia-gpu-driver-rim-cert-chain',
  'x-nvidia-gpu-vbios-rim-cert-chain',
]

export type ClaimsVersion = '2.0' | '3.0'

/** Each claim that is not as it must be, by name; none where the service vouches for the device. */
export function failedClaims(claims: Readonly<Record<string, unknown>>, version: ClaimsVersion): string[] {
  const expected = { ...always, ...(version === '2.0' ? inVersion2 : inVersion3) }
  const failed = Object.keys(expected).filter(name => claims[name] !== expected[name])
  // A warning is something that NVIDIA would not vouch for without saying so.
  if ((claims['x-nvidia-attestation-warning'] ?? null) !== null) failed.push('x-nvidia-attestation-warning')
  if (version === '3.0') failed.push(...chainsInVersion3.filter(name => !isGoodChain(claims[name])))
  return failed
}

function isGoodChain(claim: unknown): boolean {
  if (typeof claim !== 'object' || claim === null) return false
  const { 'x-nvidia-cert-status': status, 'x-nvidia-cert-ocsp-status': ocsp } = claim as Readonly<Record<string, unknown>>
  return status === 'valid' && ocsp === 'good'
}
