/** Speech, which is bytes, and transcriptions, which come in every form there is. */
import { event, type Means, type Script } from './script.ts'

const speechTypes: Readonly<Record<string, string>> = {
  mp3: 'audio/mpeg',
  opus: 'audio/opus',
  aac: 'audio/aac',
  flac: 'audio/flac',
  wav: 'audio/wav',
  pcm: 'audio/pcm',
}

export function speechScript({ body, says }: Means): Script {
  return { kind: 'raw', contentType: speechTypes[String(body.response_format ?? 'mp3')]!, pieces: says.pieces }
}

export function transcriptionScript(means: Means): Script {
  return means.body.stream === 'true' ? stream(means) : written(means)
}

function stream({ says, seconds, body }: Means): Script {
  const { pieces } = says
  const usage = seconds === undefined ? {} : { usage: { type: 'duration', seconds } }
  return {
    kind: 'events',
    opening: '',
    piece: count => event({ type: 'transcript.text.delta', delta: pieces[(count - 1) % pieces.length], model: body.model }),
    length: pieces.length,
    closing: '',
    last: event({ type: 'transcript.text.done', text: pieces.join(''), ...usage }),
    error: event({ error: { message: 'the engine broke on TOP SECRET', type: 'server_error', param: null, code: null } }),
  }
}

function written({ body, says, seconds }: Means): Script {
  const text = says.pieces.join('')
  const answer = (contentType: string, content: string): Script => ({ kind: 'whole', contentType, text: content })
  switch (body.response_format) {
    case 'text':
      return answer('text/plain; charset=utf-8', `${text}\n`)
    case 'srt':
      return answer('text/plain; charset=utf-8', `1\n00:00:00,000 --> 00:00:02,000\n${text}\n`)
    case 'vtt':
      return answer('text/vtt; charset=utf-8', `WEBVTT\n\n00:00.000 --> 00:02.000\n${text}\n`)
    case 'verbose_json': {
      const verbose = {
        task: 'transcribe',
        language: 'english',
        ...(seconds === undefined ? {} : { duration: seconds }),
        text,
        segments: [],
      }
      return answer('application/json', JSON.stringify(verbose))
    }
    default:
      return answer(
        'application/json',
        JSON.stringify({ text, ...(seconds === undefined ? {} : { usage: { type: 'duration', seconds } }) }),
      )
  }
}
