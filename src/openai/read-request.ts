/**
 * From the bytes of a request to what it asks for. Both ends read by this: the proxy to route and reserve, the enclave to
 * check, to limit and to write the engine's body from the very object that was checked.
 */
import type { z } from 'zod'
import { parseExactJson } from '../lib/exact-json.ts'
import { firstFault } from '../lib/first-fault.ts'
import { isLightJson } from '../lib/json-weight.ts'
import type { Endpoint, Facts } from './endpoint.ts'
import { RequestError } from './errors.ts'

/** Up to here any request is read in a few milliseconds, and from there on only where it is mostly text. */
const smallRequest = 16 * 1024
const largeRequest = 256 * 1024
const smallBounds = { depth: 64, weight: 8_192 }

export type Body = Readonly<Record<string, unknown>>

/** A request that was read: its facts, and what it was read from. */
export type ReadRequest =
  | { readonly facts: Facts; readonly body: Body; readonly form?: undefined }
  | { readonly facts: Facts; readonly form: FormData; readonly body?: undefined }

/**
 * Reads a request of `endpoint`. A promise only for forms. Throws, or rejects with, {@link RequestError}
 * `unsupported-media-type` or `invalid`, which names the member at fault and repeats nothing else.
 */
export function readRequest(endpoint: Endpoint, contentType: string, bytes: Uint8Array): ReadRequest | Promise<ReadRequest> {
  requireMediaType(endpoint, contentType)
  if (endpoint.takes === 'multipart/form-data') return readForm(endpoint, contentType, bytes)
  const body = parseObject(bytes)
  const facts = endpoint.facts(validated(endpoint.request, body)) as Facts
  return { facts, body }
}

/** Whether reading a request could hold up the event loop: whoever has one reads it on a thread beside it. */
export function isLargeRequest(bytes: Uint8Array): boolean {
  if (bytes.length <= smallRequest) return false
  return bytes.length > largeRequest || !isLightJson(bytes, smallBounds)
}

/** Throws {@link RequestError} `unsupported-media-type`. */
export function requireMediaType({ takes }: Endpoint, contentType: string): void {
  if (mediaType(contentType) !== takes) throw new RequestError('unsupported-media-type', `Send the body as content-type ${takes}.`)
}

/** The media type of a content-type header: lower case, without its parameters. */
function mediaType(contentType: string): string {
  return contentType.split(';', 1)[0]!.trim().toLowerCase()
}

async function readForm(endpoint: Endpoint, contentType: string, bytes: Uint8Array): Promise<ReadRequest> {
  const form = await parseForm(bytes, contentType)
  return { facts: await endpoint.facts(validated(endpoint.request, fieldsOf(form))), form }
}

function validated(schema: z.ZodObject, value: unknown): unknown {
  const parsed = schema.safeParse(value, firstFault)
  if (parsed.success) return parsed.data
  const issue = deepest(parsed.error.issues[0]!)
  const param = nameOf(issue.path)
  throw new RequestError('invalid', param === null ? 'The body must be a JSON object.' : `'${param}': ${issue.message}.`, param)
}

/** Of a member that fits none of several forms, the fault in the form that it comes nearest to: one of right type, else the one that fits furthest. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue
  const faults = issue.errors.map(([first]) => first).filter(fault => fault !== undefined)
  const nearness = ({ code, path }: z.core.$ZodIssue) => (code === 'invalid_type' ? 0 : 100) + path.length
  const [nearest] = faults.sort((a, b) => nearness(b) - nearness(a))
  if (!nearest || nearness(nearest) === 0) return issue
  return { ...deepest(nearest), path: [...issue.path, ...nearest.path] }
}

/** Names of members that callers make up (a bias, a metadata key) are not repeated. */
function nameOf(path: readonly PropertyKey[]): string | null {
  if (path.length === 0) return null
  const name = path.map(String).join('.')
  return /^[A-Za-z_][A-Za-z0-9_.]{0,99}$/.test(name) && !/^(metadata|logit_bias)\./.test(name) ? name : String(path[0])
}

function parseObject(bytes: Uint8Array): Body {
  if (bytes.length > largeRequest && !isLightJson(bytes))
    throw new RequestError('invalid', 'The body has too many members or is nested too deeply.')
  let parsed: unknown
  try {
    parsed = parseExactJson(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8'))
  } catch {
    // The parser's own message may quote the body: not passed on.
    throw new RequestError('invalid', 'The body is not valid JSON.')
  }
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw new RequestError('invalid', 'The body must be a JSON object.')
  return parsed as Body
}

async function parseForm(bytes: Uint8Array, contentType: string): Promise<FormData> {
  try {
    return await new Response(bytes as Uint8Array<ArrayBuffer>, { headers: { 'content-type': contentType } }).formData()
  } catch {
    throw new RequestError('invalid', 'The body is not a valid multipart form.')
  }
}

/** The fields of a form as an object: `name[]` is a list, any other name stands once, or two readers could see two things. */
function fieldsOf(form: FormData): Body {
  const fields = new Map<string, unknown>()
  for (const [name, value] of form) {
    if (name.endsWith('[]')) fields.set(name, [...((fields.get(name) as unknown[] | undefined) ?? []), value])
    else if (fields.has(name)) throw new RequestError('invalid', 'A field of the form stands twice.', nameOf([name]))
    else fields.set(name, value)
  }
  return Object.fromEntries(fields)
}
