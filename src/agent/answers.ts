/** Answers of the agent's plain routes. */
import type { Problem } from '../envelope/index.ts'
import { fromHex } from '../lib/bytes.ts'

/** A problem document (RFC 9457). */
export function problem(document: Problem, headers: Record<string, string> = {}): Response {
  return new Response(JSON.stringify(document), {
    status: document.status,
    headers: { 'content-type': 'application/problem+json', 'cache-control': 'no-store', ...headers },
  })
}

/** The nonce of a query: given once, 64 lowercase hex digits; undefined for anything else. */
export function parseNonce(given: string[] | undefined): Buffer | undefined {
  if (given?.length !== 1) return undefined
  try {
    return fromHex(given[0]!, 32)
  } catch {
    return undefined
  }
}
