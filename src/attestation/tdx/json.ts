/**
 * A strict JSON reader (RFC 8259) for texts that are signed: duplicate names reject, depth is bounded, nothing may follow,
 * and the exact bytes of each member of the outermost object are kept, because signatures are over those and not over what
 * another serialiser would write.
 */

export type Json = null | boolean | number | string | Json[] | { [name: string]: Json }

/** A text that is not strict JSON. */
export class JsonError extends Error {}

const maxDepth = 32
const maxNumber = 40
const scalar = /(?:true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?)(?![\w.+-])/y
/** A string that means what it says: no escape, no control character. */
const plainString = /"[ !#-[\]-\uffff]*"/y

/** The outermost object of `text`: its members' values, and their exact source. Throws {@link JsonError}. */
export function readSigned(text: string): { values: Map<string, Json>; sources: Map<string, string> } {
  const reader = new Reader(text)
  const values = new Map<string, Json>()
  const sources = new Map<string, string>()
  reader.object(1, (name, value, source) => {
    values.set(name, value)
    sources.set(name, source)
  })
  reader.end()
  return { values, sources }
}

/** Any strict JSON text. Throws {@link JsonError}. */
export function readStrict(text: string): Json {
  const reader = new Reader(text)
  const value = reader.value(0)
  reader.end()
  return value
}

class Reader {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  end(): void {
    this.#space()
    if (this.#at !== this.#text.length) throw new JsonError(`something follows at ${this.#at}`)
  }

  value(depth: number): Json {
    if (depth > maxDepth) throw new JsonError('too deep')
    this.#space()
    switch (this.#text[this.#at]) {
      case '{': {
        const object: { [name: string]: Json } = Object.create(null)
        this.object(depth + 1, (name, value) => {
          object[name] = value
        })
        return object
      }
      case '[':
        return this.#array(depth + 1)
      default:
        return this.#scalar()
    }
  }

  object(depth: number, member: (name: string, value: Json, source: string) => void): void {
    this.#take('{')
    const names = new Set<string>()
    if (this.#closes('}')) return
    do {
      this.#space()
      const name = this.#string()
      if (names.has(name)) throw new JsonError('a name stands twice')
      names.add(name)
      this.#take(':')
      this.#space()
      const start = this.#at
      const value = this.value(depth)
      member(name, value, this.#text.slice(start, this.#at))
    } while (this.#continues('}'))
  }

  #array(depth: number): Json[] {
    this.#take('[')
    const items: Json[] = []
    if (this.#closes(']')) return items
    do items.push(this.value(depth))
    while (this.#continues(']'))
    return items
  }

  #scalar(): Json {
    if (this.#text[this.#at] === '"') return this.#string()
    const token = this.#match(scalar)
    if (token === undefined || token.length > maxNumber) throw new JsonError(`not a value at ${this.#at}`)
    return JSON.parse(token) as Json
  }

  #string(): string {
    if (this.#text[this.#at] !== '"') throw new JsonError(`not a string at ${this.#at}`)
    const plain = this.#match(plainString)
    if (plain !== undefined) return plain.slice(1, -1)
    let end = this.#at + 1
    while (end < this.#text.length && this.#text[end] !== '"') end += this.#text[end] === '\\' ? 2 : 1
    const source = this.#text.slice(this.#at, end + 1)
    this.#at = end + 1
    try {
      return JSON.parse(source) as string
    } catch (cause) {
      throw new JsonError('a string that is not valid', { cause })
    }
  }

  /** What a sticky pattern finds here, which is then behind. */
  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at
    if (!pattern.test(this.#text)) return undefined
    const found = this.#text.slice(this.#at, pattern.lastIndex)
    this.#at = pattern.lastIndex
    return found
  }

  #space(): void {
    for (;;) {
      const code = this.#text.charCodeAt(this.#at)
      if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return
      this.#at += 1
    }
  }

  #take(character: string): void {
    this.#space()
    if (this.#text[this.#at] !== character) throw new JsonError(`no ${character} at ${this.#at}`)
    this.#at += 1
  }

  #closes(character: string): boolean {
    this.#space()
    if (this.#text[this.#at] !== character) return false
    this.#at += 1
    return true
  }

  #continues(closing: string): boolean {
    if (this.#closes(closing)) return false
    this.#take(',')
    return true
  }
}
