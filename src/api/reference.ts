/**
 * The API described by itself: for programs at `/openapi.json`, for people at `/reference`. Both are public, and made once,
 * when somebody asks first; on a thread beside the event loop, because that takes longer than a request should wait.
 */
import type { Context, Handler } from 'hono'
import { siblingModule } from '../lib/sibling-module.ts'
import { SideThread } from '../lib/side-thread.ts'
import type { ApiEnv } from './env.ts'

/** An answer that is the same for everybody. */
export interface Made {
  readonly body: string
  readonly headers: { readonly etag: string; readonly [name: string]: string }
}

export interface Reference {
  readonly json: Made
  readonly page: Made
}

let made: Promise<Reference> | undefined

/** `GET /openapi.json`. */
export const description: Handler<ApiEnv> = async c => answer(c, (await once()).json)

/** `GET /reference`. */
export const reference: Handler<ApiEnv> = async c => answer(c, (await once()).page)

function answer(c: Context<ApiEnv>, { body, headers }: Made): Response {
  if (c.req.header('if-none-match') === headers.etag)
    return c.body(null, 304, { etag: headers.etag, 'cache-control': headers['cache-control']! })
  return c.body(body, 200, headers)
}

/** What failed is tried again at the next request. */
function once(): Promise<Reference> {
  made ??= make().catch(error => {
    made = undefined
    throw error
  })
  return made
}

async function make(): Promise<Reference> {
  const thread = new SideThread<null, Reference>({ module: siblingModule(import.meta.url, 'reference-thread') })
  try {
    return await thread.ask(null)
  } finally {
    await thread.close()
  }
}
