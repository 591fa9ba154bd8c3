import { describe, expect, onTestFinished, test } from 'vitest'
import { givable, SideThread, type SideThreadOptions } from '../../src/lib/side-thread.ts'
import { ManualClock } from '../support/manual-clock.ts'
import type { Told } from './support/answering-thread.ts'

function start(changes: Partial<SideThreadOptions> = {}): SideThread<Told, { bytes: Uint8Array<ArrayBuffer> }> {
  const module = new URL('./support/answering-thread.ts', import.meta.url)
  const thread = new SideThread<Told, { bytes: Uint8Array<ArrayBuffer> }>({ module, ...changes })
  onTestFinished(() => thread.close())
  return thread
}

const told = (act: Told['act'] = 'count', first = 1): Told => ({ act, bytes: Uint8Array.of(first, 7) })
const ask = (thread: ReturnType<typeof start>, question = told()) => thread.ask(question, [question.bytes.buffer])

describe('a side thread', () => {
  test('answers each question, and gives the bytes there and back without a copy', async () => {
    const thread = start()
    const question = told('count', 1)
    const asked = ask(thread, question)
    expect(question.bytes.byteLength).toBe(0)
    const answers = await Promise.all([asked, ask(thread, told('count', 2)), ask(thread, told('count', 3))])
    expect(answers.map(({ bytes }) => [...bytes])).toEqual([
      [2, 7],
      [3, 7],
      [4, 7],
    ])
    expect(thread.pending).toBe(0)
  })

  test('goes on after a question that the module throws over, and does not repeat what it threw', async () => {
    const thread = start()
    const error = await ask(thread, told('throw')).catch(thrown => thrown)
    expect(error).toMatchObject({ code: 'failed', message: expect.not.stringContaining('secret') })
    expect((await ask(thread)).bytes[0]).toBe(2)
  })

  test.each(['exit', 'fill'] as const)('dies over one question (%s) and answers those behind it by a new one', async act => {
    const thread = start({ heapMebibytes: 32 })
    const deadly = ask(thread, told(act))
    const behind = ask(thread)
    await expect(deadly).rejects.toMatchObject({ code: 'died' })
    expect((await behind).bytes[0]).toBe(2)
  })

  test('ends a question that takes too long, and answers those behind it', async () => {
    const clock = new ManualClock(0)
    const thread = start({ clock, limitMs: 1_000 })
    await ask(thread)
    const endless = ask(thread, told('spin'))
    const behind = ask(thread)
    const refused = expect(endless).rejects.toMatchObject({ code: 'timeout' })
    await clock.advance(1_000)
    await refused
    expect((await behind).bytes[0]).toBe(2)
  })

  test('lets only so many questions wait, and leaves those it refuses whole', async () => {
    const thread = start({ maxWaiting: 1 })
    const [first, second] = [ask(thread), ask(thread)]
    const third = told()
    await expect(ask(thread, third)).rejects.toMatchObject({ code: 'busy' })
    expect(third.bytes.byteLength).toBe(2)
    await Promise.all([first, second])
    expect((await ask(thread, third)).bytes[0]).toBe(2)
  })

  test('rejects everything when it is closed, and takes nothing more', async () => {
    const thread = start()
    const asked = [ask(thread), ask(thread)].map(each => expect(each).rejects.toMatchObject({ code: 'closed' }))
    await thread.close()
    await Promise.all(asked)
    await expect(ask(thread)).rejects.toMatchObject({ code: 'closed' })
  })
})

describe('bytes that can be given away', () => {
  test('are themselves where they have a buffer of their own, large ones also where they are a part of it', () => {
    const own = new Uint8Array(10)
    expect(givable(own).buffer).toBe(own.buffer)
    const large = Buffer.allocUnsafeSlow(200_000)
    expect(givable(large.subarray(5, 100_000)).buffer).toBe(large.buffer)
    expect(givable(large.subarray(5, 100_000)).byteLength).toBe(99_995)
  })

  test('are a copy where others may lie beside them', () => {
    const shared = Buffer.from('pooled')
    expect(givable(shared).buffer).not.toBe(shared.buffer)
    expect(Buffer.from(givable(shared)).toString()).toBe('pooled')
  })
})
