/**
 * Ours beside `@phala/dcap-qvl`, the one npm package in JavaScript that verifies TDX quotes: both are asked the same, about good evidence, about
 * bytes changed one at a time, and about real quotes of many days. Every difference is explained here, and an explanation that no difference
 * needs any more fails too.
 */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { type CollateralParts, intelRootDer } from '../../../src/attestation/index.ts'
import { tdxData, whySkipped } from '../../tee/support/tdx-data.ts'
import { ownEvidence } from '../mutations/subjects.ts'
import { type Answer, askOurs, askPeer, isSame, type Question } from './peer.ts'

interface Difference {
  /** What was changed, or whose quote it is. */
  readonly about: string
  readonly ours: Answer
  readonly theirs: Answer
}

interface Explanation {
  readonly why: string
  readonly covers: (difference: Difference) => boolean
}

const theyAccept = ({ ours, theirs }: Difference) => 'refused' in ours && 'status' in theirs
const theyRefuse =
  (words: string) =>
  ({ ours, theirs }: Difference): boolean =>
    'status' in ours && 'refused' in theirs && theirs.refused === words

/** What a change of one byte of good evidence comes to. Intel's own library refuses all of these, as we do. */
const changed: readonly Explanation[] = [
  {
    why: 'It does not check who signed the PCK CA’s revocation list, nor that it can be read: a host can show an empty one.',
    covers: difference => difference.about === 'pckCrl' && theyAccept(difference),
  },
  {
    why: 'It does not check who signed the root’s revocation list, nor that it can be read.',
    covers: difference => difference.about === 'rootCaCrl' && theyAccept(difference),
  },
  {
    why: 'It does not look at the certificates of the PCK CA’s revocation list.',
    covers: difference => difference.about === 'pckCrlIssuerChain' && theyAccept(difference),
  },
  {
    why: 'It does not read the root that the quote’s chain ends with, nor what stands between certificates: it puts its own in its place.',
    covers: difference => difference.about === 'quote, beyond the PCK CA' && theyAccept(difference),
  },
]

const real: readonly Explanation[] = [
  {
    why: 'It refuses a TD without SEPT_VE_DISABLE by itself; to us that is the policy’s: `td_attributes`.',
    covers: theyRefuse('SEPT_VE_DISABLE is not enabled'),
  },
  {
    why: 'It refuses DEBUG where the quote is verified; we refuse it where it is appraised, under every policy.',
    covers: theyRefuse('Debug mode is enabled'),
  },
  {
    why: 'It compares TDX components 0 and 1 with the level also where the module’s identity says how to; Intel’s library leaves them to that.',
    covers: difference => difference.about === 'azure-vtpm-2023' && theyRefuse('No matching TCB level found')(difference),
  },
]

function expectExplained(differences: readonly Difference[], explanations: readonly Explanation[]): void {
  expect(differences.filter(each => !explanations.some(({ covers }) => covers(each)))).toEqual([])
  expect(explanations.filter(({ covers }) => !differences.some(covers)).map(({ why }) => why)).toEqual([])
}

function compare(about: string, question: Question): Difference[] {
  const [ours, theirs] = [askOurs(question), askPeer(question)]
  return isSame(ours, theirs) ? [] : [{ about, ours, theirs }]
}

/** `count` copies of `bytes`, each with the lowest bit of one byte changed, spread evenly. */
function* changedCopies(bytes: Buffer, count: number): Generator<{ at: number; copy: Buffer }> {
  for (let index = 0; index < count; index++) {
    const at = Math.floor((index * bytes.length) / count)
    const copy = Buffer.from(bytes)
    copy[at]! ^= 1
    yield { at, copy }
  }
}

describe('beside another verifier', () => {
  test.each(ownEvidence)('good evidence is the same: $name', question => {
    expect(askPeer(question)).toEqual(askOurs(question))
  })

  test('evidence with one byte changed differs only where it is explained', () => {
    const differences = ownEvidence.flatMap(evidence => {
      const quote = Buffer.from(evidence.quote)
      const beyond = quote.indexOf('-----END CERTIFICATE-----', quote.indexOf('-----END CERTIFICATE-----') + 1)
      const firstEnd = quote.indexOf('-----END CERTIFICATE-----')
      const ofQuote = [...changedCopies(quote, 120)].flatMap(({ at, copy }) => {
        const framing = at >= beyond || (at >= firstEnd && at < quote.indexOf('-----BEGIN CERTIFICATE-----', firstEnd) + 28)
        return compare(framing ? 'quote, beyond the PCK CA' : 'quote', { ...evidence, quote: copy })
      })
      const ofParts = (Object.keys(evidence.parts) as (keyof CollateralParts)[]).flatMap(part => {
        const bytes = Buffer.from(evidence.parts[part] as string, 'latin1')
        return [...changedCopies(bytes, 20)].flatMap(({ copy }) => {
          const value = part === 'pckCrl' || part === 'rootCaCrl' ? copy : copy.toString('latin1')
          return compare(part, { ...evidence, parts: { ...evidence.parts, [part]: value } })
        })
      })
      return [...ofQuote, ...ofParts]
    })
    expectExplained(differences, changed)
  }, 30_000)

  test.skipIf(whySkipped)(`every real case differs only where it is explained${whySkipped}`, () => {
    interface Case {
      readonly quote: string
      readonly collateral: string
      readonly now: number
    }
    const { cases } = JSON.parse(readFileSync(join(tdxData!, 'index.json'), 'utf8')) as { cases: Case[] }
    const differences = cases.flatMap(({ quote, collateral, now }) => {
      const folder = join(tdxData!, 'collateral', collateral)
      // Sets without revocation lists cannot be asked about.
      if (!existsSync(join(folder, 'pck_crl.der'))) return []
      const bytes = (name: string) => readFileSync(join(folder, name))
      const text = (name: string) => bytes(name).toString('utf8')
      const parts = {
        tcbInfo: text('tcb_info.json'),
        qeIdentity: text('qe_identity.json'),
        pckCrl: bytes('pck_crl.der'),
        rootCaCrl: bytes('root_ca_crl.der'),
        tcbIssuerChain: text('tcb_issuer_chain.pem'),
        pckCrlIssuerChain: text('pck_crl_issuer_chain.pem'),
      }
      return compare(quote, { quote: readFileSync(join(tdxData!, 'quotes', `${quote}.bin`)), parts, root: intelRootDer, now: now * 1000 })
    })
    expectExplained(differences, real)
  })
})
