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
