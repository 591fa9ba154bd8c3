/**
 * A software quoting authority on disk: one file, so that there is never half an authority, and the root certificate beside it for
 * whoever is to trust it. Revocation lists, TCB info and QE identity are not stored: they follow from keys and time.
 */
import { createPrivateKey, type KeyObject, randomUUID, X509Certificate } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { fromHex, toHex } from '../lib/bytes.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { AuthorityProfile, CertificateName } from './authority-documents.ts'
import type { AuthorityKeys } from './authority-keys.ts'
import { TeeError } from './errors.ts'
import { pem } from './x509.ts'

/** What an authority is, apart from what it can issue anew. */
export interface AuthorityState {
  readonly keys: AuthorityKeys
  readonly profile: AuthorityProfile
  /** DER. */
  readonly certificates: Readonly<Record<CertificateName, Buffer>>
}

const stateFile = (directory: string) => join(directory, 'authority.json')
const rootFile = (directory: string) => join(directory, 'root-ca.pem')

const bytes = (size: number) =>
  z.string().transform((text, context) => {
    try {
      return fromHex(text, size)
    } catch (error) {
      context.addIssue({ code: 'custom', message: messageOf(error) })
      return z.NEVER
    }
  })
const key = z.string().transform((text, context) => {
  try {
    return createPrivateKey(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'not a PKCS #8 private key' })
    return z.NEVER
  }
})
const x509 = z.string().transform((text, context) => {
  try {
    return new X509Certificate(text)
  } catch {
    context.addIssue({ code: 'custom', message: 'not a PEM certificate' })
    return z.NEVER
  }
})
const svn = z.number().int().min(0).max(255)

const schema = z.strictObject({
  version: z.literal(1),
  createdAt: z.number().int(),
  keys: z.strictObject({ root: key, pckCa: key, pck: key, tcbSigner: key, attestation: key }),
  certificates: z.strictObject({ root: x509, pckCa: x509, pck: x509, tcbSigner: x509 }),
  serials: z.strictObject({ root: bytes(20), pckCa: bytes(20), pck: bytes(20), tcbSigner: bytes(20) }),
  qeId: bytes(16),
  sgx: z.strictObject({
    ppid: bytes(16),
    tcbComponents: z.array(svn).length(16),
    pceSvn: z.number().int().min(0).max(65535),
    cpuSvn: bytes(16),
    pceId: bytes(2),
    fmspc: bytes(6),
    sgxType: svn,
    platformInstanceId: bytes(16),
    configuration: z.strictObject({ dynamicPlatform: z.boolean(), cachedKeys: z.boolean(), smtEnabled: z.boolean() }),
  }),
})

/**
 * Reads what {@link saveState} wrote. Throws `TeeError`: `authority-missing`, `authority-exposed` (readable by group or others),
 * `authority-unreadable` (another form, or certificates that are not of these keys).
 */
export async function loadState(directory: string): Promise<AuthorityState> {
  const file = stateFile(directory)
  const text = await readPrivate(file)
  const parsed = schema.safeParse(jsonOf(text, file))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new TeeError('authority-unreadable', `${file}: ${issue?.path.join('.') || 'the document'}: ${issue?.message ?? 'malformed'}`)
  }
  const { createdAt, keys, certificates, serials, qeId, sgx } = parsed.data
  for (const [subject, issuer] of [
    ['root', 'root'],
    ['pckCa', 'root'],
    ['pck', 'pckCa'],
    ['tcbSigner', 'root'],
  ] as const) {
    if (!certificates[subject].checkPrivateKey(keys[subject]) || !certificates[subject].verify(certificates[issuer].publicKey)) {
      throw new TeeError('authority-unreadable', `${file}: the ${subject} certificate is not of these keys`)
    }
  }
  const { root, pckCa, pck, tcbSigner } = certificates
  return {
    keys,
    profile: { createdAt, serials, sgx, qeId },
    certificates: { root: root.raw, pckCa: pckCa.raw, pck: pck.raw, tcbSigner: tcbSigner.raw },
  }
}

async function readPrivate(file: string): Promise<string> {
  try {
    const { mode } = await stat(file)
    if (mode & 0o077) throw new TeeError('authority-exposed', `${file} holds private keys and must have mode 0600`)
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof TeeError) throw error
    const missing = error instanceof Error && 'code' in error && error.code === 'ENOENT'
    throw new TeeError(missing ? 'authority-missing' : 'authority-unreadable', `${file}: ${messageOf(error)}`, { cause: error })
  }
}

/** No `cause` here: a parser's message may quote the text, and the text holds keys. */
function jsonOf(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    throw new TeeError('authority-unreadable', `${file} is not JSON`)
  }
}

/**
 * Writes the authority into `directory`, which is made (mode 0700) if need be: `authority.json` (0600, with the private keys)
 * and `root-ca.pem` (0644). Each file appears whole or not at all. With `replace: false` an authority that is already there
 * stays, and the result is false; of several that save at once, one wins.
 */
export async function saveState(directory: string, state: AuthorityState, { replace }: { replace: boolean }): Promise<boolean> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  if (!(await writeWhole(stateFile(directory), `${JSON.stringify(toJson(state), null, 2)}\n`, 0o600, replace))) return false
  return writeWhole(rootFile(directory), pem(state.certificates.root), 0o644, true)
}

function toJson({ keys, profile, certificates }: AuthorityState): z.input<typeof schema> {
  const { sgx, serials } = profile
  if (!sgx.platformInstanceId || !sgx.configuration) throw new TypeError('only an authority of a platform CA can be stored')
  const pkcs8 = (privateKey: KeyObject) => privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  return {
    version: 1,
    createdAt: profile.createdAt,
    keys: mapRecord(keys, pkcs8),
    certificates: mapRecord(certificates, der => pem(der)),
    serials: mapRecord(serials, toHex),
    qeId: toHex(profile.qeId),
    sgx: {
      ppid: toHex(sgx.ppid),
      tcbComponents: [...sgx.tcbComponents],
      pceSvn: sgx.pceSvn,
      cpuSvn: toHex(sgx.cpuSvn),
      pceId: toHex(sgx.pceId),
      fmspc: toHex(sgx.fmspc),
      sgxType: sgx.sgxType,
      platformInstanceId: toHex(sgx.platformInstanceId),
      configuration: sgx.configuration,
    },
  }
}

function mapRecord<Name extends string, From, To>(record: Readonly<Record<Name, From>>, convert: (value: From) => To): Record<Name, To> {
  const entries = (Object.keys(record) as Name[]).map(name => [name, convert(record[name])] as const)
  return Object.fromEntries(entries) as Record<Name, To>
}

async function writeWhole(file: string, text: string, mode: number, replace: boolean): Promise<boolean> {
  const draft = `${file}.${randomUUID()}`
  const handle = await open(draft, 'wx', mode)
  try {
    await handle.writeFile(text)
    await handle.sync()
    await handle.close()
    if (replace) await rename(draft, file)
    else await link(draft, file) // unlike rename, this refuses a name that is taken
    await syncFolder(dirname(file))
    return true
  } catch (error) {
    if (!replace && error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  } finally {
    await handle.close().catch(() => {}) // closed already, unless a write failed
    await rm(draft, { force: true })
  }
}

async function syncFolder(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
