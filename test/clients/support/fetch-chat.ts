/** Chat over `fetch`, whole, streamed and with a schema. */
import { z } from 'zod'
import { type Answer, type Ask, type Call, form, functions, type Question, type ShownUsage } from './client.ts'
import { type Body, type EventReader, post, tokens, type WireUsage } from './fetch-wire.ts'

export function chatBody({ text, offersTools, called: before }: Question): Body {
  const messages: Body[] = [{ role: 'user', content: text }]
  if (before) {
    const calls = before.map(({ id, name, args }) => ({ id, type: 'function', function: { name, arguments: JSON.stringify(args) } }))
    messages.push({ role: 'assistant', tool_calls: calls })
    for (const { id, result } of before) messages.push({ role: 'tool', tool_call_id: id, content: result })
  }
  return {
    temperature: 0,
    messages,
    ...(offersTools ? { tools: functions.map(each => ({ type: 'function', function: each })) } : {}),
  }
}

interface WireCall {
  readonly index?: number
  readonly id?: string
  readonly function: { readonly name?: string; readonly arguments: string }
}

export function chatAnswer(answer: unknown): Answer {
  const { choices, usage } = answer as {
    choices: [{ message: { content: string | null; tool_calls?: Required<WireCall>[] } }]
    usage: WireUsage
  }
  const { content, tool_calls: calls = [] } = choices[0].message
  return { text: content ?? '', calls: calls.map(called), usage: tokens(usage) }
}

function called({ id, function: { name, arguments: args } }: WireCall): Call {
  return { id: id!, name: name!, args: JSON.parse(args) as unknown }
}

/** Of a call the first piece has id and name; the arguments come in all of them. */
export function chatChunks(): EventReader {
  const calls: { id?: string; function: { name?: string; arguments: string } }[] = []
  let usage: ShownUsage | undefined
  return {
    take: event => {
      const chunk = event as { choices: { delta: { content?: string; tool_calls?: WireCall[] } }[]; usage?: WireUsage | null }
      if (chunk.usage) usage = tokens(chunk.usage)
      const delta = chunk.choices[0]?.delta
      for (const piece of delta?.tool_calls ?? []) {
        const known = calls[piece.index!]
        if (known) known.function.arguments += piece.function.arguments
        else calls[piece.index!] = structuredClone(piece)
      }
      return delta?.content
    },
    answer: () => ({ calls: calls.map(called), usage }),
  }
}

export const place = { name: 'place', strict: true, schema: z.toJSONSchema(form) }

export async function chatStructured(question: Question): ReturnType<Ask> {
  const body = { model: question.model, ...chatBody(question), response_format: { type: 'json_schema', json_schema: place } }
  const { text } = chatAnswer(await (await post(question, 'chat', body)).json())
  return { value: JSON.parse(text!) as unknown }
}
