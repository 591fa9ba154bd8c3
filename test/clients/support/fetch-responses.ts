/** `/v1/responses` over `fetch`. */
import type { Answer, Ask, Question } from './client.ts'
import { functions } from './client.ts'
import { place } from './fetch-chat.ts'
import { type Body, type EventReader, end, post } from './fetch-wire.ts'

export function responseBody({ text, offersTools, called: before, store }: Question): Body {
  const input: Body[] = [{ role: 'user', content: text }]
  for (const { id, name, args, result } of before ?? []) {
    input.push({ type: 'function_call', call_id: id, name, arguments: JSON.stringify(args) })
    input.push({ type: 'function_call_output', call_id: id, output: result })
  }
  return { input, ...(offersTools ? { tools: functions.map(each => ({ type: 'function', ...each })) } : {}), ...(store ? { store } : {}) }
}

interface WireItem {
  readonly type: string
  readonly call_id: string
  readonly name: string
  readonly arguments: string
  readonly content?: readonly { readonly text: string }[]
}

export function responseAnswer(answer: unknown): Answer {
  const { output, usage } = answer as { output: WireItem[]; usage: { input_tokens: number; output_tokens: number; cost: string } }
  return {
    text: output
      .flatMap(item => item.content ?? [])
      .map(part => part.text)
      .join(''),
    calls: output
      .filter(item => item.type === 'function_call')
      .map(item => ({ id: item.call_id, name: item.name, args: JSON.parse(item.arguments) as unknown })),
    usage: { prompt: usage.input_tokens, completion: usage.output_tokens, cost: usage.cost },
  }
}

export function responseEvents(): EventReader {
  let answer: Answer = {}
  return {
    take: event => {
      const { type, delta, response } = event as { type: string; delta?: string; response?: unknown }
      if (type === 'response.completed') {
        answer = responseAnswer(response)
        return end
      }
      return type === 'response.output_text.delta' ? delta : undefined
    },
    answer: () => answer,
  }
}

export async function responseStructured(question: Question): ReturnType<Ask> {
  const body = { model: question.model, ...responseBody(question), text: { format: { type: 'json_schema', ...place } } }
  const { text } = responseAnswer(await (await post(question, 'responses', body)).json())
  return { value: JSON.parse(text!) as unknown }
}
