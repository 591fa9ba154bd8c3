/** The canonical form of JSON (RFC 8785), for values that were parsed: members in the order of their names' UTF-16 units, no space. */

const maxDepth = 32

/** The form of a value that `JSON.parse` made. Throws `RangeError` where it is too deep, or has a text that UTF-8 or a number that a double cannot say. */
export function canonicalJson(value: unknown, depth = 0): string {
  if (depth > maxDepth) throw new RangeError('too deep')
  if (Array.isArray(value)) return `[${value.map(item => canonicalJson(item, depth + 1)).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    // Strings compare by their UTF-16 units, as §3.2.3 wants it.
    const members = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${members.map(([name, member]) => `${textOf(name)}:${canonicalJson(member, depth + 1)}`).join(',')}}`
  }
  // JSON.parse reads what no double holds as infinite, and writes it as null.
  if (typeof value === 'number' && !Number.isFinite(value)) throw new RangeError('no double holds a number')
  // Numbers, booleans and null are written as §3.2.2 says: it took its rules from here.
  return typeof value === 'string' ? textOf(value) : JSON.stringify(value)
}

function textOf(text: string): string {
  if (!text.isWellFormed()) throw new RangeError('half a surrogate pair')
  return JSON.stringify(text)
}
