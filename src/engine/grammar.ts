/** Grammars that hold an answer to a JSON schema. */
import type { GbnfJsonSchema, Llama, LlamaGrammar } from 'node-llama-cpp'
import { EngineError } from './errors.ts'

/** node-llama-cpp's chat stops at these newlines; the sequence used here ends by the model's own end token instead, which costs no tokens. */
const tail = ' "\\n\\n\\n\\n" [\\n]*'
/** node-llama-cpp's integers may have a negative exponent, and its numbers one that no double holds. */
const integer = '"-"? ("0" | [1-9] [0-9]{0,15})'
const fractional = `${integer} ("." [0-9]{1,16})? ([eE] [-+]? [1-9] [0-9]?)?`

/** Makes a grammar of a schema that `lowerSchema` made. Throws {@link EngineError} `invalid-request` where the native parser does not take it. */
export async function makeGrammar(llama: Llama, schema: GbnfJsonSchema, param: string): Promise<LlamaGrammar> {
  try {
    // Its types follow the schema's own, which are not known here: any one form stands for all.
    const { grammar } = await llama.createGrammarForJsonSchema(schema as { readonly type: 'null' })
    return await llama.createGrammar({ grammar: grammar.split('\n').map(amended).join('\n') })
  } catch (cause) {
    throw new EngineError('invalid-request', 'The native parser cannot make a grammar of the schema.', { param, cause })
  }
}

function amended(line: string): string {
  if (line.startsWith('integer-number-rule ::=')) return `integer-number-rule ::= ${integer}`
  if (line.startsWith('fractional-number-rule ::=')) return `fractional-number-rule ::= ${fractional}`
  return line.startsWith('root ::=') && line.endsWith(tail) ? line.slice(0, -tail.length) : line
}
