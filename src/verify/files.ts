/** What `chrysalis verify` reads from disk: each kind of file in one function, with a bound on its size and an error that says what to do. */
import { X509Certificate } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { join } from 'node:path'
import { AttestationError, type CollateralParts, type NrasKeys, type Policy, parseNrasKeys, parsePolicy } from '../attestation/index.ts'
import { ConfigError } from '../config.ts'
import { messageOf } from '../lib/coded-error.ts'

const maxQuote = 16 * 1024
/** A quote in hex or base64, with its line ends. */
const maxQuoteText = 64 * 1024
const maxSmall = 64 * 1024
const maxDocument = 256 * 1024
const maxCrl = 1024 * 1024
const maxPolicy = 1024 * 1024
/** Documents of every format that is known, GPU evidence included. */
const maxEvidence = 4 * 1024 * 1024

/**
 * The bytes of a quote: raw as the hardware gives it, or its text in hex or base64. Throws {@link ConfigError} for a file that cannot
 * be read, and `quote-malformed` for one that no quote fills.
 */
export async function readQuoteFile(file: string): Promise<Buffer> {
  const bytes = await readAtMost(file, maxQuoteText, 'quote')
  const quote = bytes && (fromText(bytes) ?? bytes)
  if (!quote || quote.length > maxQuote)
    throw new AttestationError('quote-malformed', `the file is larger than any quote (${maxQuote} bytes)`)
  return quote
}

/** A raw quote begins with its version, 4 or 5, so it is never a text. */
function fromText(bytes: Buffer): Buffer | undefined {
  const text = /^[\t\n\r -~]*$/.test(bytes.toString('latin1')) ? bytes.toString('latin1').replace(/\s/g, '') : ''
  if (/^(?:0x)?(?:[0-9a-fA-F]{2})+$/.test(text)) return Buffer.from(text.replace(/^0x/, ''), 'hex')
  if (/^[A-Za-z0-9+/]+={0,2}$/.test(text)) return Buffer.from(text, 'base64')
  return undefined
}

/** The six files of a collateral folder. Throws {@link ConfigError} for one that cannot be read, `collateral-malformed` for one that is too large. */
export async function readCollateralFolder(folder: string): Promise<CollateralParts> {
  const read = async (name: string, most: number): Promise<Buffer> => {
    const bytes = await readAtMost(join(folder, name), most, 'collateral')
    if (!bytes) throw new AttestationError('collateral-malformed', `${name} is larger than ${most} bytes`)
    return bytes
  }
  const text = async (name: string, most: number) => (await read(name, most)).toString('utf8')
  return {
    tcbInfo: await text('tcb_info.json', maxDocument),
    qeIdentity: await text('qe_identity.json', maxDocument),
    pckCrl: await read('pck_crl.der', maxCrl),
    rootCaCrl: await read('root_ca_crl.der', maxCrl),
    tcbIssuerChain: await text('tcb_issuer_chain.pem', maxSmall),
    pckCrlIssuerChain: await text('pck_crl_issuer_chain.pem', maxSmall),
  }
}

/** A trusted root, PEM or DER; DER comes back. Throws {@link ConfigError}. */
export async function readRootFile(file: string): Promise<Buffer> {
  const bytes = await whole(file, maxSmall, 'root certificate')
  try {
    const { raw } = new X509Certificate(bytes)
    // Node looks for a certificate within whatever surrounds it; here the file is one, and nothing else.
    if (raw.equals(bytes) || /^\s*-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----\s*$/.test(bytes.toString('latin1'))) return raw
  } catch {
    // Said below.
  }
  throw new ConfigError('invalid', `${file} is not a certificate; give the root of trust as one PEM or DER certificate`)
}

/** A policy file. Throws {@link ConfigError} that names the member. */
export async function readPolicyFile(file: string): Promise<Policy> {
  const text = (await whole(file, maxPolicy, 'policy')).toString('utf8')
  try {
    return parsePolicy(JSON.parse(text))
  } catch (cause) {
    const why = cause instanceof SyntaxError ? `it is not JSON (${cause.message})` : messageOf(cause)
    throw new ConfigError('invalid', `${file} is not a valid policy: ${why}`, { cause })
  }
}

/** The keys of NVIDIA's attestation service, a JWKS. Throws {@link ConfigError}. */
export async function readNrasKeysFile(file: string): Promise<NrasKeys> {
  const text = (await whole(file, maxSmall, 'key set')).toString('utf8')
  try {
    return parseNrasKeys(text)
  } catch (cause) {
    throw new ConfigError('invalid', `--nras-keys: ${file}: ${messageOf(cause)}`, { cause })
  }
}

/** An evidence document of any format. Throws {@link ConfigError}, or `evidence-malformed` for a file that is too large. */
export async function readEvidenceFile(file: string): Promise<Buffer> {
  const bytes = await readAtMost(file, maxEvidence, 'evidence')
  if (!bytes) throw new AttestationError('evidence-malformed', `the document is larger than ${maxEvidence} bytes`)
  return bytes
}

async function whole(file: string, most: number, what: string): Promise<Buffer> {
  const bytes = await readAtMost(file, most, what)
  if (!bytes) throw new ConfigError('invalid', `the ${what} file ${file} is larger than ${most} bytes; is it the right file?`)
  return bytes
}

/** A file's bytes, or undefined where there are more than `most`: no more than that is ever held. */
async function readAtMost(file: string, most: number, what: string): Promise<Buffer | undefined> {
  let handle: FileHandle | undefined
  try {
    handle = await open(file)
    const buffer = Buffer.alloc(most + 1)
    let size = 0
    // A pipe gives what it has; only zero bytes are its end.
    for (;;) {
      const { bytesRead } = await handle.read(buffer, size, buffer.length - size, null)
      size += bytesRead
      if (size > most) return undefined
      if (bytesRead === 0) return buffer.subarray(0, size)
    }
  } catch (cause) {
    throw new ConfigError('unreadable', `cannot read the ${what} file ${file}: ${reasonOf(cause)}`, { cause })
  } finally {
    await handle?.close()
  }
}

function reasonOf(cause: unknown): string {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  if (code === 'ENOENT') return 'there is no such file'
  if (code === 'EISDIR') return 'it is a folder'
  if (code === 'EACCES') return 'permission denied'
  return messageOf(cause)
}
