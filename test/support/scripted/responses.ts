/** `/v1/responses`: one object, or typed events that build it up and end with it. */
import { type Body, type Counts, createdAt, type EventScript, event, type Means, type Script, whole } from './script.ts'

export function responsesScript(means: Means): Script {
  return means.body.stream === true ? stream(means) : whole(response(means, 'completed'))
}

interface Part {
  readonly item: Body
  /** Events between the item's beginning and its end; each delta is a token. */
  readonly before: readonly Body[]
  readonly deltas: readonly Body[]
  readonly after: readonly Body[]
}

function stream(means: Means): EventScript {
  let sequence = 0
  const typed = (type: string, more: object) => event({ type, sequence_number: sequence++, ...more }, type)
  const all = (events: readonly Body[]) => events.map(({ type, ...more }) => typed(String(type), more)).join('')
  const parts = partsOf(means)
  const begun = { ...response(means, 'in_progress'), output: [] }
  const opening = typed('response.created', { response: begun }) + typed('response.in_progress', { response: begun })
  const pieces: string[] = []
  const deltas = parts.flatMap(part => part.deltas)
  let closing = ''
  for (const [index, { item, before, deltas, after }] of parts.entries()) {
    const lead = closing + typed('response.output_item.added', { output_index: index, item: started(item) }) + all(before)
    pieces.push(...deltas.map((delta, place) => (place === 0 ? lead : '') + all([delta])))
    closing = all(after) + typed('response.output_item.done', { output_index: index, item })
  }
  return {
    kind: 'events',
    opening,
    // Beyond the end the text goes on, numbered on.
    piece: count => pieces[count - 1] ?? all([deltas[(count - 1) % deltas.length]!]),
    length: pieces.length,
    closing,
    last: typed('response.completed', { response: response(means, 'completed') }),
    error: event({ type: 'error', sequence_number: 9, code: 'server_error', message: 'broke on TOP SECRET', param: null }, 'error'),
  }
}

function response(means: Means, status: string): Body {
  const { body, says, claim, echo } = means
  const tokens = says.pieces.length + says.calls.reduce((sum, call) => sum + call.arguments.length, 0)
  const counts = status === 'completed' ? claim(tokens) : undefined
  return {
    id: 'resp_scripted',
    object: 'response',
    created_at: createdAt,
    status,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    metadata: body.metadata ?? {},
    model: String(body.model),
    output: partsOf(means).map(({ item }) => item),
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    temperature: body.temperature ?? 1,
    tool_choice: body.tool_choice ?? 'auto',
    tools: body.tools ?? [],
    top_p: body.top_p ?? 1,
    usage: counts ? usageOf(counts) : null,
    ...(echo ? { echo } : {}),
  }
}

function usageOf({ prompt, cached, completion }: Counts): object {
  return {
    input_tokens: prompt,
    input_tokens_details: { cached_tokens: cached },
    output_tokens: completion,
    output_tokens_details: { reasoning_tokens: 0 },
    total_tokens: prompt + completion,
  }
}

function partsOf({ says }: Means): Part[] {
  return says.calls.length > 0 ? says.calls.map((call, index) => callPart(call, index)) : [textPart(says.pieces)]
}

function textPart(pieces: readonly string[]): Part {
  const at = { item_id: 'msg_scripted', output_index: 0, content_index: 0 }
  const text = pieces.join('')
  const part = { type: 'output_text', text, annotations: [], logprobs: [] }
  return {
    item: { id: 'msg_scripted', type: 'message', role: 'assistant', status: 'completed', content: [part] },
    before: [{ type: 'response.content_part.added', ...at, part: { ...part, text: '' } }],
    deltas: pieces.map(delta => ({ type: 'response.output_text.delta', ...at, delta, logprobs: [] })),
    after: [
      { type: 'response.output_text.done', ...at, text, logprobs: [] },
      { type: 'response.content_part.done', ...at, part },
    ],
  }
}

function callPart({ id, name, arguments: parts }: Means['says']['calls'][number], index: number): Part {
  const at = { item_id: `fc_scripted_${index}`, output_index: index }
  const text = parts.join('')
  return {
    item: { id: at.item_id, type: 'function_call', call_id: id, name, arguments: text, status: 'completed' },
    before: [],
    deltas: parts.map(delta => ({ type: 'response.function_call_arguments.delta', ...at, delta })),
    after: [{ type: 'response.function_call_arguments.done', ...at, name, arguments: text }],
  }
}

/** An item as it is announced: with nothing in it yet. */
function started(item: Body): object {
  return { ...item, status: 'in_progress', ...(item.type === 'message' ? { content: [] } : { arguments: '' }) }
}
