/** An answer that breaks its own description. */
import type { z } from 'zod'

/** `what` was answered, and which member of it is wrong; nothing of the answer's text. */
export class AnswerViolation extends Error {
  readonly member: string

  constructor(what: string, member: string, problem: string) {
    super(`${what}: ${member === '' ? '' : `'${member}' `}${problem}`)
    this.name = 'AnswerViolation'
    this.member = member
  }
}

/** Throws an {@link AnswerViolation} with the path of the member at fault. */
export function mustBe(schema: z.ZodType, value: unknown, what: string): void {
  const parsed = schema.safeParse(value)
  if (parsed.success) return
  const { path, message } = deepest(parsed.error.issues)
  throw new AnswerViolation(what, path.join('.'), message)
}

type Issue = z.core.$ZodIssue

/** Of a union, the form that was missed by the least, and in it the first member. */
function deepest(issues: readonly Issue[]): { path: readonly PropertyKey[]; message: string } {
  const issue = issues[0]!
  if (issue.code !== 'invalid_union' || issue.errors.length === 0) return { path: issue.path, message: issue.message }
  const branch = issue.errors.reduce((best, other) => (weight(other) > weight(best) ? other : best))
  const inner = deepest(branch)
  return { path: [...issue.path, ...inner.path], message: inner.message }
}

/** A form that was read further is the likelier one. */
function weight(issues: readonly Issue[]): number {
  return (issues[0]?.path.length ?? 0) * 100 - issues.length
}
