import { randomUUID } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { configfsQuoter, developmentMeasurements, nodeConfigfs, SoftwareQuotingAuthority, softwareQuoter } from '../../src/tee/index.ts'
import { FakeTsm } from './support/fake-tsm.ts'
import { seededRandom } from './support/seeded-random.ts'

const authority = SoftwareQuotingAuthority.create({ now: Date.UTC(2026, 5, 1), random: seededRandom('quoter') })
const reportData = Buffer.alloc(64, 0x5a)
const code = (expected: string) => expect.objectContaining({ name: 'TeeError', code: expected })
const reportDataOf = (quote: Buffer) => quote.subarray(568, 632)

/** Time passes at once; what was waited for is noted. */
function impatientClock() {
  const waits: number[] = []
  const after = (delayMs: number, action: () => void) => {
    waits.push(delayMs)
    queueMicrotask(action)
    return { cancel() {} }
  }
  return { waits, clock: { after } }
}

function kernel(options: Partial<FakeTsm> = {}) {
  const tsm = Object.assign(new FakeTsm(data => authority.issueQuote({ body: { reportData: data } })), options)
  const { waits, clock } = impatientClock()
  return { tsm, waits, quoter: configfsQuoter('/tsm/report', { port: tsm, clock }) }
}

describe('the quoter in software', () => {
  test('says that it is simulated, and quotes the development TD over the given report data', async () => {
    const quoter = softwareQuoter(authority)
    expect([quoter.type, quoter.simulated]).toEqual(['tdx', true])
    const quote = await quoter.quote(reportData)
    expect(reportDataOf(quote)).toEqual(reportData)
    expect(quote.subarray(48 + 136, 48 + 184)).toEqual(developmentMeasurements.mrTd)
  })

  test('quotes another TD when it is given one', async () => {
    const quote = await authority.quoter({ mrTd: Buffer.alloc(48, 1) }).quote(reportData)
    expect(quote.subarray(48 + 136, 48 + 184)).toEqual(Buffer.alloc(48, 1))
  })

  test.each([0, 63, 65])('refuses %i bytes of report data', async size => {
    await expect(softwareQuoter(authority).quote(Buffer.alloc(size))).rejects.toEqual(code('bad-report-data'))
  })
})

describe('the quoter by configfs-tsm', () => {
  test('takes the steps of the kernel’s interface in order, and cleans up', async () => {
    const { tsm, quoter } = kernel()
    expect([quoter.type, quoter.simulated]).toEqual(['tdx', false])
    expect(reportDataOf(await quoter.quote(reportData))).toEqual(reportData)
    expect(tsm.steps).toEqual(['mkdir', 'read provider', 'read generation', 'write inblob 64', 'read outblob', 'read generation', 'rmdir'])
    expect(tsm.entries.size).toBe(0)
  })

  test('uses an entry of its own for every quote, one quote at a time, in order', async () => {
    const { tsm, quoter } = kernel()
    const wanted = [1, 2, 3].map(byte => Buffer.alloc(64, byte))
    const quotes = await Promise.all(wanted.map(data => quoter.quote(data)))
    expect(quotes.map(reportDataOf)).toEqual(wanted)
    expect(tsm.most).toBe(1)
    expect(new Set(tsm.names).size).toBe(3)
    expect(tsm.names[0]).toMatch(/^\/tsm\/report\/chrysalis-[0-9a-f-]{36}$/)
  })

  test('quotes what was asked for, even if the caller’s buffer changes meanwhile', async () => {
    const { quoter } = kernel()
    const buffer = Buffer.from(reportData)
    const pending = quoter.quote(buffer)
    buffer.fill(0)
    expect(reportDataOf(await pending)).toEqual(reportData)
  })

  test('goes on after a quote that failed', async () => {
    const { tsm, quoter } = kernel({ provider: 'sev_guest\n' })
    const failed = quoter.quote(reportData)
    const next = quoter.quote(reportData)
    await expect(failed).rejects.toEqual(code('wrong-provider'))
    await expect(next).rejects.toEqual(code('wrong-provider'))
    tsm.provider = 'tdx_guest\n'
    await expect(quoter.quote(reportData)).resolves.toBeInstanceOf(Buffer)
  })

  test('refuses another provider at once, and removes the entry', async () => {
    const { tsm, waits, quoter } = kernel({ provider: 'sev_guest\n' })
    await expect(quoter.quote(reportData)).rejects.toThrow('"sev_guest"')
    expect(tsm.steps).toEqual(['mkdir', 'read provider', 'rmdir'])
    expect(waits).toEqual([])
  })

  test.each(['EBUSY', 'EAGAIN', 'EWOULDBLOCK', 'EINTR'])('tries again after %s, waiting a little longer each time', async errno => {
    const { tsm, waits, quoter } = kernel({
      failures: [
        ['outblob', errno],
        ['inblob', errno],
      ],
    })
    expect(reportDataOf(await quoter.quote(reportData))).toEqual(reportData)
    expect(waits).toEqual([50, 100])
    expect(tsm.entries.size).toBe(0)
  })

  test('gives up after three tries, and says why', async () => {
    const { tsm, waits, quoter } = kernel({
      failures: [
        ['outblob', 'EBUSY'],
        ['outblob', 'EBUSY'],
        ['outblob', 'EBUSY'],
      ],
    })
    await expect(quoter.quote(reportData)).rejects.toThrow(/EBUSY/)
    expect(waits).toEqual([50, 100])
    expect(tsm.entries.size).toBe(0)
    await expect(quoter.quote(reportData)).resolves.toBeInstanceOf(Buffer)
  })

  test.each(['EACCES', 'ENXIO', 'ENOENT'])('does not try again after %s', async errno => {
    const { waits, quoter } = kernel({ failures: [['mkdir', errno]] })
    await expect(quoter.quote(reportData)).rejects.toEqual(code('quote-unavailable'))
    expect(waits).toEqual([])
  })

  test('tries again when another writer got in between', async () => {
    const { tsm, waits, quoter } = kernel({ races: 1 })
    expect(reportDataOf(await quoter.quote(reportData))).toEqual(reportData)
    expect(waits).toEqual([50])
    expect(tsm.steps.filter(step => step === 'mkdir')).toHaveLength(2)
  })

  test('gives up when another writer always gets in between', async () => {
    await expect(kernel({ races: 3 }).quoter.quote(reportData)).rejects.toEqual(code('quote-unavailable'))
  })

  test('cuts the zero padding behind a quote', async () => {
    const { quoter } = kernel({ answer: data => Buffer.concat([authority.issueQuote({ body: { reportData: data } }), Buffer.alloc(70)]) })
    const quote = await quoter.quote(reportData)
    expect(quote.length).toBe(636 + quote.readUInt32LE(632))
  })

  test('reads REPORTDATA of a version 5 quote too', async () => {
    const { quoter } = kernel({ answer: data => authority.issueQuote({ version: 5, body: { reportData: data } }) })
    expect((await quoter.quote(reportData)).subarray(574, 638)).toEqual(reportData)
  })

  const good = authority.issueQuote({ body: { reportData } })
  test.each([
    ['over other report data', authority.issueQuote({ body: { reportData: Buffer.alloc(64) } })],
    ['for SGX', authority.issueQuote({ header: { teeType: 0 }, body: { reportData } })],
    ['of another version', authority.issueQuote({ header: { version: 3 }, body: { reportData } })],
    ['that is empty', Buffer.alloc(0)],
    ['cut in its body', good.subarray(0, 600)],
    ['cut by a byte', good.subarray(0, -1)],
    ['with something behind it', Buffer.concat([good, Buffer.from([0, 1])])],
    [
      'of version 5 with a body that is too small',
      authority.issueQuote({ version: 5, edit: parts => ({ ...parts, body: { type: 3, bytes: Buffer.alloc(583) } }) }),
    ],
  ])('refuses a quote %s', async (_, answer) => {
    await expect(kernel({ answer: () => answer }).quoter.quote(reportData)).rejects.toEqual(code('quote-mismatch'))
  })

  test('refuses a generation that is no number', async () => {
    await expect(kernel({ generation: () => 'many\n' }).quoter.quote(reportData)).rejects.toEqual(code('quote-mismatch'))
  })

  test('gives out a quote even if its entry stays behind', async () => {
    const { tsm, quoter } = kernel({ failures: [['rmdir', 'EBUSY']] })
    await expect(quoter.quote(reportData)).resolves.toBeInstanceOf(Buffer)
    expect(tsm.entries.size).toBe(1)
  })

  test('refuses report data of another size before it touches the kernel', async () => {
    const { tsm, quoter } = kernel()
    await expect(quoter.quote(Buffer.alloc(48))).rejects.toEqual(code('bad-report-data'))
    expect(tsm.steps).toEqual([])
  })
})

describe('the file operations behind it', () => {
  test('make, write, read to the end, and remove', async () => {
    const top = await mkdtemp(join(tmpdir(), 'chrysalis-tsm-'))
    try {
      const entry = join(top, randomUUID())
      await nodeConfigfs.makeFolder(entry)
      await expect(nodeConfigfs.makeFolder(entry)).rejects.toMatchObject({ code: 'EEXIST' })
      const file = join(entry, 'inblob')
      await expect(nodeConfigfs.writeOnce(file, reportData)).rejects.toMatchObject({ code: 'ENOENT' })
      await writeFile(file, '')
      await nodeConfigfs.writeOnce(file, reportData)
      expect(await readFile(file)).toEqual(reportData)
      await writeFile(file, Buffer.alloc(20_000, 7))
      expect(await nodeConfigfs.read(file)).toEqual(Buffer.alloc(20_000, 7))
      await writeFile(file, Buffer.alloc(70_000))
      await expect(nodeConfigfs.read(file)).rejects.toThrow(RangeError)
      await chmod(file, 0o600)
      await rm(file)
      await nodeConfigfs.removeFolder(entry)
      await expect(nodeConfigfs.removeFolder(entry)).rejects.toMatchObject({ code: 'ENOENT' })
    } finally {
      await rm(top, { recursive: true })
    }
  })

  test('say that there is no quote on a machine without the interface', async () => {
    const missing = join(tmpdir(), `chrysalis-no-tsm-${randomUUID()}`, 'report')
    await expect(configfsQuoter(missing).quote(reportData)).rejects.toEqual(code('quote-unavailable'))
  })
})
