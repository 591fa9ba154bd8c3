/** `POST /v1/completions` with the real model, over a real loopback socket. */
import { describe, expect, test } from 'vitest'
import { Endpoint, type Usage } from './support.ts'

interface Choice {
  text: string
  index: number
  finish_reason: string | null
  logprobs: {
    tokens: string[]
    token_logprobs: (number | null)[]
    top_logprobs: (Record<string, number> | null)[] | null
    text_offset: number[]
  } | null
}
interface Completion {
  object: string
  id: string
  choices: Choice[]
  usage: Usage
}
type Chunk = Omit<Completion, 'usage'> & { usage?: Usage | null }

const completions = new Endpoint<Completion, Chunk>('/v1/completions')
const france = 'The capital of France is'
const textOf = (chunks: Chunk[], index = 0) =>
  chunks.map(chunk => chunk.choices.filter(choice => choice.index === index).map(choice => choice.text)).join('')

describe('a completion', () => {
  test('goes on where the prompt ends, in OpenAI’s form', async () => {
    const answer = await completions.ask({ prompt: france })
    expect(answer).toMatchObject({ object: 'text_completion', model: 'chrysalis-tiny', id: expect.stringMatching(/^cmpl-/) })
    expect(answer.choices).toEqual([{ text: ' Paris.', index: 0, logprobs: null, finish_reason: 'stop' }])
    expect(answer.usage).toMatchObject({ prompt_tokens: 8, completion_tokens: 4, total_tokens: 12 })
  })

  test('streams the same text and counts', async () => {
    const whole = await completions.ask({ prompt: france })
    const chunks = await completions.stream({ prompt: france, stream_options: { include_usage: true } })
    expect(textOf(chunks)).toBe(whole.choices[0]!.text)
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage })
    expect(new Set(chunks.map(chunk => `${chunk.object} ${chunk.id}`)).size).toBe(1)
    expect(chunks.slice(0, -1).map(chunk => chunk.usage)).toEqual(chunks.slice(1).map(() => null))
    expect(chunks.filter(chunk => chunk.choices[0]?.finish_reason).map(chunk => chunk.choices[0]!.finish_reason)).toEqual(['stop'])
  })

  test('has usage in every chunk where that was asked for, and in none where it was not', async () => {
    const chunks = await completions.stream({ prompt: [france, france], stream_options: { continuous_usage_stats: true } })
    const counts = chunks.map(chunk => chunk.usage!.completion_tokens)
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    expect(counts.at(-1)).toBe(8)
    expect(chunks.every(chunk => chunk.usage!.prompt_tokens === 16)).toBe(true)
    expect(JSON.stringify(await completions.stream({ prompt: france }))).not.toContain('"usage"')
  })

  test('is made for each prompt and as often as n says, and counts each prompt once', async () => {
    const prompt = [france, 'The capital of Italy is']
    const italy = await completions.ask({ prompt: prompt[1] })
    const answer = await completions.ask({ prompt, n: 2, best_of: 2 })
    expect(answer.choices.map(({ index, text }) => [index, text])).toEqual([
      [0, ' Paris.'],
      [1, ' Paris.'],
      [2, italy.choices[0]!.text],
      [3, italy.choices[0]!.text],
    ])
    expect(answer.usage.prompt_tokens).toBe(8 + italy.usage.prompt_tokens)
    expect(answer.usage.completion_tokens).toBe(2 * (4 + italy.usage.completion_tokens))
    const chunks = await completions.stream({ prompt, n: 2 })
    expect([0, 1, 2, 3].map(index => textOf(chunks, index))).toEqual(answer.choices.map(({ text }) => text))
  })

  test('reads tokens as they are, one prompt or several', async () => {
    const one = await completions.ask({ prompt: [1, 404, 478], max_tokens: 3 })
    expect(one.usage.prompt_tokens).toBe(3)
    const two = await completions.ask({
      prompt: [
        [1, 404, 478],
        [1, 404],
      ],
      max_tokens: 3,
    })
    expect(two.choices).toHaveLength(2)
    expect(two.choices[0]!.text).toBe(one.choices[0]!.text)
    expect(two.usage.prompt_tokens).toBe(5)
  })

  test('has 16 tokens where nothing else was said, and none where none were asked for', async () => {
    const sixteen = await completions.ask({ prompt: [1, 404, 478] })
    expect(sixteen.choices[0]!.finish_reason).toBe('length')
    expect(sixteen.usage.completion_tokens).toBe(16)
    const none = await completions.ask({ prompt: france, max_tokens: 0, echo: true })
    expect(none.choices[0]).toMatchObject({ text: france, finish_reason: 'length' })
    expect(none.usage.completion_tokens).toBe(0)
  })

  test('repeats the prompt before it where echo asks for that', async () => {
    expect((await completions.ask({ prompt: france, echo: true })).choices[0]!.text).toBe(`${france} Paris.`)
    expect(textOf(await completions.stream({ prompt: france, echo: true }))).toBe(`${france} Paris.`)
    const tokens = await completions.ask({ prompt: [404, 478], echo: true, max_tokens: 0 })
    expect(tokens.choices[0]!.text.length).toBeGreaterThan(1)
  })

  test('ends at a stop string and follows its seed', async () => {
    expect((await completions.ask({ prompt: france, stop: ['is.', 'x'] })).choices[0]).toMatchObject({
      text: ' Par',
      finish_reason: 'stop',
    })
    const story = async (seed: number) =>
      (await completions.ask({ prompt: 'The', temperature: 1.5, seed, max_tokens: 20 })).choices[0]!.text
    const [first, second, other] = [await story(7), await story(7), await story(8)]
    expect(first).toBe(second)
    expect(other).not.toBe(first)
    const several = await completions.ask({ prompt: 'The', temperature: 1.5, seed: 7, max_tokens: 20, n: 2 })
    expect(several.choices[0]!.text).toBe(first)
    expect(several.choices[1]!.text).not.toBe(first)
  })

  test('tells log probabilities, of the prompt too where it is echoed', async () => {
    const { choices } = await completions.ask({ prompt: france, logprobs: 2, echo: true })
    const { tokens, token_logprobs, top_logprobs, text_offset } = choices[0]!.logprobs!
    expect(tokens.join('')).toBe(choices[0]!.text)
    for (const [index, token] of tokens.entries())
      expect(choices[0]!.text.slice(text_offset[index], text_offset[index]! + token.length)).toBe(token)
    expect(token_logprobs.every(value => value !== null && value <= 0)).toBe(true)
    // After " is" the model all but knows what comes; of "capital" it knew nothing.
    expect(token_logprobs[tokens.indexOf(' P')]).toBeGreaterThan(-0.1)
    expect(token_logprobs[1]).toBeLessThan(-3)
    for (const [index, top] of top_logprobs!.entries()) {
      expect(Object.keys(top!).length).toBeLessThanOrEqual(3)
      expect(top![tokens[index]!]).toBe(token_logprobs[index])
    }
    const streamed = (await completions.stream({ prompt: france, logprobs: 2, echo: true })).flatMap(
      chunk => chunk.choices[0]?.logprobs ?? [],
    )
    expect(streamed.flatMap(part => part.tokens)).toEqual(tokens)
    expect(streamed.flatMap(part => part.text_offset)).toEqual(text_offset)
  })

  test('tells of the chosen tokens alone for logprobs 0, and of letters in bytes', async () => {
    const { choices } = await completions.ask({ prompt: 'x é', logprobs: 0, echo: true, max_tokens: 0 })
    expect(choices[0]!.logprobs).toMatchObject({ top_logprobs: null, tokens: expect.arrayContaining(['bytes:\\xc3', 'bytes:\\xa9']) })
  })

  test.each([
    ['no prompt', {}, 'prompt'],
    ['a prompt that is null', { prompt: null }, 'prompt'],
    ['no prompts', { prompt: [] }, 'prompt'],
    ['a number as prompt', { prompt: 5 }, 'prompt'],
    ['prompts of two kinds', { prompt: ['x', [5]] }, 'prompt.1'],
    ['an empty array of tokens', { prompt: [[5], []] }, 'prompt.1'],
    ['a token that is none', { prompt: [1, -1] }, 'prompt'],
    ['a token of another model', { prompt: [1, 99_999] }, 'prompt'],
    ['too many choices', { prompt: ['x', 'y'], n: 65 }, 'n'],
    ['n of nothing', { prompt: 'x', n: 0 }, 'n'],
    ['best_of above n', { prompt: 'x', n: 2, best_of: 3 }, 'best_of'],
    ['best_of below n', { prompt: 'x', n: 2, best_of: 1 }, 'best_of'],
    ['a suffix', { prompt: 'x', suffix: 'y' }, 'suffix'],
    ['a form that it is not held to', { prompt: 'x', guided_regex: 'a+' }, 'guided_regex'],
    ['fewer than no tokens', { prompt: 'x', max_tokens: -1 }, 'max_tokens'],
    ['an echo that is no boolean', { prompt: 'x', echo: 'yes' }, 'echo'],
    ['six log probabilities', { prompt: 'x', logprobs: 6 }, 'logprobs'],
    ['five stops', { prompt: 'x', stop: ['1', '2', '3', '4', '5'] }, 'stop'],
    ['a half seed', { prompt: 'x', seed: 0.5 }, 'seed'],
    ['a temperature of 9', { prompt: 'x', temperature: 9 }, 'temperature'],
    ['a top_p of nothing', { prompt: 'x', top_p: 0 }, 'top_p'],
    ['options of a stream that is none', { prompt: 'x', stream: false, stream_options: {} }, 'stream_options'],
    ['a stream that is no boolean', { prompt: 'x', stream: 1 }, 'stream'],
    ['usage that is no boolean', { prompt: 'x', stream_options: { include_usage: 1 } }, 'stream_options.include_usage'],
  ])('%s is refused', async (_, body, param) => {
    await completions.refused(body, param)
    await completions.refused({ stream: true, ...body }, param)
  })

  test('a prompt that does not fit is refused by name', async () => {
    await completions.refused({ prompt: ['x', 'x '.repeat(3_000)] }, 'prompt', 'context_length_exceeded')
  })

  test('another model is a 404', async () => {
    expect((await completions.post({ model: 'gpt-9', prompt: 'x' })).status).toBe(404)
  })

  test.each([
    ['a long answer', { prompt: 'Once', temperature: 2, max_tokens: 900, n: 20 }],
    ['a long stream', { prompt: 'Once', temperature: 2, max_tokens: 900, n: 20, stream: true }],
    ['a long prompt', { prompt: 'x '.repeat(500), max_tokens: 1 }],
    ['the probabilities of a long prompt', { prompt: 'x '.repeat(500), max_tokens: 0, echo: true, logprobs: 5 }],
  ])('stops at once when its caller leaves: %s', async (_, body) => {
    expect(await completions.abandon(body)).toBeLessThan(500)
  })
})
