/**
 * The table of docs/clients.md: endpoint by aspect, for each client. It is written from what has run, and each client's test
 * file compares its part with the committed one, so that no cell says more than a test has shown.
 */
import { readFileSync, writeFileSync } from 'node:fs'

export const paths = {
  chat: '/v1/chat/completions',
  completions: '/v1/completions',
  embeddings: '/v1/embeddings',
  models: '/v1/models',
  responses: '/v1/responses',
  images: '/v1/images/generations',
  speech: '/v1/audio/speech',
  transcriptions: '/v1/audio/transcriptions',
  moderations: '/v1/moderations',
  rerank: '/v1/rerank',
} as const
export type Endpoint = keyof typeof paths
export const endpointNames = Object.keys(paths) as Endpoint[]

export const aspects = ['whole', 'stream', 'tools', 'structured', 'usage', 'abort', 'errors', 'retries'] as const
export type Aspect = (typeof aspects)[number]

const plain = ['whole', 'usage', 'abort', 'errors', 'retries'] as const
const streamed = ['whole', 'stream', 'usage', 'abort', 'errors', 'retries'] as const

/** What an endpoint has, whoever calls it. */
export const has: Readonly<Record<Endpoint, readonly Aspect[]>> = {
  chat: aspects,
  completions: streamed,
  embeddings: plain,
  // Answered by the proxy itself, free and at once.
  models: ['whole', 'errors'],
  responses: aspects,
  images: plain,
  speech: streamed,
  transcriptions: streamed,
  moderations: plain,
  rerank: plain,
}

/** What the built-in model can be asked. */
export const builtinDoes: Readonly<Partial<Record<Endpoint, readonly Aspect[]>>> = {
  models: ['whole'],
  chat: ['whole', 'stream', 'tools', 'structured', 'usage', 'errors'],
  completions: ['whole', 'stream', 'usage', 'errors'],
  embeddings: ['whole', 'usage', 'errors'],
}

/** `scripted`: an engine that does what the test says, and echoes. `builtin`: the model in models/tiny. */
export type Engine = 'scripted' | 'builtin'

/** What has passed, and what a client does not have. */
export class Results {
  readonly #passed = new Map<string, Set<Engine>>()
  readonly #without = new Map<string, string>()
  readonly #remarks = new Map<string, string>()

  passed(endpoint: Endpoint, aspect: Aspect, engine: Engine): void {
    const key = `${endpoint} ${aspect}`
    this.#passed.set(key, (this.#passed.get(key) ?? new Set()).add(engine))
  }

  /** `why` goes below the table. */
  without(endpoint: Endpoint, aspect: Aspect | undefined, why: string): void {
    this.#without.set(`${endpoint} ${aspect ?? ''}`.trim(), why)
  }

  remark(endpoint: Endpoint, aspect: Aspect, what: string): void {
    this.#remarks.set(`${endpoint} ${aspect}`, what)
  }

  /** The rows of the table, and the reasons below it, in Markdown. */
  section(): string {
    const rows = [
      ['endpoint', ...aspects],
      ['---', ...aspects.map(() => '---')],
      ...endpointNames.map(endpoint => [`\`${paths[endpoint]}\``, ...aspects.map(aspect => this.#cell(endpoint, aspect))]),
    ]
    const reasons = Array.from(
      Map.groupBy(this.#without, ([, why]) => why),
      ([why, keys]) => `- ${keys.map(([key]) => key).join(', ')}: ${why}`,
    )
    return [...rows.map(cells => `| ${cells.join(' | ')} |`), ...(reasons.length > 0 ? ['', ...reasons] : [])].join('\n')
  }

  #cell(endpoint: Endpoint, aspect: Aspect): string {
    if (!has[endpoint].includes(aspect)) return ''
    const key = `${endpoint} ${aspect}`
    if (this.#without.has(key) || this.#without.has(endpoint)) return '–'
    const engines = this.#passed.get(key) ?? new Set()
    if (engines.size === 0) return 'FAILS'
    return [engines.size === 2 ? 'both' : [...engines][0]!, this.#remarks.get(key)].filter(Boolean).join(', ')
  }
}

const document = new URL('../../../docs/clients.md', import.meta.url)
const marksOf = (id: string) => [`<!-- ${id} -->`, `<!-- /${id} -->`] as const

/** The committed document. */
export const documentText = (): string => readFileSync(document, 'utf8')

/** The section of a client in `text`, without the spaces that only align it. Throws where there is none. */
export function sectionIn(text: string, id: string): string {
  const [begin, end] = marksOf(id)
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from < 0 || to < from) throw new Error(`docs/clients.md has no part ${begin}`)
  return squeezed(text.slice(from + begin.length, to))
}

/** The committed section of a client. With UPDATE_TABLES=1 the document is written anew first. */
export function committed(id: string, section: string): string {
  if (process.env.UPDATE_TABLES === '1') {
    const text = documentText()
    const [begin, end] = marksOf(id)
    writeFileSync(document, `${text.slice(0, text.indexOf(begin))}${begin}\n\n${section}\n\n${text.slice(text.indexOf(end))}`)
  }
  return sectionIn(documentText(), id)
}

/** One spelling for a table, however it is aligned. */
export function squeezed(markdown: string): string {
  return markdown
    .replace(/ {2,}/g, ' ')
    .replace(/-{3,}/g, '---')
    .replace(/\| (?=\|)/g, '|')
    .trim()
}
