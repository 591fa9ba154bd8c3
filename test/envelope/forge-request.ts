import { seal } from '../../src/envelope/aead.ts'
import { FrameCipher, frame } from '../../src/envelope/frames.ts'
import { createSenderSession, encodeContext, type SenderSession } from '../../src/envelope/index.ts'
import { type AeadKeys, requestKeys, wrapKeys } from '../../src/envelope/key-schedule.ts'
import { wrapAad } from '../../src/envelope/seal-request.ts'
import { concat, sha256, u8, u16, utf8 } from '../../src/lib/bytes.ts'
import { body, pair, sampleContext } from './sample.ts'

export type Sealer = (type: number, content: Uint8Array) => Buffer

export interface Forgery {
  readonly context?: Partial<ReturnType<typeof sampleContext>>
  readonly sessions?: readonly SenderSession[]
  readonly count?: number
  readonly suite?: number
  readonly magic?: string
  readonly ctx?: Buffer
  readonly frames?: (seal: Sealer, keys: AeadKeys) => Buffer[]
  readonly after?: () => Buffer[]
}

export const json = (value: unknown) => utf8(JSON.stringify(value))
const goodFrames = (sealed: Sealer) => [
  sealed(frame.head, json({ content_type: 'a/b' })),
  sealed(frame.data, body),
  sealed(frame.final, Buffer.alloc(0)),
]

export function forge({
  context = {},
  sessions = [createSenderSession(pair())],
  frames = goodFrames,
  after = () => [],
  ...changes
}: Forgery = {}): Buffer {
  const ctx = changes.ctx ?? encodeContext(sampleContext(context))
  const count = changes.count ?? sessions.length
  const start = concat(utf8(changes.magic ?? 'CEP1'), u8(changes.suite ?? 1), u8(count), u16(ctx.length), ctx)
  const clear = concat(start, ...sessions.map(({ kid, enc }) => concat(kid, u16(enc.length), enc)))
  const c = sha256(clear)
  const dek = Buffer.alloc(32, 4)
  const deks = sessions.map((session, i) => {
    const { key, nonce } = wrapKeys(1, c, session.serve(`forged ${i}`))
    const { ciphertext, tag } = seal(1, key, nonce, wrapAad(session.kid, session.enc), dek)
    return concat(ciphertext, tag)
  })
  const keys = requestKeys(1, c, dek)
  const cipher = new FrameCipher(keys)
  return concat(clear, ...deks, ...frames((type, content) => cipher.seal(type, content, undefined), keys), ...after())
}
