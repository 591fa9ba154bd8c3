/**
 * A stand-in for NVIDIA's collecting tool, run as a program of its own: `node gpu-tool.ts FILE HEX` signs a report of every
 * device in FILE over the nonce and prints what `nvattest collect-evidence` would. Other words in place of FILE make it fail.
 */
import { createPrivateKey, sign } from 'node:crypto'
import { readFileSync } from 'node:fs'

/** What the tool knows of a device: FILE is a JSON list of these. */
export interface ToolDevice {
  readonly arch: string
  /** PEM chain. */
  readonly certificate: string
  /** PEM. */
  readonly key: string
  /** Request and response before they are signed, in hex; the nonce is put into it. */
  readonly report: string
}

function main(what: string, nonce: string): void {
  if (what === 'fail') process.exit(3)
  if (what === 'garbage') process.stdout.write('hello')
  else if (what === 'hang') setInterval(() => {}, 1_000_000)
  else if (what === 'flood') setInterval(() => process.stdout.write('x'.repeat(64 * 1024)), 0)
  else if (what === 'say') process.stdout.write(nonce)
  else process.stdout.write(JSON.stringify({ result_code: 0, result_message: 'Ok', evidences: collect(what, nonce) }))
}

function collect(file: string, nonce: string): object[] {
  const devices = JSON.parse(readFileSync(file, 'utf8')) as ToolDevice[]
  return devices.map(({ arch, certificate, key, report }) => {
    const unsigned = Buffer.from(report, 'hex')
    unsigned.set(Buffer.from(nonce, 'hex'), 4)
    const signature = sign('sha384', unsigned, { key: createPrivateKey(key), dsaEncoding: 'ieee-p1363' })
    const evidence = Buffer.concat([unsigned, signature]).toString('base64')
    return { version: '1.0', arch, nonce, evidence, certificate: Buffer.from(certificate).toString('base64') }
  })
}

if (import.meta.main) main(process.argv[2]!, process.argv[3]!)
