/** What other systems' documents come down to: bytes to verify, and what has to be found in them. */
import type { GpuEvidence } from '../gpu/items.ts'

/** A key that REPORTDATA stands for, once it was compared. */
export interface ForeignKey {
  /** What it is for. */
  readonly role: 'signing' | 'encryption' | 'tls' | 'receipts'
  readonly algorithm: string
  /** Lowercase hex, or as the document has it where its form is the algorithm's own. */
  readonly value: string
}

/** One enclave's evidence in a document of another system, taken apart. Nothing of it is verified. */
export interface ForeignEvidence {
  /** The name by which a policy may allow it without a nonce. */
  readonly format: string
  /** Which of the document's enclaves this is, for people. */
  readonly part: string
  readonly quote: Uint8Array
  /** The 64 bytes that the quote must hold: made from our nonce where we gave one, and from the keys that the document claims. */
  readonly reportData: Uint8Array
  /** Whether {@link reportData} is over our nonce. Where it is not, the evidence says nothing of when it was made. */
  readonly fresh: boolean
  readonly keys: readonly ForeignKey[]
  /** When the keys end, milliseconds since the epoch; undefined where the system does not say. */
  readonly notAfter: number | undefined
  /** As it came, and not read yet; undefined where none is shown. */
  readonly eventLog: unknown
  /** The devices' evidence, and the nonce that they were to be asked over. `inReportData` says that the quote holds its hash. */
  readonly gpu: { readonly evidence: GpuEvidence; readonly nonce: Uint8Array; readonly inReportData: boolean } | null
}
