import { CodedError } from '../lib/coded-error.ts'

/**
 * - `model-unusable`: the file is not there, not a GGUF, or has no chat template. **Fix the path, or take another model.**
 * - `invalid-request`: the request is not what OpenAI's form allows. **Fix the request**; `param` names the member.
 * - `context-length-exceeded`: prompt and answer do not fit. **Shorten the prompt.**
 * - `unknown-model`, `unknown-path`: **fix the request.**
 */
export class EngineError extends CodedError<
  'model-unusable' | 'invalid-request' | 'context-length-exceeded' | 'unknown-model' | 'unknown-path'
> {
  readonly param: string | null

  constructor(code: EngineError['code'], message: string, options: ErrorOptions & { param?: string } = {}) {
    super(code, message, options)
    this.param = options.param ?? null
  }
}
