/** Callers that go away, at every endpoint, before the answer and within it: how many of them the engine notices, and how soon. */
import { deploy } from '../test/support/deployment.ts'
import { leave, median, type When } from '../test/support/leaving.ts'
import { sampleRequests } from '../test/support/requests.ts'
import { ScriptedEngine } from '../test/support/scripted-engine.ts'

const count = Number(process.env.BENCH_LEAVERS ?? 100)

export async function leaving(): Promise<void> {
  const engine = await ScriptedEngine.start()
  const deployment = await deploy({ engines: [engine.url], worker: { limits: { engine_first_byte_ms: 60_000, engine_idle_ms: 60_000 } } })
  try {
    console.log('| endpoint | the caller goes | noticed | median ms | worst ms |\n| --- | --- | --- | --- | --- |')
    for (const request of sampleRequests)
      for (const when of whens(request.path)) {
        const times = await leave({ deployment, engine, request, when, count })
        const name = `\`${request.path}\`${request.stream ? ', streamed' : ''}`
        console.log(`| ${name} | ${when} | ${times.length} of ${count} | ${median(times).toFixed(1)} | ${Math.max(...times).toFixed(1)} |`)
      }
    const { reserved } = await deployment.idle()
    console.log(`\nstill reserved: ${reserved} nanoTON`)
  } finally {
    await deployment.stop()
    await engine.close()
  }
}

/** Only speech has no length of its own that would end a flood. */
function whens(path: string): readonly When[] {
  return path === '/v1/audio/speech' ? ['before', 'within', 'in a flood'] : ['before', 'within']
}
