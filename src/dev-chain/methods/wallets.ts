/** Wallets known by the hash of their code, and what their data says. */
import type { AccountState } from '../machine.ts'

export interface WalletState {
  readonly type: string
  readonly seqno: number
  readonly walletId?: number
  readonly isSignatureAllowed?: boolean
}

/** Code hash in base64 → the name that toncenter gives it. */
const walletTypes: ReadonlyMap<string, string> = new Map([
  ['oM/CxIruFqJx8s/AtzgtgXVs7LEBfQd/qqs7tgL2how=', 'wallet v1 r1'],
  ['1JAvzJ+tdGmPqONTIgpo2g3PcuMryy657gQhfBfTBiw=', 'wallet v1 r2'],
  ['WHzHie/xyE9G7DeX5F/ICaFP9a4k8eDHpqmcydyQYf8=', 'wallet v1 r3'],
  ['XJpeaMEI4YchoHxC+ZVr+zmtd+xtYktgxXbsiO7mUyk=', 'wallet v2 r1'],
  ['/pUw0yQ4Uwg+8u8LTCkIwKv2+hwx6iQ6rKpb+MfXU/E=', 'wallet v2 r2'],
  ['thBBpYp5gLlG6PueGY48kE0keZ/6NldOpCUcQaVm9YE=', 'wallet v3 r1'],
  ['hNr6RJ+Ypph3ibojI1gHK8D3bcRSQAKl0JGLmnXS1Zk=', 'wallet v3 r2'],
  ['ZN1UgFUixb6KnbWc6gEFzPDQh4bKeb64y3nogKjXMi0=', 'wallet v4 r1'],
  ['/rX/aCDi/w2Ug+fg1iyBfYRniftK5YDIeIZtlZ2r1cA=', 'wallet v4 r2'],
  ['89fKU0k97trCizgZhqhJQDy6w9LFhHea8IEGWvCsS5M=', 'wallet v5 beta'],
  ['IINLe3KxEhR+Gy+0V7hOdNGjDwT3N9T2KmaOlVLSty8=', 'wallet v5 r1'],
])

/** The wallet in an account; `undefined` where it runs other code. */
export function readWallet({ code, data }: AccountState): WalletState | undefined {
  const type = code && walletTypes.get(code.hash().toString('base64'))
  if (!type || !data) return undefined
  try {
    const stored = data.beginParse()
    if (type.startsWith('wallet v5'))
      return { type, isSignatureAllowed: stored.loadBit(), seqno: stored.loadUint(32), walletId: stored.loadInt(32) }
    if (type.startsWith('wallet v3') || type.startsWith('wallet v4'))
      return { type, seqno: stored.loadUint(32), walletId: stored.loadInt(32) }
    return { type, seqno: stored.loadUint(32) }
  } catch {
    return undefined
  }
}
