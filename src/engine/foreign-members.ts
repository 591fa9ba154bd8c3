/**
 * Members that steer the answers of other models and engines, and cannot steer this one's: refused by name, because an answer
 * that passes over one of them is not the answer that was asked for. A value that asks for nothing passes.
 */
import { badMember } from './members.ts'

interface Foreign {
  readonly why: string
  /** The value that changes nothing. Null and what is empty never do, nor does false, unless true is the usual. */
  readonly neutral?: unknown
}

const noReasoning: Foreign = { why: 'this model does not reason', neutral: 'none' }
const useTools: Foreign = { why: "this engine takes them as 'tools'" }
const useFormat: Foreign = { why: "this engine holds an answer to a form by 'response_format'" }
const noTemplate: Foreign = { why: 'this engine has the template of its model alone' }
const noSampler = (neutral?: unknown): Foreign => ({ why: 'this engine does not choose its tokens by it', neutral })
const noSuch: Foreign = { why: 'this engine has nothing of the kind' }

const foreign: Readonly<Record<string, Foreign>> = {
  // OpenAI's own.
  functions: useTools,
  function_call: useTools,
  reasoning_effort: noReasoning,
  verbosity: { why: 'this model has one length of speech', neutral: 'medium' },
  audio: { why: 'this model writes nothing but text' },
  web_search_options: { why: 'this model knows no web' },
  // Those of other engines.
  reasoning: noReasoning,
  thinking: noReasoning,
  guided_json: useFormat,
  guided_regex: useFormat,
  guided_choice: useFormat,
  guided_grammar: useFormat,
  structured_outputs: useFormat,
  grammar: useFormat,
  json_schema: useFormat,
  regex: useFormat,
  ebnf: useFormat,
  chat_template: noTemplate,
  chat_template_kwargs: noTemplate,
  documents: noTemplate,
  continue_final_message: noTemplate,
  add_generation_prompt: { ...noTemplate, neutral: true },
  repetition_penalty: noSampler(1),
  repeat_penalty: noSampler(1),
  length_penalty: noSampler(1),
  typical_p: noSampler(1),
  mirostat: noSampler(0),
  dry_multiplier: noSampler(0),
  xtc_probability: noSampler(0),
  use_beam_search: noSampler(),
  bad_words: noSampler(),
  min_tokens: noSampler(0),
  ignore_eos: noSampler(),
  stop_token_ids: noSuch,
  prompt_logprobs: noSuch,
  truncate_prompt_tokens: noSuch,
}

/** Throws {@link EngineError} `invalid-request` for the first of them that asks for something. */
export function refuseForeign(body: Readonly<Record<string, unknown>>): void {
  for (const [member, { why, neutral }] of Object.entries(foreign)) {
    const value = Object.hasOwn(body, member) ? body[member] : undefined
    if (value !== neutral && (asks(value) || (value === false && neutral === true))) throw badMember(member, why)
  }
}

function asks(value: unknown): boolean {
  if (value === undefined || value === null || value === false || value === '') return false
  return typeof value !== 'object' || Object.keys(value).length > 0
}
