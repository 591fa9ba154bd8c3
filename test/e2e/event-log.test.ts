/** A worker in a dstack guest: its agent's socket, its event log, and a proxy whose policy asks for an application by its hash. */
import { afterAll, beforeAll, expect, test } from 'vitest'
import { developmentMeasurements, type SoftwareQuotingAuthority } from '../../src/tee/index.ts'
import { composeHash, type Entry, goodLog, measuredBy, runtimeEvent } from '../attestation/support/event-log.ts'
import { type Deployment, deploy } from '../support/deployment.ts'
import { eventually } from '../support/eventually.ts'
import { ScriptedEngine } from '../support/scripted-engine.ts'
import { type FakeDstack, startFakeDstack } from '../tee/support/fake-dstack.ts'

const question = { model: 'scripted', max_tokens: 20, messages: [{ role: 'user', content: 'hello' }] }
const boot = goodLog(2)
const firmware = measuredBy(boot)
let log: readonly Entry[] = boot
let authority: SoftwareQuotingAuthority | undefined
let engine: ScriptedEngine
let dstack: FakeDstack
let deployment: Deployment

beforeAll(async () => {
  engine = await ScriptedEngine.start()
  dstack = await startFakeDstack(async reportData => {
    const issuer = await eventually(async () => authority)
    const quote = issuer.issueQuote({ body: { ...developmentMeasurements, ...measuredBy(log), reportData } })
    return { quote: quote.toString('hex'), event_log: JSON.stringify(log), report_data: reportData.toString('hex'), vm_config: '{}' }
  })
  deployment = await deploy({
    engines: [engine.url],
    worker: { tee: { type: 'dstack', path: dstack.socket } },
    policy: policy => {
      for (const [member, value] of Object.entries(firmware)) policy[member.toLowerCase()] = [value.toString('hex')]
      policy.rtmr3 = { events: { 'compose-hash': [composeHash], 'app-id': 'any' } }
    },
  })
  authority = deployment.authority
})

afterAll(async () => {
  await deployment?.stop()
  await dstack?.close()
  await engine?.close()
})

const nonce = 'ab'.repeat(32)
const evidence = async () =>
  (await (await deployment.get(`/v1/attestation?worker=worker-1&nonce=${nonce}`)).json()) as Record<string, unknown>

test('the worker is leased for what its guest measured, and its evidence shows the log', async () => {
  await eventually(async () => ((await deployment.get('/readyz')).ok ? true : undefined))
  const response = await deployment.chat(question)
  expect(response.status).toBe(200)
  await response.text()
  expect((await evidence()).event_log).toBe(JSON.stringify(boot))
})

test('the same worker with another application gets no lease, and no prompt', async () => {
  log = boot.with(6, runtimeEvent('compose-hash', 'cd'.repeat(32), 2))
  const served = engine.requests.length
  deployment.proxy.signal('SIGTERM')
  await deployment.restartProxy()
  const response = await eventually(async () => {
    const refused = await deployment.chat(question)
    await refused.text()
    return refused.status === 503 && dstack.asked.length > 2 ? refused : undefined
  })
  expect(response.status).toBe(503)
  expect(engine.requests.length).toBe(served)
})
