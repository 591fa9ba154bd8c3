/** What steers a chat answer, member by member, with the real model over a real loopback socket. */
import { describe, expect, test } from 'vitest'
import { Endpoint, type Usage } from './support.ts'

interface Rated {
  token: string
  logprob: number
  bytes: number[] | null
}
interface Logprobs {
  content: (Rated & { top_logprobs: Rated[] })[]
  refusal: null
}
interface Answer {
  choices: { index: number; message: { content: string }; logprobs: Logprobs | null; finish_reason: string }[]
  usage: Usage
}
interface Chunk {
  choices: { index: number; delta: { content?: string; role?: string }; logprobs: Logprobs | null; finish_reason: string | null }[]
  usage?: Usage | null
}

const chat = new Endpoint<Answer, Chunk>('/v1/chat/completions')
const user = (content: unknown, more: object = {}) => ({ messages: [{ role: 'user', content }], ...more })
const texts = async (body: object) => (await chat.ask(body)).choices.map(({ message }) => message.content)
const say = async (body: object) => (await texts(body))[0]!
const textOf = (chunks: Chunk[], index = 0) =>
  chunks.flatMap(({ choices }) => choices.filter(choice => choice.index === index).map(({ delta }) => delta.content ?? '')).join('')

const france = 'What is the capital of France?'
const story = { temperature: 1.3, seed: 5, max_tokens: 30 }
const tool = {
  type: 'function',
  function: { name: 'get_weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}

describe('n', () => {
  test('makes as many answers, of which each is its own and all are counted', async () => {
    const answer = await chat.ask(user('Tell me a story about a fox.', { ...story, n: 3 }))
    expect(answer.choices.map(({ index }) => index)).toEqual([0, 1, 2])
    expect(new Set(answer.choices.map(({ message }) => message.content)).size).toBe(3)
    const [one] = answer.choices
    const alone = await chat.ask(user('Tell me a story about a fox.', story))
    expect(alone.choices[0]!.message).toEqual(one!.message)
    expect(answer.usage.prompt_tokens).toBe(alone.usage.prompt_tokens)
    expect(answer.usage.completion_tokens).toBeGreaterThan(alone.usage.completion_tokens)
  })

  test('streams them by index, with a running count that never falls', async () => {
    const body = user('Tell me a story about a fox.', { ...story, n: 3 })
    const whole = await chat.ask(body)
    const chunks = await chat.stream({ ...body, stream_options: { include_usage: true, continuous_usage_stats: true } })
    for (const { index, message, finish_reason } of whole.choices) {
      expect(textOf(chunks, index)).toBe(message.content)
      const own = chunks.flatMap(({ choices }) => choices.filter(choice => choice.index === index))
      expect(own[0]!.delta).toEqual({ role: 'assistant', content: '' })
      expect(own.map(choice => choice.finish_reason).filter(reason => reason !== null)).toEqual([finish_reason])
    }
    const counts = chunks.map(chunk => chunk.usage!.completion_tokens)
    expect(counts).toEqual(counts.toSorted((a, b) => a - b))
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: whole.usage })
  })

  test('calls tools in every answer', async () => {
    const answer = await chat.ask(user('What is the weather in Paris?', { tools: [tool], n: 2 }))
    expect(answer.choices.map(choice => choice.finish_reason)).toEqual(['tool_calls', 'tool_calls'])
  })
})

describe('log probabilities', () => {
  test('stand beside each token, with the likeliest others', async () => {
    const { choices, usage } = await chat.ask(user(france, { logprobs: true, top_logprobs: 3 }))
    const { content, refusal } = choices[0]!.logprobs!
    expect(refusal).toBeNull()
    expect(content).toHaveLength(usage.completion_tokens)
    expect(content.map(({ token }) => token).join('')).toBe('The capital of France is Paris.')
    for (const { token, logprob, bytes, top_logprobs } of content) {
      expect(Buffer.from(bytes!).toString()).toBe(token)
      expect(logprob).toBeLessThanOrEqual(0)
      expect(top_logprobs).toHaveLength(3)
      // At temperature 0 the likeliest is chosen.
      expect(top_logprobs[0]).toEqual({ token, logprob, bytes })
      expect(top_logprobs.map(top => top.logprob)).toEqual(top_logprobs.map(top => top.logprob).toSorted((a, b) => b - a))
      expect(top_logprobs.reduce((sum, top) => sum + Math.exp(top.logprob), 0)).toBeLessThanOrEqual(1.000_001)
    }
  })

  test('are the model’s own at any temperature', async () => {
    const at = async (temperature: number) => {
      const { choices } = await chat.ask(user('Hello', { temperature, seed: 1, max_tokens: 1, logprobs: true, top_logprobs: 5 }))
      return choices[0]!.logprobs!.content[0]!.top_logprobs
    }
    const cold = await at(0)
    for (const temperature of [0.5, 1, 2])
      for (const [index, { token, logprob }] of (await at(temperature)).entries()) {
        expect(token).toBe(cold[index]!.token)
        expect(logprob).toBeCloseTo(cold[index]!.logprob, 3)
      }
  })

  test('change nothing about what is said, and are the same in a stream', async () => {
    const body = user('Tell me a story about a fox.', story)
    const rated = { ...body, logprobs: true, top_logprobs: 1 }
    const [choice] = (await chat.ask(rated)).choices
    expect(choice!.message.content).toBe(await say(body))
    const chunks = await chat.stream(rated)
    expect(chunks.flatMap(({ choices }) => choices[0]?.logprobs?.content ?? [])).toEqual(choice!.logprobs!.content)
    for (const { choices } of chunks)
      if (choices[0]?.logprobs) expect(choices[0].logprobs.content.map(({ token }) => token).join('')).toBe(choices[0].delta.content)
  })

  test('leave out what a stop string cuts off, and are null where nobody asked', async () => {
    const { choices } = await chat.ask(user('Count from 1 to 9.', { stop: '5, 6', logprobs: true }))
    expect(choices[0]!.logprobs!.content.map(({ token }) => token).join('')).toBe('1, 2, 3, 4, ')
    expect(choices[0]!.logprobs!.content[0]!.top_logprobs).toEqual([])
    expect((await chat.ask(user('Hello'))).choices[0]!.logprobs).toBeNull()
  })
})

describe('biases and penalties', () => {
  test('a token that is biased down is not said, one that is biased up is all that is said', async () => {
    const { choices } = await chat.ask(user(france, { logprobs: true, top_logprobs: 1 }))
    expect(choices[0]!.message.content).toBe('The capital of France is Paris.')
    // 478 is " P".
    expect(await say(user(france, { logit_bias: { 478: -100 } }))).not.toContain(' P')
    expect(await say(user(france, { logit_bias: { 478: 100 }, max_tokens: 3 }))).toMatch(/^ ?P P P$/)
    expect(await say(user(france, { logit_bias: {} }))).toBe('The capital of France is Paris.')
  })

  test('penalties keep a token from coming again, and a negative one invites it', async () => {
    const counting = user('Count from 1 to 9.')
    const free = await say(counting)
    for (const member of ['frequency_penalty', 'presence_penalty']) {
      expect(await say({ ...counting, [member]: 0 })).toBe(free)
      // What has not been said yet is not touched.
      expect(await say(user(france, { [member]: 2 }))).toContain('The capital of France')
    }
    expect(await say({ ...counting, frequency_penalty: 2 })).not.toBe(free)
    expect(await say({ ...counting, frequency_penalty: -2, max_tokens: 60 })).not.toBe(free)
  })
})

describe('members of other engines', () => {
  test('top_k and min_p leave out what is unlikely', async () => {
    const wild = user('Tell me a story about a fox.', { temperature: 2, seed: 5, max_tokens: 30 })
    const greedy = await say({ ...wild, temperature: 0 })
    expect(await say(wild)).not.toBe(greedy)
    expect(await say({ ...wild, top_k: 1 })).toBe(greedy)
    expect(await say({ ...wild, min_p: 1 })).toBe(greedy)
    for (const nothing of [{ top_k: 0 }, { top_k: -1 }, { top_k: null }, { min_p: 0 }])
      expect(await say({ ...wild, ...nothing })).toBe(await say(wild))
  })

  test.each<[string, unknown, neutral: unknown]>([
    ['reasoning_effort', 'high', 'none'],
    ['verbosity', 'low', 'medium'],
    ['audio', { voice: 'alloy', format: 'wav' }, null],
    ['web_search_options', { search_context_size: 'low' }, {}],
    ['reasoning', { effort: 'low' }, null],
    ['guided_json', { type: 'object' }, null],
    ['structured_outputs', { regex: 'a+' }, {}],
    ['grammar', 'root ::= "a"', ''],
    ['chat_template', '{{ messages }}', null],
    ['chat_template_kwargs', { enable_thinking: false }, {}],
    ['continue_final_message', true, false],
    ['add_generation_prompt', false, true],
    ['repetition_penalty', 1.1, 1],
    ['min_tokens', 5, 0],
    ['ignore_eos', true, false],
    ['stop_token_ids', [1], []],
    ['prompt_logprobs', 1, null],
  ])('%s is refused where it asks for something', async (member, asking, neutral) => {
    await chat.refused(user(france, { [member]: asking }), member)
    await chat.refused(user(france, { [member]: asking, stream: true }), member)
    expect(await say(user(france, { [member]: neutral }))).toBe('The capital of France is Paris.')
  })

  test('what changes no answer passes', async () => {
    const told = { user: 'u', safety_identifier: 's', metadata: { a: 'b' }, store: false, service_tier: 'auto', prompt_cache_key: 'k' }
    const more = { cache_salt: 's', prediction: { type: 'content', content: 'x' }, parallel_tool_calls: false, x: [1] }
    expect(await say(user(france, { ...told, ...more }))).toBe('The capital of France is Paris.')
  })
})

describe('messages', () => {
  test('parts of text are read as one text', async () => {
    const parts = [
      { type: 'text', text: 'What is the capital' },
      { type: 'text', text: ' of France?' },
    ]
    expect(await say(user(parts))).toBe('The capital of France is Paris.')
  })

  test.each([
    ['image', { type: 'image_url', image_url: { url: 'data:,' } }],
    ['audio', { type: 'input_audio', input_audio: { data: '', format: 'wav' } }],
    ['file', { type: 'file', file: {} }],
  ])('an %s part is refused by its place', async (_, part) => {
    expect(await chat.refused(user([{ type: 'text', text: 'x' }, part]), 'messages.0.content.1.type')).toContain('only text parts')
  })
})

describe('bad members', () => {
  test.each([
    ['no answers', { n: 0 }, 'n'],
    ['129 answers', { n: 129 }, 'n'],
    ['log probabilities by number', { logprobs: 2 }, 'logprobs'],
    ['likeliest tokens without log probabilities', { top_logprobs: 2 }, 'top_logprobs'],
    ['21 likeliest tokens', { logprobs: true, top_logprobs: 21 }, 'top_logprobs'],
    ['a bias that is a list', { logit_bias: [1] }, 'logit_bias'],
    ['a bias of a word', { logit_bias: { Paris: 1 } }, 'logit_bias'],
    ['a bias of 101', { logit_bias: { 478: 101 } }, 'logit_bias'],
    ['a bias that is a text', { logit_bias: { 478: '1' } }, 'logit_bias'],
    ['a bias of another model’s token', { logit_bias: { 1536: 1 } }, 'logit_bias'],
    ['a bias of the end', { logit_bias: { 4: -100 } }, 'logit_bias'],
    ['a frequency penalty of 3', { frequency_penalty: 3 }, 'frequency_penalty'],
    ['a presence penalty of -3', { presence_penalty: -3 }, 'presence_penalty'],
    ['a presence penalty in words', { presence_penalty: 'high' }, 'presence_penalty'],
    ['a stop that is a number', { stop: 5 }, 'stop'],
    ['a stop that holds a number', { stop: ['x', 5] }, 'stop.1'],
    ['a seed in words', { seed: 'x' }, 'seed'],
    ['a top_p of 2', { top_p: 2 }, 'top_p'],
    ['half a top_k', { top_k: 1.5 }, 'top_k'],
    ['a min_p of 2', { min_p: 2 }, 'min_p'],
    ['no tokens', { max_completion_tokens: 0 }, 'max_completion_tokens'],
    ['tools of another kind', { tools: [{ type: 'web_search' }] }, 'tools.0.type'],
    ['stream options that are none', { stream_options: 'usage' }, 'stream_options'],
    ['an answer as sound', { modalities: ['text', 'audio'] }, 'modalities.1'],
    ['an unknown format', { response_format: { type: 'xml' } }, 'response_format.type'],
    ['a format in words', { response_format: 'json' }, 'response_format'],
    ['a schema without its wrapping', { response_format: { type: 'json_schema' } }, 'response_format.json_schema'],
    [
      'a schema with a bad name',
      { response_format: { type: 'json_schema', json_schema: { name: 'a b' } } },
      'response_format.json_schema.name',
    ],
    ['a format beside tools', { response_format: { type: 'json_object' }, tools: [tool] }, 'response_format'],
  ])('%s is refused, streamed or not', async (_, members, param) => {
    await chat.refused(user('x', members), param)
    await chat.refused(user('x', { ...members, stream: true }), param)
  })

  test('options of a stream that is none are refused', async () => {
    await chat.refused(user('x', { stream_options: { include_usage: true } }), 'stream_options')
  })

  test('a member that is null is one that is not there', async () => {
    const nothing = { n: null, logprobs: null, top_logprobs: null, logit_bias: null, frequency_penalty: null, presence_penalty: null }
    expect(await say(user(france, { ...nothing, response_format: null, stop: null, seed: null, tools: null }))).toBe(
      'The capital of France is Paris.',
    )
  })
})

test.each([
  ['a long answer', { n: 20 }],
  ['a long stream', { n: 20, stream: true }],
  ['an answer by a grammar', { n: 20, response_format: { type: 'json_object' } }],
  ['an answer with log probabilities', { n: 20, logprobs: true, top_logprobs: 20 }],
])('stops at once when its caller leaves: %s', async (_, members) => {
  expect(await chat.abandon(user('Tell me a story about a fox.', { temperature: 2, ...members }))).toBeLessThan(500)
})
