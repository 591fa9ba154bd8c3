/** The other end in side-thread.test.ts: does what it is told. */
import { answerQuestions } from '../../../src/lib/side-thread.ts'

export interface Told {
  readonly act: 'count' | 'throw' | 'exit' | 'fill' | 'spin'
  readonly bytes: Uint8Array<ArrayBuffer>
}

const kept: unknown[] = []

answerQuestions<Told, { bytes: Uint8Array<ArrayBuffer> }>(
  ({ act, bytes }) => {
    if (act === 'throw') throw new Error('a secret')
    if (act === 'exit') process.exit(1)
    if (act === 'fill') for (;;) kept.push(new Array(1_000_000).fill(kept.length))
    if (act === 'spin') for (;;);
    bytes[0]! += 1
    return { bytes }
  },
  ({ bytes }) => [bytes.buffer],
)
