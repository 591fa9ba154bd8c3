/** Chat and text completions: answers with choices, whole or in chunks. Several choices come in turn, token by token. */
import { type Call, choicesOf, createdAt, type EventScript, event, isRecord, type Means, type Script, tokenUsage, whole } from './script.ts'

export function chatScript(means: Means): Script {
  return means.body.stream === true ? chatStream(means) : chatWhole(means)
}

export function completionScript(means: Means): Script {
  return means.body.stream === true ? completionStream(means) : completionWhole(means)
}

function chatWhole(means: Means): Script {
  const { body, says } = means
  const n = choicesOf(body)
  const choice = {
    message: {
      role: 'assistant',
      content: says.calls.length > 0 ? null : says.pieces.join(''),
      refusal: null,
      ...(says.calls.length > 0 ? { tool_calls: says.calls.map(wholeCall) } : {}),
    },
    logprobs: body.logprobs === true ? logprobsOf(says.pieces, body) : null,
    finish_reason: finishOf(means),
  }
  return whole({
    ...frame(means, 'chat.completion'),
    choices: Array.from({ length: n }, (_, index) => ({ index, ...choice })),
    ...tokenUsage(means.claim(n * piecesOf(means).length)),
  })
}

function chatStream(means: Means): EventScript {
  const { body } = means
  const deltas = piecesOf(means)
  const logprobs = (delta: object) => (body.logprobs === true && 'content' in delta ? logprobsOf([String(delta.content)], body) : null)
  return stream(means, 'chat.completion.chunk', deltas.length, {
    opening: index => ({ index, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }),
    piece: (index, place) => ({ index, delta: deltas[place]!, logprobs: logprobs(deltas[place]!), finish_reason: null }),
    closing: index => ({ index, delta: {}, logprobs: null, finish_reason: finishOf(means) }),
  })
}

function completionWhole(means: Means): Script {
  const n = promptsOf(means) * choicesOf(means.body)
  const text = means.says.pieces.join('')
  return whole({
    ...frame(means, 'text_completion'),
    choices: Array.from({ length: n }, (_, index) => ({ index, text, logprobs: null, finish_reason: 'stop' })),
    ...tokenUsage(means.claim(n * means.says.pieces.length)),
  })
}

function completionStream(means: Means): EventScript {
  const { pieces } = means.says
  const choice = (index: number, text: string, finish: string | null) => ({ index, text, logprobs: null, finish_reason: finish })
  return stream(means, 'text_completion', pieces.length, {
    opening: undefined,
    piece: (index, place) => choice(index, pieces[place]!, null),
    closing: index => choice(index, '', 'stop'),
  })
}

interface Choices {
  readonly opening: ((index: number) => object) | undefined
  readonly piece: (index: number, place: number) => object
  readonly closing: (index: number) => object
}

function stream(means: Means, object: string, length: number, make: Choices): EventScript {
  const n = object === 'text_completion' ? promptsOf(means) * choicesOf(means.body) : choicesOf(means.body)
  const options = isRecord(means.body.stream_options) ? means.body.stream_options : {}
  const common = frame(means, object)
  // As vLLM counts on the way: the tokens of the chunk's own choice.
  const chunk = (choice: object, count: number) =>
    event({
      ...common,
      choices: [choice],
      ...(means.continuous && options.continuous_usage_stats === true ? tokenUsage(means.claim(count)) : {}),
    })
  const each = (make: (index: number) => string) => Array.from({ length: n }, (_, index) => make(index)).join('')
  const { usage } = tokenUsage(means.claim(n * length)) as { usage?: object }
  const asked = options.include_usage === true && usage !== undefined
  const { opening } = make
  return {
    kind: 'events',
    opening: opening ? each(index => chunk(opening(index), 0)) : '',
    piece: count => chunk(make.piece((count - 1) % n, Math.floor((count - 1) / n) % length), Math.ceil(count / n)),
    length: n * length,
    closing: each(index => chunk(make.closing(index), length)) + (asked ? event({ ...common, choices: [], usage }) : ''),
    last: event('[DONE]'),
    error: event({ error: { message: 'the engine broke on TOP SECRET', type: 'InternalServerError', param: null, code: 500 } }),
  }
}

function frame({ body, echo }: Means, object: string): object {
  const id = object === 'text_completion' ? 'cmpl-scripted' : 'chatcmpl-scripted'
  return { id, created: createdAt, model: String(body.model), object, ...(echo ? { echo } : {}) }
}

/** Every delta that counts as a token: text, or a call's name and then the pieces of its arguments. */
function piecesOf({ says }: Means): object[] {
  const calls = says.calls.flatMap(({ id, name, arguments: parts }, index) => [
    { tool_calls: [{ index, id, type: 'function', function: { name, arguments: '' } }] },
    ...parts.map(part => ({ tool_calls: [{ index, function: { arguments: part } }] })),
  ])
  return calls.length > 0 ? calls : says.pieces.map(content => ({ content }))
}

function wholeCall({ id, name, arguments: parts }: Call): object {
  return { id, type: 'function', function: { name, arguments: parts.join('') } }
}

function finishOf({ says }: Means): string {
  return says.calls.length > 0 ? 'tool_calls' : 'stop'
}

/** A prompt is a text, texts, tokens, or lists of them. */
function promptsOf({ body: { prompt } }: Means): number {
  return Array.isArray(prompt) && typeof prompt[0] !== 'number' ? prompt.length : 1
}

function logprobsOf(pieces: readonly string[], { top_logprobs: top }: Means['body']): object {
  const rated = (token: string) => ({ token, logprob: -0.25, bytes: [...Buffer.from(token)] })
  const tops = typeof top === 'number' && top > 0
  return { content: pieces.map(piece => ({ ...rated(piece), top_logprobs: tops ? [rated(piece)] : [] })), refusal: null }
}
