/** The JSON inside the sealed frames HEAD, FINAL and ERROR (spec, "Frames"). */
import { check, encodePlain, exactly, isText, parsePlain } from './plain-json.ts'
import type { Finish, OpenAIErrorObject, Usage } from './types.ts'
import { isFinish, plainUsage, toUsage } from './usage.ts'

export function encodeRequestHead(contentType: string): Buffer {
  check(isText(contentType), 'content_type', 'HEAD')
  return encodePlain({ content_type: contentType })
}

export function parseRequestHead(bytes: Uint8Array): string {
  const { content_type } = exactly(parsePlain(bytes, 'HEAD'), ['content_type'], 'HEAD')
  check(isText(content_type), 'content_type', 'HEAD')
  return content_type
}

export interface ResponseHead {
  readonly status: number
  readonly contentType: string
}

export function encodeResponseHead({ status, contentType }: ResponseHead): Buffer {
  check(isStatus(status, 200, 299), 'status', 'HEAD')
  check(isText(contentType), 'content_type', 'HEAD')
  return encodePlain({ status, content_type: contentType })
}

export function parseResponseHead(bytes: Uint8Array): ResponseHead {
  const { status, content_type } = exactly(parsePlain(bytes, 'HEAD'), ['status', 'content_type'], 'HEAD')
  check(isStatus(status, 200, 299), 'status', 'HEAD')
  check(isText(content_type), 'content_type', 'HEAD')
  return { status, contentType: content_type }
}

export interface ResponseFinal {
  /** Never `error`: that stands after an ERROR frame only. */
  readonly finish: Finish
  readonly usage: Usage
}

export function encodeResponseFinal({ finish, usage }: ResponseFinal): Buffer {
  check(isFinish(finish) && finish !== 'error', 'finish', 'FINAL')
  return encodePlain({ finish, usage: plainUsage(usage) })
}

export function parseResponseFinal(bytes: Uint8Array): ResponseFinal {
  const { finish, usage } = exactly(parsePlain(bytes, 'FINAL'), ['finish', 'usage'], 'FINAL')
  check(isFinish(finish) && finish !== 'error', 'finish', 'FINAL')
  return { finish, usage: toUsage(usage) }
}

export interface ResponseError {
  readonly status: number
  readonly error: OpenAIErrorObject
  readonly usage: Usage
}

export function encodeResponseError({ status, error, usage }: ResponseError): Buffer {
  check(isStatus(status, 400, 599), 'status', 'ERROR')
  return encodePlain({ status, error: toErrorObject(error), usage: plainUsage(usage) })
}

export function parseResponseError(bytes: Uint8Array): ResponseError {
  const { status, error, usage } = exactly(parsePlain(bytes, 'ERROR'), ['status', 'error', 'usage'], 'ERROR')
  check(isStatus(status, 400, 599), 'status', 'ERROR')
  return { status, error: toErrorObject(error), usage: toUsage(usage) }
}

function toErrorObject(value: unknown): OpenAIErrorObject {
  const { message, type, param, code } = exactly(value, ['message', 'type', 'param', 'code'], 'error')
  check(typeof message === 'string', 'message', 'error')
  check(typeof type === 'string', 'type', 'error')
  check(param === null || typeof param === 'string', 'param', 'error')
  check(code === null || typeof code === 'string', 'code', 'error')
  return { message, type, param, code }
}

function isStatus(value: unknown, least: number, most: number): value is number {
  return Number.isInteger(value) && (value as number) >= least && (value as number) <= most
}
