/**
 * Which models the engine serves, asked at the start and again and again, because engines start late, fall over and are
 * replaced. An engine that does not answer keeps the models it had, and is not ready.
 */
import type { KeysetModel } from '../attestation/index.ts'
import type { Price } from '../envelope/index.ts'
import type { Clock, Timer } from '../lib/clock.ts'
import { messageOf } from '../lib/coded-error.ts'
import type { Logger } from '../lib/logger.ts'
import { endpoints } from './endpoints/index.ts'
import type { EngineClient } from './engine-client.ts'
import { AgentError } from './errors.ts'

const maxModels = 1_000
const retryMs = 1_000

export interface EngineModelsOptions {
  readonly engine: EngineClient
  readonly offer: (model: string) => Price
  /** For an engine that does not tell. */
  readonly defaultContextLength: number
  /** What is served, whatever the engine says of itself. */
  readonly endpoints: readonly string[] | undefined
  readonly refreshMs: number
  readonly clock: Clock
  readonly logger: Logger
  /** Called with what the engine serves whenever it has answered. */
  readonly onModels: (models: readonly KeysetModel[]) => void
}

export class EngineModels {
  readonly #options: EngineModelsOptions
  #models: readonly KeysetModel[] = []
  /** Undefined until the engine was asked for the first time. */
  #ready: boolean | undefined
  #timer: Timer | undefined
  #stopped = false

  constructor(options: EngineModelsOptions) {
    this.#options = options
  }

  /** Whether the engine answered when it was last asked, with at least one model. */
  get ready(): boolean {
    return this.#ready === true
  }

  find(id: string): KeysetModel | undefined {
    return this.#models.find(model => model.id === id)
  }

  get all(): readonly KeysetModel[] {
    return this.#models
  }

  /** Asks once, and goes on asking from then on. Never throws. */
  async start(): Promise<void> {
    await this.#refresh()
  }

  stop(): void {
    this.#stopped = true
    this.#timer?.cancel()
  }

  /** The paths in the engine's OpenAPI document, as vLLM and SGLang have one; undefined where there is none. */
  async #described(): Promise<readonly string[] | undefined> {
    try {
      const document = await this.#options.engine.getJson('/openapi.json')
      const paths = isRecord(document) && isRecord(document.paths) ? known(Object.keys(document.paths)) : []
      return paths.length > 0 ? paths : undefined
    } catch {
      return undefined
    }
  }

  async #refresh(): Promise<void> {
    const { engine, clock, logger, refreshMs, onModels } = this.#options
    const was = this.#ready
    try {
      const list = await engine.getJson('/v1/models')
      const models = parseModels(list, { ...this.#options, endpoints: this.#options.endpoints ?? (await this.#described()) })
      if (this.#stopped) return
      this.#models = models
      this.#ready = models.length > 0
      if (this.#ready) onModels(models)
      if (!was && this.#ready) logger.info({ models: models.map(model => model.id) }, 'the engine is ready')
      if (was !== false && !this.#ready) logger.warn('the engine lists no model')
    } catch (error) {
      if (this.#stopped) return
      this.#ready = false
      if (was !== false) logger.warn({ error: messageOf(error) }, 'the engine does not answer')
    }
    this.#timer = clock.after(this.#ready ? refreshMs : retryMs, () => void this.#refresh())
  }
}

/** What engines serve that do not tell: all of them chat and go on with a text. */
const usual = ['/v1/chat/completions', '/v1/completions']

/** The models of an OpenAI model list, in the order of their ids. Entries without a usable id are passed over. Throws `AgentError` `engine-garbage`. */
export function parseModels(list: unknown, o: Pick<EngineModelsOptions, 'offer' | 'defaultContextLength' | 'endpoints'>): KeysetModel[] {
  const data = isRecord(list) ? list.data : undefined
  if (!Array.isArray(data) || data.length > maxModels) throw new AgentError('engine-garbage', 'the list of models is none')
  const models = new Map<string, KeysetModel>()
  for (const entry of data) {
    if (!isRecord(entry) || typeof entry.id !== 'string' || !/^[\x21-\x7e]{1,256}$/.test(entry.id)) continue
    models.set(entry.id, {
      id: entry.id,
      weights_digest: weightsDigest(entry),
      context_length: contextLength(entry) ?? o.defaultContextLength,
      endpoints: served(entry) ?? [...(o.endpoints ?? usual)],
      offer: o.offer(entry.id),
    })
  }
  return [...models.values()].sort((a, b) => (a.id < b.id ? -1 : 1))
}

/** `endpoints` of an entry, as our own engine has it: paths that this worker knows. */
function served({ endpoints: own }: Record<string, unknown>): string[] | undefined {
  if (!Array.isArray(own)) return undefined
  return known(own)
}

function known(paths: readonly unknown[]): string[] {
  return [...endpoints.keys()].filter(path => paths.includes(path))
}

function weightsDigest(entry: Record<string, unknown>): string | null {
  const digest = entry.weights_digest
  return typeof digest === 'string' && /^sha256:[0-9a-f]{64}$/.test(digest) ? digest : null
}

/** Our own engine says `context_length`, vLLM and SGLang `max_model_len`, llama-server `meta.n_ctx` or only `meta.n_ctx_train`. */
function contextLength(entry: Record<string, unknown>): number | undefined {
  const meta = isRecord(entry.meta) ? entry.meta : {}
  const candidates = [entry.context_length, entry.max_model_len, meta.n_ctx, meta.n_ctx_train]
  return candidates.find(
    (value): value is number => Number.isSafeInteger(value) && (value as number) > 0 && (value as number) <= 100_000_000,
  )
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
