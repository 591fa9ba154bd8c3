/** Headers that requests may have, beside those of HTTP itself. */
import { z } from 'zod'

/** What an `Idempotency-Key` is. */
export const idempotencyKey = z.string().regex(/^[\x21-\x7e]{1,255}$/)

/** By name in lower case. */
export const requestHeaders: Readonly<Record<string, { readonly schema: z.ZodType<string>; readonly description: string }>> = {
  'idempotency-key': {
    schema: idempotencyKey,
    description: 'Makes the request one charge, however often it is sent. Its answer is kept in memory for ten minutes.',
  },
  'x-client-request-id': {
    schema: z.string(),
    description: 'A name of your own for the log. What is not up to 64 letters, digits and `._:-` is not logged.',
  },
  'content-encoding': { schema: z.enum(['gzip', 'x-gzip', 'identity']), description: 'How the body is packed.' },
}
