/** One good request for each endpoint, whole and streamed, in the least that its form allows. */

export interface SampleRequest {
  readonly path: string
  /** Whether the answer comes piece by piece. */
  readonly stream: boolean
  /** `secret` stands wherever a caller's own words do. */
  readonly body: (secret?: string) => Record<string, unknown> | FormData
}

const model = 'scripted'
const usual = 'Say hello.'

/** A WAV file of silence: 16 kHz, 16 bit, one channel. */
export function silence(seconds: number): Buffer<ArrayBuffer> {
  const data = 32_000 * seconds
  const file = Buffer.alloc(44 + data)
  file.write('RIFF', 0)
  file.writeUInt32LE(36 + data, 4)
  file.write('WAVEfmt ', 8)
  file.writeUInt32LE(16, 16)
  file.writeUInt16LE(1, 20)
  file.writeUInt16LE(1, 22)
  file.writeUInt32LE(16_000, 24)
  file.writeUInt32LE(32_000, 28)
  file.writeUInt16LE(2, 32)
  file.writeUInt16LE(16, 34)
  file.write('data', 36)
  file.writeUInt32LE(data, 40)
  return file
}

/** A form with a recording of `seconds`. */
export function recording(fields: Record<string, string> = {}, seconds = 2): FormData {
  const form = new FormData()
  form.append('file', new File([silence(seconds)], 'silence.wav', { type: 'audio/wav' }))
  for (const [name, value] of Object.entries({ model, ...fields })) form.append(name, value)
  return form
}

const chat = (content: string) => ({ model, max_tokens: 50, messages: [{ role: 'user', content }] })

export const sampleRequests: readonly SampleRequest[] = [
  { path: '/v1/chat/completions', stream: false, body: (text = usual) => chat(text) },
  { path: '/v1/chat/completions', stream: true, body: (text = usual) => ({ ...chat(text), stream: true }) },
  { path: '/v1/completions', stream: false, body: (prompt = usual) => ({ model, prompt, max_tokens: 50 }) },
  { path: '/v1/completions', stream: true, body: (prompt = usual) => ({ model, prompt, max_tokens: 50, stream: true }) },
  { path: '/v1/responses', stream: false, body: (input = usual) => ({ model, input, max_output_tokens: 50 }) },
  { path: '/v1/responses', stream: true, body: (input = usual) => ({ model, input, max_output_tokens: 50, stream: true }) },
  { path: '/v1/embeddings', stream: false, body: (input = usual) => ({ model, input }) },
  { path: '/v1/moderations', stream: false, body: (input = usual) => ({ model, input }) },
  { path: '/v1/rerank', stream: false, body: (query = usual) => ({ model, query, documents: ['one', 'two'] }) },
  { path: '/v1/images/generations', stream: false, body: (prompt = usual) => ({ model, prompt, n: 2 }) },
  { path: '/v1/audio/speech', stream: true, body: (input = usual) => ({ model, input, voice: 'alloy' }) },
  { path: '/v1/audio/transcriptions', stream: false, body: (prompt = usual) => recording({ prompt }) },
  { path: '/v1/audio/transcriptions', stream: true, body: (prompt = usual) => recording({ prompt, stream: 'true' }) },
]

export const sample = (path: string, stream = false): SampleRequest =>
  sampleRequests.find(request => request.path === path && request.stream === stream)!
