/** The policy file of the development mode: written at the first start, left alone once somebody edited it. */
import { existsSync, readFileSync } from 'node:fs'
import { developmentPolicy, isOlderDevelopmentPolicy, type NamedMeasurements } from '../attestation/index.ts'
import { writePrivate } from './folder.ts'

/** Sees to a policy that accepts these measurements. A file that was edited is kept, for the proxy to judge; so is one that cannot be read. */
export function keepPolicy(file: string, measurements: NamedMeasurements): void {
  const own = developmentPolicy(measurements)
  if (existsSync(file) && !isOlderDevelopmentPolicy(read(file), own)) return
  writePrivate(file, `${JSON.stringify(own, null, 2)}\n`)
}

function read(file: string): unknown {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}
