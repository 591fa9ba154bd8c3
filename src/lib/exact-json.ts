/**
 * JSON that is read here to be written anew: integers beyond 2^53 (the bounds of 64-bit numbers stand in many schemas) and
 * numbers beyond a double's range keep their digits. `JSON.parse` and `JSON.stringify` would make other numbers of them, or null.
 */

declare global {
  interface JSON {
    /** ECMAScript, "JSON.parse source text access": a number that `stringify` writes as it stands. */
    rawJSON(text: string): object
    parse(text: string, reviver: (key: string, value: unknown, context: { readonly source?: string }) => unknown): unknown
  }
}

/** Whether there may be such a number: few texts have one, and reading for one costs some times as much. */
const suspicious = /(?<![\d.])\d{16,}(?![\d.eE])|[eE]\+?\d{3}/

/** As `JSON.parse`, but a number that a double does not hold becomes an object that `JSON.stringify` writes with the digits it had. Throws `SyntaxError`. */
export function parseExactJson(text: string): unknown {
  if (!suspicious.test(text)) return JSON.parse(text)
  return JSON.parse(text, (_, value, { source }) => (source !== undefined && isLost(value, source) ? JSON.rawJSON(source) : value))
}

function isLost(value: unknown, source: string): boolean {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return false
  // Of a fraction every reader of JSON has the nearest double.
  return !Number.isFinite(value) || (/^-?\d+$/.test(source) && BigInt(source) !== BigInt(value))
}
