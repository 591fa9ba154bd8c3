/**
 * Real quotes and collateral, when somebody has them: the folder that CHRYSALIS_TDX_DATA names, with `quotes/*.bin` and
 * `collateral/SET/` inside. They are not part of the project, so tests over them are skipped, and say so, without it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

export const tdxData = process.env.CHRYSALIS_TDX_DATA
export const whySkipped = tdxData === undefined ? ' (skipped: CHRYSALIS_TDX_DATA names no folder with real data)' : ''

export interface RealQuote {
  readonly name: string
  readonly bytes: Buffer
}

export function realQuotes(): RealQuote[] {
  if (tdxData === undefined) return []
  const folder = join(tdxData, 'quotes')
  return readdirSync(folder).map(name => ({ name, bytes: readFileSync(join(folder, name)) }))
}

/** Files of every collateral set that has both revocation lists. */
export function realCollateral(): { name: string; text(file: string): string; bytes(file: string): Buffer }[] {
  if (tdxData === undefined) return []
  const folder = join(tdxData, 'collateral')
  return readdirSync(folder)
    .filter(name => existsSync(join(folder, name, 'pck_crl.der')) && existsSync(join(folder, name, 'root_ca_crl.der')))
    .map(name => ({
      name,
      text: file => readFileSync(join(folder, name, file), 'utf8'),
      bytes: file => readFileSync(join(folder, name, file)),
    }))
}
