/** Finding tool calls in what the model wrote: each stands between marks, as JSON with `name` and `arguments`. */

export interface ToolCall {
  readonly id: string
  readonly type: 'function'
  readonly function: { readonly name: string; readonly arguments: string }
}

/** What a call stands between. */
export const opening = '<tool_call>'
export const closing = '</tool_call>'
const call = /<tool_call>([\s\S]*?)<\/tool_call>/g

/** Whether `text` could still become a text that begins with a tool call. */
export function mayBeToolCall(text: string): boolean {
  return opening.startsWith(text.slice(0, opening.length))
}

/** The calls in `text`; undefined where it is not made of well-formed calls alone. */
export function parseToolCalls(text: string, nextId: () => string): ToolCall[] | undefined {
  const calls: ToolCall[] = []
  if (text.replace(call, '').trim() !== '') return undefined
  for (const [, json] of text.matchAll(call)) {
    const parsed = parseCall(json!)
    if (!parsed) return undefined
    calls.push({ id: nextId(), type: 'function', function: parsed })
  }
  return calls.length > 0 ? calls : undefined
}

function parseCall(json: string): ToolCall['function'] | undefined {
  try {
    const { name, arguments: given } = JSON.parse(json) as { name?: unknown; arguments?: unknown }
    if (typeof name !== 'string') return undefined
    return { name, arguments: typeof given === 'string' ? given : JSON.stringify(given ?? {}) }
  } catch {
    return undefined
  }
}
