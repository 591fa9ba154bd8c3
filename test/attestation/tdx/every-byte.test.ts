/**
 * Every byte of quotes and of their collateral, changed once: it is refused, or it says exactly what it said before. The few bytes
 * where a change is without effect are listed with the reason (`../mutations/subjects.ts`), so that a new one is noticed.
 * `npm run test:mutations` changes each byte in more ways, and counts.
 */
import { describe, expect, test } from 'vitest'
import { loadCollateral, parseQuote, verifyQuote } from '../../../src/attestation/index.ts'
import { pem } from '../../../src/tee/index.ts'
import { tdxData, whySkipped } from '../../tee/support/tdx-data.ts'
import { defects, mutateEach } from '../mutations/mutate.ts'
import { collateralSubjects, ownEvidence, quoteSubject, realEvidence, type Subject } from '../mutations/subjects.ts'
import { outcome } from '../support/outcome.ts'
import { authority, now } from '../support/sample.ts'

/** A low bit, the bit of a letter's case, the highest bit, all bits: in turn, one for each byte. */
const masks = [0x01, 0x20, 0x80, 0xff]

/** Collateral costs more to read than a quote: of what is long of it every third byte is changed, and of what is real every ninth. */
const strideOf = ({ name, bytes }: Subject) => (name.includes('real') ? 9 : name.startsWith('quote') || bytes.length < 3000 ? 1 : 3)

const own = [...ownEvidence.map(quoteSubject), ...collateralSubjects(ownEvidence[0]!)]
const real = tdxData === undefined ? [] : realEvidence(tdxData)

function nothingElseVerifies(subject: Subject): void {
  const stride = strideOf(subject)
  const result = mutateEach(subject, offset => [masks[(offset / stride) % masks.length]!], stride)
  expect(result.changes).toBe(Math.ceil(subject.bytes.length / stride))
  expect(defects(result)).toEqual([])
  // Far more is refused than not: a subject that anything passes would show no defect either.
  expect(result.survivors.length).toBeLessThan(result.changes / 20)
}

test.each(own)('$name: any byte changed is refused, or says the same where no signature is', nothingElseVerifies)

describe.skipIf(whySkipped)(`of real machines${whySkipped}`, () => {
  test.each([...real.map(quoteSubject), ...real.flatMap(collateralSubjects)])('$name: likewise', nothingElseVerifies)
})

test('what is not listed is a defect, and so is what says something else', () => {
  const lenient: Subject = { name: 'lenient', bytes: Uint8Array.of(1, 2, 3), verify: bytes => bytes[2], uncovered: [] }
  expect(defects(mutateEach(lenient, () => [0xff])).map(({ offset, same }) => [offset, same])).toEqual([
    [0, true],
    [1, true],
    [2, false],
  ])
  const listed = { ...lenient, uncovered: [{ what: 'all', why: 'a test', at: () => true }] }
  expect(defects(mutateEach(listed, () => [0xff])).map(({ offset }) => offset)).toEqual([2])
})

describe('a PEM chain', () => {
  const collateral = loadCollateral(authority.collateral(now), now, authority.rootDer)

  test.each([4, 5] as const)(
    'in a quote of version %i says the same with white space between its certificates, and is refused with it inside them',
    version => {
      const { pck, pckCa, root } = authority.certificates
      const spaced = (text: string) => {
        const quote = authority.issueQuote({ version, edit: parts => ({ ...parts, certificateChain: Buffer.from(text) }) })
        return outcome(() => verifyQuote(parseQuote(quote), collateral, now))
      }
      expect(spaced([pck, pckCa, root].map(der => pem(der)).join('\r\n \t'))).toBe('accepted')
      expect(spaced(pem(pck, pckCa, root).replace('M', 'M '))).toBe('certificate-malformed')
    },
  )
})
