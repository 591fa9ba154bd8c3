/** Callers that go away: how long until the engine is left, over the whole product. */
import type { Deployment } from './deployment.ts'
import type { SampleRequest } from './requests.ts'
import type { ScriptedEngine } from './scripted-engine.ts'

/**
 * When the caller goes: before anything has come, with a part of the answer on its way, or in a flood of tiny pieces that has no
 * end (only where neither the request nor the worker sets one).
 */
export type When = 'before' | 'within' | 'in a flood'

const modes = { before: 'hang-before-head', within: 'hang-in-answer', 'in a flood': 'endless' } as const

/** How many pieces make a flood. */
const floodPieces = 2_000

export interface LeavingOptions {
  readonly deployment: Deployment
  readonly engine: ScriptedEngine
  readonly request: SampleRequest
  readonly when: When
  readonly count: number
}

/** Asks and goes away `count` times, one after the other. Milliseconds from each going to the engine's line being closed; waits for ever for one that is not. */
export async function leave({ deployment, engine, request, when, count }: LeavingOptions): Promise<number[]> {
  engine.mode = modes[when]
  try {
    const times: number[] = []
    for (let turn = 0; turn < count; turn++) times.push(await leaveOnce(deployment, engine, request, when))
    return times
  } finally {
    engine.mode = 'good'
  }
}

async function leaveOnce(deployment: Deployment, engine: ScriptedEngine, request: SampleRequest, when: When): Promise<number> {
  const leaving = new AbortController()
  const asked = engine.asked(engine.requests.length + 1)
  const response = deployment.post(request.path, request.body(), { signal: leaving.signal })
  // An answer in one piece is not begun before it is whole: then the engine's part of it is all there is to wait for.
  const begun = when === 'within' && request.stream ? response.then(({ body }) => body!.getReader().read()) : response
  begun.catch(() => {})
  const atEngine = await asked
  if (when === 'in a flood') {
    // Read on, so that nothing slows the flood but the way itself.
    void response.then(({ body }) => body!.pipeTo(new WritableStream())).catch(() => {})
    while (atEngine.made < floodPieces) await new Promise(resolve => setImmediate(resolve))
  } else if (when === 'within') await (request.stream ? begun : new Promise(resolve => setImmediate(resolve)))
  const leftAt = performance.now()
  leaving.abort()
  await atEngine.closed
  if (atEngine.leftAt === undefined) throw new Error('the engine came to its end')
  return atEngine.leftAt - leftAt
}

/** The value that half of them lie under. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN
}
