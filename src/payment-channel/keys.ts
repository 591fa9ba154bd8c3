/**
 * Ed25519 keys in files: the seed's 64 hex digits and a newline, mode 0600. A file that group or others may read is refused,
 * because by then it may have been read; a file is made whole or not at all, and never over another.
 */
import { type KeyObject, randomBytes } from 'node:crypto'
import { link, mkdir, open, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fromHex, toHex } from '../lib/bytes.ts'
import { messageOf } from '../lib/coded-error.ts'
import { ed25519PrivateKey, ed25519RawPublicKey } from '../lib/ed25519.ts'
import { ChannelError } from './errors.ts'

/** An Ed25519 key pair, ready for `node:crypto`. */
export interface KeyPair {
  readonly privateKey: KeyObject
  /** Raw, 32 bytes. */
  readonly publicKey: Buffer
}

/** The key pair of a seed of 32 bytes. Throws `RangeError` for another length. */
export function keyPairOf(seed: Uint8Array): KeyPair {
  const privateKey = ed25519PrivateKey(seed)
  return { privateKey, publicKey: ed25519RawPublicKey(privateKey) }
}

/** Reads the key in `file`. Throws {@link ChannelError} `key-file` when it is missing, malformed, or not ours alone. */
export async function loadKey(file: string): Promise<KeyPair> {
  return keyPairOf(parseSeed(file, await readSecretFile(file)))
}

/** The text of a file that holds a secret. Throws {@link ChannelError} `key-file` when it is missing, or not ours alone. */
export async function readSecretFile(file: string): Promise<string> {
  const handle = await open(file, 'r').catch(cause => {
    throw new ChannelError('key-file', `cannot read the key file ${file}: ${reasonOf(cause)}`, { cause })
  })
  try {
    // Asked of the open file, so that nobody can change the name's meaning in between.
    const { mode } = await handle.stat()
    if ((mode & 0o077) !== 0)
      throw new ChannelError(
        'key-file',
        `the key file ${file} is open to others (mode ${(mode & 0o777).toString(8)}): make a new key, or chmod 600 it`,
      )
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/** Makes a new key in `file`, and the folder around it. Throws {@link ChannelError} `key-file` when the file exists already. */
export async function createKey(file: string, random: (size: number) => Uint8Array = randomBytes): Promise<KeyPair> {
  const seed = random(32)
  const folder = dirname(file)
  // Written under another name first: whoever finds `file` finds it whole, even after a crash.
  const draft = join(folder, `.${toHex(randomBytes(8))}.key`)
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(`${toHex(seed)}\n`)
      await handle.sync()
    } finally {
      await handle.close()
    }
    await link(draft, file)
    await syncFolder(folder)
  } catch (cause) {
    throw new ChannelError('key-file', `cannot make the key file ${file}: ${reasonOf(cause)}`, { cause })
  } finally {
    await unlink(draft).catch(() => {})
  }
  return keyPairOf(seed)
}

/** Reads the key in `file`, or makes one if nothing is there. Two processes that start at once end with the same key. Throws as {@link loadKey}. */
export async function loadOrCreateKey(file: string, random?: (size: number) => Uint8Array): Promise<KeyPair> {
  try {
    return await loadKey(file)
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error
  }
  try {
    return await createKey(file, random)
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error
    return await loadKey(file)
  }
}

function parseSeed(file: string, text: string): Buffer {
  try {
    return fromHex(text.replace(/\r?\n$/, ''), 32)
  } catch {
    // Without the cause: nothing of the file may end up in a log.
    throw new ChannelError('key-file', `the key file ${file} does not hold the 64 lowercase hex digits of a seed`)
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

function reasonOf(error: unknown): string {
  const errno = errnoOf(error)
  if (errno === 'ENOENT') return 'there is none'
  if (errno === 'EEXIST') return 'it is there already'
  return errno ?? messageOf(error)
}

function errnoOf(error: unknown): string | undefined {
  const cause = error instanceof ChannelError ? error.cause : error
  return cause instanceof Error && 'code' in cause && typeof cause.code === 'string' ? cause.code : undefined
}
