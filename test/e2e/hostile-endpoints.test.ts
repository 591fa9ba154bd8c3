/**
 * Every way in which an engine can be hostile or broken, on every endpoint, behind the whole product: what the caller saw and
 * what was charged. The table in `docs/hostile-engines.md` is written from what happened here (`vitest -u` writes it anew).
 */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Deployment, deploy, price } from '../support/deployment.ts'
import { table } from '../support/markdown.ts'
import { type SampleRequest, sampleRequests } from '../support/requests.ts'
import { type EngineMode, ScriptedEngine } from '../support/scripted-engine.ts'

const secret = 'TOP SECRET question'

const modes: readonly (readonly [mode: EngineMode, what: string])[] = [
  ['refuse-connection', 'refuses the connection'],
  ['hang-before-head', 'says nothing'],
  ['hang-in-answer', 'falls silent in its answer'],
  ['half-answer', 'is cut in its answer'],
  ['html', 'answers with a web page'],
  ['wrong-json', 'answers with JSON of another form'],
  ['garbage', 'answers with garbage'],
  ['endless', 'never stops'],
  ['huge-line', 'sends a line of 1 GB'],
  ['error-in-stream', 'reports an error in its answer'],
  ['usage-too-low', 'claims no usage'],
  ['usage-too-high', 'claims a million tokens or seconds'],
  ['usage-missing', 'claims nothing'],
  ['status-400', 'answers 400'],
  ['status-429', 'answers 429'],
  ['status-500', 'answers 500'],
  ['status-404-html', 'answers 404'],
  ['close-before-done', 'closes before its last word'],
  ['cut-after-done', 'is cut after its last word'],
  ['linger-after-done', 'talks on after its last word'],
]

let engine: ScriptedEngine
let deployment: Deployment
/** What happened, by mode and then by request. */
const seen = new Map<string, string>()

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  deployment = await deploy({
    engines: [engine.url],
    worker: {
      limits: { engine_first_byte_ms: 250, engine_idle_ms: 250, engine_total_ms: 2_000, answer_bytes: 262_144, event_bytes: 65_536 },
    },
  })
})

afterAll(async () => {
  await deployment?.stop()
  await engine?.close()
})

const inNanoton = (units: Partial<Record<keyof typeof price, number>>) => {
  const sum = Object.entries(units).reduce((total, [unit, count]) => total + BigInt(count) * BigInt(price[unit as keyof typeof price]), 0n)
  return (sum + 999_999n) / 1_000_000n
}

/** What a good answer costs, and the most that the caller asked for. The prompt is bounded by what was sent. */
function priceOf({ path }: SampleRequest): { fair: bigint; most: bigint } {
  const characters = secret.length
  switch (path) {
    case '/v1/images/generations':
      return { fair: inNanoton({ images: 2 }), most: inNanoton({ images: 2 }) }
    case '/v1/audio/speech':
      return { fair: inNanoton({ characters }), most: inNanoton({ characters }) }
    case '/v1/audio/transcriptions':
      return { fair: inNanoton({ seconds: 2 }), most: inNanoton({ seconds: 2 }) }
    case '/v1/embeddings':
    case '/v1/moderations':
    case '/v1/rerank':
      return { fair: inNanoton({ prompt: 12 }), most: inNanoton({ prompt: 400 }) }
    default:
      return { fair: inNanoton({ prompt: 12, completion: 6 }), most: inNanoton({ prompt: 400, completion: 50 }) }
  }
}

interface Outcome {
  readonly status: number
  readonly text: string
  /** The line was cut under the answer. */
  readonly isCut: boolean
  readonly charged: bigint
  readonly receiptCost: bigint
}

async function ask(mode: EngineMode, request: SampleRequest): Promise<Outcome> {
  const before = await deployment.idle()
  engine.mode = mode
  try {
    const response = await deployment.post(request.path, request.body(secret))
    let text = ''
    let isCut = false
    try {
      for await (const part of response.body!) text += Buffer.from(part).toString('utf8')
    } catch {
      isCut = true
    }
    const after = await deployment.idle()
    const receipt = await deployment.get(`/v1/receipts/${response.headers.get('x-chrysalis-receipt')}`)
    const receiptCost = receipt.status === 404 ? 0n : BigInt(((await receipt.json()) as { cost: string }).cost)
    return { status: response.status, text, isCut, charged: after.spent - before.spent, receiptCost }
  } finally {
    engine.mode = 'good'
    // A success in between, so that failures in a row do not let the worker rest.
    const good = await deployment.post('/v1/embeddings', { model: 'scripted', input: 'x' })
    expect(good.status).toBe(200)
    await good.text()
  }
}

const lastWord = /data: \[DONE\]|event: response\.(completed|incomplete)|event: transcript\.text\.done/

/** What the caller can tell of it: whole, an error with a code, or broken off. */
function sight({ status, text, isCut }: Outcome, { stream, path }: SampleRequest): string {
  if (status !== 200) return `${status} ${errorOf(text)?.code ?? errorOf(text)?.type}`
  if (isCut) return 'the line is cut'
  if (stream && path !== '/v1/audio/speech' && !lastWord.test(text)) return `error event ${errorOf(lastData(text))?.code}`
  return 'an answer'
}

function errorOf(text: string): { code: string | null; type: string; message: string; param: string | null } | undefined {
  const { error } = JSON.parse(text) as { error?: { code: string | null; type: string; message: string; param: string | null } }
  return error
}

function lastData(text: string): string {
  return text.slice(text.lastIndexOf('data: ') + 6).trim()
}

function cost(charged: bigint, { fair, most }: { fair: bigint; most: bigint }): string {
  if (charged === 0n) return 'free'
  if (charged === fair) return 'the fair price'
  if (charged < fair) return 'what had come'
  return charged <= most ? 'within what was asked for' : 'TOO MUCH'
}

describe.each(modes)('%s', mode => {
  test.each(sampleRequests)('$path (stream: $stream)', async request => {
    const outcome = await ask(mode, request)
    const what = sight(outcome, request)
    const amount = cost(outcome.charged, priceOf(request))
    seen.set(
      `${mode} ${request.path} ${request.stream}`,
      what === 'an answer' && amount === 'the fair price' ? 'answer' : `${what}; ${amount}`,
    )

    // Money: never above what was asked for, and always what a receipt says.
    expect(amount).not.toBe('TOO MUCH')
    expect(outcome.receiptCost).toBe(outcome.charged)
    // A failure with its own status is free; its body has all four members and nothing of the engine's or the caller's words but where the caller may act on it.
    if (outcome.status !== 200) {
      expect(outcome.charged).toBe(0n)
      expect(Object.keys(errorOf(outcome.text)!).sort()).toEqual(['code', 'message', 'param', 'type'])
      if (outcome.status >= 500) expect(outcome.text).not.toContain('SECRET')
    }
    // What broke never looks whole.
    if (what.startsWith('error event')) {
      expect(outcome.text).not.toMatch(lastWord)
      expect(outcome.text.trimEnd().split('\n\n').at(-1)).toMatch(/^event: error\ndata: \{"error":\{"message":/)
    }
  })
})

describe('after all of that', () => {
  test('nothing is reserved, both processes live, and no log holds what was said', async () => {
    expect((await deployment.idle()).reserved).toBe(0n)
    expect((await deployment.get('/healthz')).status).toBe(200)
    expect((await fetch(`${deployment.workers.get('worker-1')!.ready.url}/healthz`)).status).toBe(200)
    for (const { file, bytes } of deployment.written())
      expect({ file, found: bytes.includes('TOP SECRET') }).toEqual({ file, found: false })
  })

  test('the table in the documents says what happened', async () => {
    const columns = sampleRequests.map(
      ({ path, stream }) => `${path.slice('/v1/'.length)}${stream && path !== '/v1/audio/speech' ? ', stream' : ''}`,
    )
    const rows = modes.map(([mode, what]) => [what, ...sampleRequests.map(({ path, stream }) => seen.get(`${mode} ${path} ${stream}`)!)])
    const halves = [columns.slice(0, 6), columns.slice(6)].map((part, half) => {
      const from = half * 6 + 1
      return table(
        ['the engine …', ...part],
        rows.map(row => [row[0]!, ...row.slice(from, from + part.length)]),
      )
    })
    const text = `# An engine that misbehaves

What the caller sees and what is charged, for every way to misbehave and every endpoint. \`test/e2e/hostile-endpoints.test.ts\`
plays each of them behind a real proxy and a real worker, and holds this page to what happened.

"answer" alone: a whole answer at the fair price, that of a good engine. Else what the caller saw, and what it cost: _free_; _what had
come_ (less than the fair price: for what the worker had passed on); _within what was asked for_ (a lie of the engine's, held to what
its answer and the caller's own limits allow). A failure with its own status is always free, every charge has its receipt, and a
stream that broke has an error event and not its last word.

${halves.join('\n\n')}
`
    await expect(text).toMatchFileSnapshot('../../docs/hostile-engines.md')
  })
})
