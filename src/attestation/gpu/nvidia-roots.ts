/**
 * NVIDIA's roots of trust, known by the SHA-256 of their certificates: what a GPU shows must end in the very certificate that
 * has it. Tests and the development mode pass others; no environment variable changes these.
 */

/** A trusted root: who it is, and the SHA-256 of its DER in lowercase hex. */
export interface TrustedRoot {
  readonly name: string
  readonly sha256: string
}

/** The roots that GPU evidence is verified under. */
export interface GpuRoots {
  /** Of every GPU's and switch's own certificates. */
  readonly device: TrustedRoot
  /** Of reference integrity manifests. */
  readonly rim: TrustedRoot
}

export const nvidiaRoots: GpuRoots = {
  device: { name: 'NVIDIA Device Identity CA', sha256: '102bf659d5419614c9d8e6aecebc80454eb26b1df6a769ac720b9a690b167b48' },
  rim: { name: 'NVIDIA CoRIM signing Root CA', sha256: '12977b5115acb0381179279fffeb5a8c4d264971ebb32298023a465fa41df5d1' },
}
