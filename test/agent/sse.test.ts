import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { AgentError } from '../../src/agent/errors.ts'
import { type SseEvent, SseParser } from '../../src/agent/sse.ts'

function parse(bytes: Buffer | string, cuts: readonly number[] = []): SseEvent[] {
  const parser = new SseParser(1_000)
  const whole = Buffer.from(bytes as string)
  const at = [0, ...[...cuts].sort((a, b) => a - b), whole.length]
  return at.slice(1).flatMap((end, index) => parser.push(whole.subarray(at[index], end)))
}

const texts = (events: readonly SseEvent[]) => events.map(event => event.data)

describe('the event stream parser', () => {
  test('reads events that end by LF, CR or CRLF', () => {
    expect(texts(parse('data: a\n\ndata: b\r\n\r\ndata: c\r\rdata: d\n\r\n'))).toEqual(['a', 'b', 'c', 'd'])
  })

  test('joins several data lines, takes one space off, and keeps the event field', () => {
    expect(parse('event: error\ndata:  x\ndata:y\ndata\n\n')).toEqual([{ data: ' x\ny\n', event: 'error' }])
  })

  test('passes over comments, other fields, empty events and a byte order mark', () => {
    expect(texts(parse('\ufeff: hello\n\nid: 4\nretry: 10\n\nevent: x\n\ndata: a\n: within\nwhat: ever\n\n'))).toEqual(['a'])
  })

  test('takes a byte order mark from the very beginning alone, however it is cut', () => {
    const marked = Buffer.from('\ufeffdata: a\n\n')
    for (let cut = 0; cut <= 3; cut++) expect(texts(parse(marked, [cut]))).toEqual(['a'])
    // Elsewhere it is part of a field's name, which nobody knows.
    for (const before of ['\n', ': x\n', 'data: b\n\n']) expect(texts(parse(`${before}\ufeffdata: a\n\n`))).not.toContain('a')
    expect(texts(parse('\ufeff\ufeffdata: a\n\n'))).toEqual([])
  })

  test('reads the same wherever the bytes are cut', () => {
    const stream = Buffer.from(': c\r\n\r\ndata: {"a":"über"}\r\ndata: 2\r\n\r\n\r\ndata: b\n\ndata: c\r\r')
    const whole = parse(stream)
    expect(texts(whole)).toEqual(['{"a":"über"}\n2', 'b', 'c'])
    fc.assert(
      fc.property(fc.array(fc.nat(stream.length)), cuts => {
        expect(parse(stream, cuts)).toEqual(whole)
      }),
    )
  })

  test('brings out what was put in, however it was written and cut', () => {
    const line = fc.string({
      unit: fc.oneof(fc.constantFrom('ü', '世', '🦊', '\ufeff', '\u2028', '\0', ':', ' '), fc.string({ minLength: 1, maxLength: 1 })),
    })
    const event = fc.record({
      data: fc.array(line, { minLength: 1, maxLength: 3 }).map(lines => lines.join('\n')),
      event: fc.option(line, { nil: undefined }),
    })
    const noise = fc.oneof(
      line.map(text => `:${text}`),
      fc.constantFrom('id: 1', 'retry: 5', 'unknown', 'data2: x', ' data: x'),
    )
    const eol = fc.constantFrom('\n', '\r', '\r\n')
    const spoken = fc.array(fc.tuple(event, fc.array(noise, { maxLength: 2 }), fc.infiniteStream(eol)), { maxLength: 6 })
    fc.assert(
      fc.property(spoken, fc.boolean(), fc.array(fc.nat(2_000), { maxLength: 30 }), (events, mark, cuts) => {
        let text = mark ? '\ufeff' : ''
        for (const [{ data, event: name }, comments, ends] of events) {
          const lines = [...comments, ...(name === undefined ? [] : [`event: ${name}`]), ...data.split('\n').map(part => `data: ${part}`)]
          for (const written of [...lines, '']) {
            const [end] = ends.take(1)
            // An LF right after a CR would belong to it.
            text += written + (written === '' && end === '\n' && text.endsWith('\r') ? '\r\n' : end)
          }
        }
        const bytes = Buffer.from(text)
        const expected = events.map(([each]) => each)
        expect(parse(bytes)).toEqual(expected)
        expect(
          parse(
            bytes,
            cuts.map(cut => cut % (bytes.length + 1)),
          ),
        ).toEqual(expected)
        expect(
          parse(
            bytes,
            Array.from({ length: bytes.length }, (_, index) => index),
          ),
        ).toEqual(expected)
      }),
      { numRuns: 300 },
    )
  })

  test('says whether an event was left unfinished', () => {
    const parser = new SseParser(100)
    parser.push(Buffer.from('data: a\n\n'))
    expect(parser.pending).toBe(false)
    parser.push(Buffer.from('data: b\n'))
    expect(parser.pending).toBe(true)
  })

  test.each([
    ['a line', [Buffer.from('data: '), Buffer.alloc(1_001, 'x')]],
    ['many lines of one event', Array.from({ length: 400 }, () => Buffer.from('data: x\n'))],
  ])('refuses %s without end', (_what, chunks) => {
    const parser = new SseParser(1_000)
    expect(() => chunks.map(chunk => parser.push(chunk))).toThrow(expect.objectContaining({ name: 'AgentError', code: 'engine-garbage' }))
  })

  test('hears any number of comments', () => {
    const parser = new SseParser(50)
    for (let i = 0; i < 100; i++) expect(parser.push(Buffer.from(': still here\n\n'))).toEqual([])
    expect(texts(parser.push(Buffer.from('data: a\n\n')))).toEqual(['a'])
  })

  test('refuses what is not UTF-8', () => {
    expect(() => parse(Buffer.from([0x64, 0x61, 0x74, 0x61, 0x3a, 0xff, 0x0a]))).toThrow(AgentError)
  })
})
