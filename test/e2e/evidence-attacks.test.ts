/** Evidence changed on its way to the proxy, or made by somebody who has everything but the enclave: no prompt leaves. */
import { generateKeyPairSync } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { reportData } from '../../src/attestation/index.ts'
import { sha256 } from '../../src/lib/bytes.ts'
import { developmentMeasurements, SoftwareQuotingAuthority, type TdReport } from '../../src/tee/index.ts'
import { type Deployment, deploy } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { TamperingLink } from '../support/tampering-link.ts'

const question = { model: 'scripted', max_tokens: 20, messages: [{ role: 'user', content: 'hello' }] }
const stranger = SoftwareQuotingAuthority.create({ now: Date.now() })

let engine: ScriptedEngine
let link: TamperingLink
let deployment: Deployment

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  deployment = await deploy({
    engines: [engine.url],
    between: async url => {
      link = await TamperingLink.to(url)
      return link.url
    },
  })
})

afterAll(async () => {
  await deployment?.stop()
  link?.close()
  await engine?.close()
})

interface Document {
  readonly nonce: string
  readonly keyset: string
  readonly gpu_evidence: string | null
  readonly tee: { readonly type: string; readonly quote: string }
}

const quoteOf = (document: Document) => Buffer.from(document.tee.quote, 'base64')
const withQuote = (document: Document, quote: Buffer): Document => ({ ...document, tee: { type: 'tdx', quote: quote.toString('base64') } })

/** The document with a quote of its own making: right nonce, right keyset, and a TD as `body` says, by `authority`. */
function quotedAnew(document: Document, body: Partial<TdReport> = {}, authority = deployment.authority): Document {
  const data = reportData(Buffer.from(document.nonce, 'hex'), Buffer.from(document.keyset, 'base64'), null)
  return withQuote(document, authority.issueQuote({ body: { ...developmentMeasurements, ...body, reportData: data } }))
}

interface KeysetJson {
  readonly hpke: readonly { kid: string; kem: number; public_key: string }[]
  readonly receipt: { kid: string; public_key: string }
}

/** The document with a key of somebody else in its keyset, correctly named by its hash. */
function withKeyOf(document: Document, change: (keyset: KeysetJson, kid: (raw: Buffer) => string) => object): Document {
  const keyset = JSON.parse(Buffer.from(document.keyset, 'base64').toString('utf8')) as KeysetJson
  const kid = (raw: Buffer) => Buffer.from(sha256(raw).subarray(0, 8)).toString('hex')
  return { ...document, keyset: Buffer.from(JSON.stringify({ ...keyset, ...change(keyset, kid) })).toString('base64') }
}

const rawKey = (type: 'x25519' | 'ed25519') =>
  // Both names lead to other overloads with the same result.
  (type === 'x25519' ? generateKeyPairSync('x25519') : generateKeyPairSync('ed25519')).publicKey
    .export({ format: 'der', type: 'spki' })
    .subarray(-32)

const attacks: [string, (document: Document, other: Document) => Document, RegExp][] = [
  ['an old document over another nonce', (_, other) => other, /nonce/],
  ['the quote of another nonce under a fresh echo', (document, other) => ({ ...document, tee: other.tee }), /nonce/],
  [
    'a sealing key of somebody else, which the quote does not name',
    document =>
      withKeyOf(document, ({ hpke }, kid) => {
        const forged = () => {
          const raw = rawKey('x25519')
          return { kid: kid(raw), kem: 0x20, public_key: raw.toString('base64') }
        }
        return { hpke: hpke.map(key => (key.kem === 0x20 ? forged() : key)) }
      }),
    /nonce and this keyset/,
  ],
  [
    'a receipt key of somebody else, which the quote does not name',
    document =>
      withKeyOf(document, (_, kid) => {
        const raw = rawKey('ed25519')
        return { receipt: { kid: kid(raw), public_key: raw.toString('base64') } }
      }),
    /nonce and this keyset/,
  ],
  [
    'one bit of the quote',
    document => {
      const quote = quoteOf(document)
      quote[200]! ^= 1
      return withQuote(document, quote)
    },
    /not signed/,
  ],
  [
    'GPU evidence that the quote does not name',
    document => ({ ...document, gpu_evidence: Buffer.from('a GPU').toString('base64') }),
    /nonce/,
  ],
  [
    'a TD under DEBUG with everything else right',
    document => quotedAnew(document, { tdAttributes: Buffer.from('0100001000000000', 'hex') }),
    /DEBUG/,
  ],
  [
    'a TD of another measurement with everything else right',
    document => quotedAnew(document, { mrTd: Buffer.alloc(48, 7) }),
    /MRTD is (07){48}/,
  ],
  ['a quote by another authority with everything else right', document => quotedAnew(document, {}, stranger), /certificate|root|chain/i],
]

/** Has the worker verified anew, with its evidence changed, until `settled`. */
async function verifiedAnew(change: (document: Document) => Document, settled: (status: number) => boolean): Promise<void> {
  link.tampering = { evidence: document => ({ ...change(document as unknown as Document) }) }
  deployment.proxy.signal('SIGHUP')
  await eventually(async () => (settled((await deployment.get('/readyz')).status) ? true : undefined))
}

test('a document with a quote made anew is as good as the worker’s own, where nothing else is changed', async () => {
  let seen = 0
  await verifiedAnew(
    document => {
      seen++
      return quotedAnew(document)
    },
    status => status === 200 && seen > 0,
  )
  expect((await deployment.chat(question)).status).toBe(200)
})

describe('evidence', () => {
  test.each(attacks)('ends the lease, and no prompt leaves: %s', async (_, change, reason) => {
    const worker = deployment.workers.get('worker-1')!.ready.url
    const other = (await (await fetch(`${worker}/.well-known/chrysalis?nonce=${'11'.repeat(32)}`)).json()) as Document
    try {
      await verifiedAnew(
        document => change(document, other),
        status => status === 503,
      )
      const sent = link.requests.length
      const response = await deployment.chat(question)
      expect(response.status).toBe(503)
      expect(await response.json()).toMatchObject({ error: { code: 'no_attested_worker' } })
      expect(link.requests.length).toBe(sent)
      expect(await whyRefused()).toMatch(reason)
    } finally {
      link.tampering = {}
      deployment.proxy.signal('SIGHUP')
      await eventually(async () => ((await deployment.get('/readyz')).status === 200 ? true : undefined))
    }
  })
})

/** What the operator's page says about the worker. */
async function whyRefused(): Promise<string> {
  return eventually(async () => {
    const login = await fetch(`${deployment.origin}/console/login`, {
      method: 'POST',
      body: new URLSearchParams({ key: 'an operator key for tests' }),
      redirect: 'manual',
    })
    const page = await fetch(`${deployment.origin}/console`, { headers: { cookie: login.headers.get('set-cookie')!.split(';')[0]! } })
    const text = await page.text()
    return text.includes('refused') ? text : undefined
  })
}
