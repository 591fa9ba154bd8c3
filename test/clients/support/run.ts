/** Runs the cells that a client has, and compares what has passed with the committed table. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { builtinChecks } from './builtin-cells.ts'
import type { Client, EndpointCalls } from './client.ts'
import { type Aspect, builtinDoes, committed, type Endpoint, type Engine, endpointNames, has, Results, squeezed } from './matrix.ts'
import { failuresAreTriedAgain, scriptedChecks } from './scripted-cells.ts'
import { startWorld, type World } from './world.ts'

/** Why a client has no such cell, where it has none. */
function lack(calls: EndpointCalls, aspect: Aspect): string | undefined {
  if (aspect === 'stream' || aspect === 'structured') {
    const own = calls[aspect]
    return typeof own === 'function' ? undefined : (own ?? 'the client has no such call')
  }
  return aspect === 'abort' || aspect === 'retries' ? calls.cannot?.[aspect] : undefined
}

/** Registers a test for every cell of `client`, and one for its table. */
export function runMatrix(client: Client): void {
  const results = new Results()
  let world: World

  beforeAll(async () => {
    world = await startWorld()
  })
  afterAll(() => world?.close())

  const cell = (endpoint: Endpoint, calls: EndpointCalls, aspect: Exclude<Aspect, 'retries'>, engine: Engine) =>
    test(`${client.title}: ${endpoint}, ${aspect}, ${engine} engine`, async () => {
      const check = (engine === 'scripted' ? scriptedChecks : builtinChecks)[aspect]
      await check!({ world, client, endpoint, calls })
      results.passed(endpoint, aspect, engine)
      if (aspect === 'usage' && calls.hidesUsage)
        results.remark(endpoint, aspect, calls.hidesUsage === 'always' ? 'charge only' : 'charge only of a stream')
    })

  const retrying: { endpoint: Endpoint; calls: EndpointCalls }[] = []
  for (const endpoint of endpointNames) {
    const calls = client.endpoints[endpoint]
    if (typeof calls === 'string') {
      results.without(endpoint, undefined, calls)
      continue
    }
    for (const aspect of has[endpoint]) {
      const why = lack(calls, aspect)
      if (why !== undefined) results.without(endpoint, aspect, why)
      else if (aspect === 'retries') retrying.push({ endpoint, calls })
      else {
        cell(endpoint, calls, aspect, 'scripted')
        if (builtinDoes[endpoint]?.includes(aspect)) cell(endpoint, calls, aspect, 'builtin')
      }
    }
  }

  if (retrying.length > 0)
    test(`${client.title}: retries, scripted engine`, async () => {
      await failuresAreTriedAgain(retrying.map(each => ({ world, client, ...each })))
      for (const { endpoint } of retrying) results.passed(endpoint, 'retries', 'scripted')
    })

  test(`the table of ${client.title} in docs/clients.md says what has passed here (UPDATE_TABLES=1 writes it anew)`, () => {
    const section = results.section()
    expect(section).not.toContain('FAILS')
    expect(committed(client.id, section)).toBe(squeezed(section))
  })
}
