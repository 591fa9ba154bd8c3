/** What every answer that is none looks like. */
import { z } from 'zod'
import { named } from './parts.ts'

/** The four members that clients branch on, and nothing else. */
export const errorObject = named(
  'Error',
  'What went wrong, in OpenAI’s form.',
  z.strictObject({
    message: z.string().min(1).describe('For people. It repeats nothing of what was sent.'),
    type: z.string().min(1),
    param: z.string().nullable().describe('The member of the request at fault.'),
    code: z.string().nullable().describe('What to branch on.'),
  }),
)

export const errorBody = named('ErrorBody', 'The body of every answer with a status from 400.', z.strictObject({ error: errorObject }))
