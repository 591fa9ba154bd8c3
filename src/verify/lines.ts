/** Lines of a stream, one at a time and bounded: a line that is too long is passed over and reported, never held. */

/** A line without its end, or `undefined` for one of more than `most` bytes. */
export type Line = Buffer | undefined

/** Splits at line feeds; a carriage return before one belongs to it. The end of the stream ends its last line, but begins none. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Line, void, undefined> {
  let parts: Uint8Array[] = []
  let size = 0
  const add = (part: Uint8Array): void => {
    size += part.length
    if (size <= most + 1) parts.push(part)
    else parts = []
  }
  const take = (): Line => {
    const line = size <= most + 1 ? withoutReturn(Buffer.concat(parts)) : undefined
    parts = []
    size = 0
    return line && line.length <= most ? line : undefined
  }
  for await (const chunk of chunks) {
    let from = 0
    for (let end = chunk.indexOf(10); end >= 0; end = chunk.indexOf(10, from)) {
      add(chunk.subarray(from, end))
      yield take()
      from = end + 1
    }
    if (from < chunk.length) add(chunk.subarray(from))
  }
  if (size > 0) yield take()
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === 13 ? line.subarray(0, -1) : line
}
