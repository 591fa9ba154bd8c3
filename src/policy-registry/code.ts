/** The compiled contract, as it stands beside its source. */
import { Cell } from '@ton/core'
import compiled from './contract/registry.compiled.json' with { type: 'json' }

/** The contract's code as a base64 BOC. */
export const registryCodeBoc: string = compiled.code

/** The code cell of every registry. */
export const registryCode: Cell = Cell.fromBase64(registryCodeBoc)

/** The hash of {@link registryCode}, lowercase hex. */
export const registryCodeHash: string = compiled.hash
