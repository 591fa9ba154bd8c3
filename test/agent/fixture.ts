/** An agent with a scripted engine behind it and a sealing client before it, all over loopback sockets. */
import { onTestFinished } from 'vitest'
import { type Agent, type AgentLimits, type AgentOptions, startAgent } from '../../src/agent/index.ts'
import type { Price, RequestContext } from '../../src/envelope/index.ts'
import { systemClock } from '../../src/lib/clock.ts'
import { silentLogger } from '../../src/lib/logger.ts'
import type { Quoter } from '../../src/tee/index.ts'
import { ScriptedEngine, type ScriptedEngineOptions } from '../support/scripted-engine.ts'
import { type SealedCall, SealingClient } from '../support/sealing-client.ts'

/** Times that no busy machine comes near: a test that is about one of them sets it, or moves a clock of its own. */
export const limits: AgentLimits = {
  engine: { connectMs: 20_000, firstByteMs: 20_000, idleMs: 20_000, totalMs: 60_000, answerBytes: 4 * 1024 * 1024 },
  envelope: { maxPayload: 1024 * 1024, maxData: 1024 * 1024 },
  eventBytes: 256 * 1024,
  stallMs: 20_000,
  keepAliveMs: 15_000,
  bodiesBytes: 8 * 1024 * 1024,
  requestMs: 20_000,
  maxRunning: 64,
  replayCapacity: 10_000,
  evidencePerSecond: 1_000,
  modelsRefreshMs: 50,
}

export const offer = { prompt: '1000000', cached: '500000', completion: '3000000', reasoning: '3000000' }

/** A quoter whose quote is the report data itself: what is inside a quote is another room's business. */
export const echoQuoter: Quoter = { type: 'tdx', simulated: true, quote: async reportData => Buffer.from(reportData) }

export interface Setup {
  readonly engine: ScriptedEngine
  readonly agent: Agent
  readonly client: SealingClient
}

/** Starts all three; they end with the test. */
export async function setUp(
  engineOptions: ScriptedEngineOptions = {},
  changes: Partial<Omit<AgentOptions, 'limits'>> & { limits?: Partial<AgentLimits> } = {},
): Promise<Setup> {
  const engine = await ScriptedEngine.start(engineOptions)
  onTestFinished(() => engine.close())
  const agent = await start(engine.url, changes)
  return { engine, agent, client: await SealingClient.of(agent.url) }
}

/** Starts an agent in front of `engineURL`; it ends with the test. */
export async function start(
  engineURL: string,
  changes: Partial<Omit<AgentOptions, 'limits'>> & { limits?: Partial<AgentLimits> } = {},
): Promise<Agent> {
  const agent = await startAgent({
    id: 'worker-1',
    listen: { host: '127.0.0.1', port: 0 },
    engineURL,
    defaultContextLength: 4_096,
    endpoints: undefined,
    offer: () => offer,
    quoter: echoQuoter,
    keyLifetimeMs: 3_600_000,
    clock: systemClock,
    logger: silentLogger,
    ...changes,
    limits: { ...limits, ...changes.limits },
  })
  onTestFinished(() => agent.stop(0))
  return agent
}

/** A question. */
export function chat(changes: Record<string, unknown> = {}): Record<string, unknown> {
  return { model: 'scripted', messages: [{ role: 'user', content: 'Say hello.' }], ...changes }
}

/** What `usage` costs at the client's price. */
export function costAt(usage: { prompt: number; cached: number; completion: number; reasoning: number }): string {
  return Math.ceil(
    (usage.prompt * 1_000_000 + usage.cached * 500_000 + (usage.completion + usage.reasoning) * 3_000_000) / 1_000_000,
  ).toString()
}

/** A price, and an offer of the same, that has every unit. */
export const everyUnit: Price = { ...offer, images: '40000000000', characters: '15000000', seconds: '6000000000' }

/** What `usage` costs at {@link everyUnit}. */
export function costOfUnits(usage: Partial<Record<keyof Price, number>>): string {
  const sum = Object.entries(usage).reduce((total, [unit, count]) => total + BigInt(count) * BigInt(everyUnit[unit as keyof Price]!), 0n)
  return ((sum + 999_999n) / 1_000_000n).toString()
}

/** Sends one request of any endpoint, a form included, and waits for the end of its answer. */
export async function askAt(
  client: SealingClient,
  request: { path: string; stream: boolean; body: Record<string, unknown> | FormData },
  context: Partial<RequestContext> = {},
): Promise<SealedCall> {
  const call = await sendAt(client, request, context)
  await call.ended
  return call
}

/** As {@link askAt}, without the wait. */
export async function sendAt(
  client: SealingClient,
  { path, stream, body }: { path: string; stream: boolean; body: Record<string, unknown> | FormData },
  context: Partial<RequestContext> = {},
): Promise<SealedCall> {
  const whole = { path, stream, ...context }
  if (!(body instanceof FormData)) return client.send(body, { context: whole })
  const encoded = new Response(body)
  const contentType = encoded.headers.get('content-type')!
  return client.send(Buffer.from(await encoded.arrayBuffer()), { context: whole, contentType })
}
