/**
 * What answers have in common, and how a schema gets a name. Every schema here follows OpenAI's published description of its
 * API in what is required, nullable and enumerated; members it does not know pass, because engines add some.
 */
import { z } from 'zod'

/** Gives a schema a name of its own: in the OpenAPI document it stands once, under that name. Names are unique in the program. */
export function named<Schema extends z.ZodType>(id: string, description: string, schema: Schema): Schema {
  return schema.meta({ id, description })
}

/** A whole number from 0. */
export const count = z.int().min(0)

/** Seconds since 1970, whole. */
export const unixSeconds = z.int().min(0).describe('Seconds since 1970.')

/** An amount of nanoTON, 10^-9 TON: decimal digits in a string, because it may pass what a JSON number holds exactly. */
export const nanoton = named(
  'Nanoton',
  'nanoTON (10^-9 TON) as a string of decimal digits.',
  z.string().regex(/^(0|[1-9][0-9]{0,18})$/, 'must be nanoTON as a string of decimal digits'),
)

/** What an answer costs. */
export const cost = nanoton.describe('What this answer costs, in nanoTON. The same as in the receipt.')

/** 32 bytes in hex. */
export const hex32 = z.string().regex(/^[0-9a-f]{64}$/, 'must be 32 bytes in lowercase hex')

/** A digest as evidence has it. */
export const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits')

export const base64 = z.base64()

export const serviceTier = z.enum(['auto', 'default', 'flex', 'scale', 'priority', 'fast']).nullable()

const bytes = z.array(z.int().min(0).max(255)).nullable().describe('The token’s UTF-8 bytes, where it has any.')

/** A token of an answer with the likeliest in its place. */
export const tokenLogprob = named(
  'TokenLogprob',
  'A token, its log probability, and those of the likeliest tokens in its place.',
  z.looseObject({
    token: z.string(),
    logprob: z.number(),
    bytes,
    top_logprobs: z.array(z.looseObject({ token: z.string(), logprob: z.number(), bytes })),
  }),
)
