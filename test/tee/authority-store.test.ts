import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SoftwareQuotingAuthority } from '../../src/tee/index.ts'
import { fromPem } from './support/der-reader.ts'
import { seededRandom } from './support/seeded-random.ts'

const now = Date.UTC(2026, 5, 1)
const authority = SoftwareQuotingAuthority.create({ now, random: seededRandom('store') })
const other = SoftwareQuotingAuthority.create({ now, random: seededRandom('another store') })
const code = (expected: string) => expect.objectContaining({ name: 'TeeError', code: expected })
let top: string
let count = 0
const folder = () => join(top, `authority-${count++}`)

beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'chrysalis-tee-'))
})
afterAll(() => rm(top, { recursive: true }))

async function saved(change: (state: Record<string, Record<string, unknown>>) => void = () => {}): Promise<string> {
  const directory = folder()
  await authority.save(directory)
  const file = join(directory, 'authority.json')
  const state: Record<string, Record<string, unknown>> = JSON.parse(await readFile(file, 'utf8'))
  change(state)
  await writeFile(file, JSON.stringify(state))
  return directory
}

describe('an authority on disk', () => {
  test('comes back with the same root, keys and platform, and goes on issuing', async () => {
    const loaded = await SoftwareQuotingAuthority.load(await saved())
    expect(loaded.rootDer).toEqual(authority.rootDer)
    expect(loaded.certificates).toEqual(authority.certificates)
    expect(loaded.profile).toEqual(authority.profile)
    const blank = (quote: Buffer) =>
      Buffer.from(quote)
        .fill(0, 636, 700)
        .fill(0, 636 + 518, 636 + 582)
    expect(blank(loaded.issueQuote())).toEqual(blank(authority.issueQuote()))
    expect(JSON.parse(loaded.collateral(now + 1e11).tcbInfo).tcbInfo.issueDate).toBe('2029-08-01T09:46:40Z')
  })

  test('keeps its keys to its owner, leaves no drafts, and puts the root beside them', async () => {
    const directory = folder()
    await authority.save(directory)
    await authority.save(directory)
    expect((await readdir(directory)).toSorted()).toEqual(['authority.json', 'root-ca.pem'])
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    expect((await stat(join(directory, 'authority.json'))).mode & 0o777).toBe(0o600)
    expect(fromPem(await readFile(join(directory, 'root-ca.pem'), 'utf8'))).toEqual([authority.rootDer])
    expect(await readFile(join(directory, 'root-ca.pem'), 'utf8')).not.toContain('PRIVATE')
  })

  test('is made once by whoever opens it first, also when several do at once', async () => {
    const directory = folder()
    const opened = await Promise.all([1, 2, 3, 4].map(() => SoftwareQuotingAuthority.open(directory, { now })))
    const again = await SoftwareQuotingAuthority.open(directory, { now: now + 1 })
    expect(new Set([...opened, again].map(({ rootDer }) => rootDer.toString('hex'))).size).toBe(1)
    expect((await readdir(directory)).toSorted()).toEqual(['authority.json', 'root-ca.pem'])
  })

  test('replaces another one when saved over it', async () => {
    const directory = await saved()
    await other.save(directory)
    expect((await SoftwareQuotingAuthority.load(directory)).rootDer).toEqual(other.rootDer)
  })

  test('is not stored with a defect', async () => {
    const edited = authority.with({ pckCrl: good => ({ ...good, revoked: [Buffer.from([1])] }) })
    await expect(edited.save(folder())).rejects.toThrow(TypeError)
  })

  test('is missing from a folder that has none', async () => {
    await expect(SoftwareQuotingAuthority.load(folder())).rejects.toEqual(code('authority-missing'))
  })

  test.each([0o640, 0o604, 0o620])('is refused with mode %o, also by open', async mode => {
    const directory = await saved()
    await chmod(join(directory, 'authority.json'), mode)
    await expect(SoftwareQuotingAuthority.load(directory)).rejects.toEqual(code('authority-exposed'))
    await expect(SoftwareQuotingAuthority.open(directory, { now })).rejects.toEqual(code('authority-exposed'))
  })

  test.each<[string, (state: Record<string, Record<string, unknown>>) => void, RegExp]>([
    ['a member too many', state => Object.assign(state, { more: 1 }), /the document: /],
    ['a missing key', state => delete state.keys!.pck, /keys\.pck: /],
    ['a key that is none', state => Object.assign(state.keys!, { pck: 'key' }), /keys\.pck: not a PKCS #8 private key/],
    ['a certificate that is none', state => Object.assign(state.certificates!, { root: 'x' }), /certificates\.root: not a PEM certificate/],
    ['a serial number of another size', state => Object.assign(state.serials!, { pck: '00' }), /serials\.pck: expected 20 bytes/],
    [
      'another certificate’s place',
      state => Object.assign(state.certificates!, { pck: state.certificates!.pckCa }),
      /pck certificate is not of these keys/,
    ],
    [
      'swapped keys',
      state => Object.assign(state.keys!, { tcbSigner: state.keys!.attestation }),
      /tcbSigner certificate is not of these keys/,
    ],
  ])('is refused with %s, and says where', async (_, change, message) => {
    const loading = SoftwareQuotingAuthority.load(await saved(change))
    await expect(loading).rejects.toEqual(code('authority-unreadable'))
    await expect(loading).rejects.toThrow(message)
  })

  test('is refused when it is no JSON, without a word of what it holds', async () => {
    const directory = await saved()
    await writeFile(join(directory, 'authority.json'), 'PRIVATE KEY')
    const error: unknown = await SoftwareQuotingAuthority.load(directory).catch((reason: unknown) => reason)
    expect(error).toEqual(code('authority-unreadable'))
    expect(String(error)).not.toContain('PRIVATE')
  })
})
