import type { z } from 'zod'

/** For `safeParse` of what strangers send: it ends at the first fault, where zod would else make an issue, and a text, of each of a million. */
export const firstFault: z.core.ParseContextInternal<z.core.$ZodIssue> = { abortEarly: true }
