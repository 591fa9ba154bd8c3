/** Makes what src/api/reference.ts serves. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { answerQuestions } from '../lib/side-thread.ts'
import { openApiDocument } from '../openai/index.ts'
import type { Made, Reference } from './reference.ts'
import { referencePage } from './reference-page.ts'
import { referenceStyle } from './reference-style.ts'

answerQuestions<null, Reference>(() => {
  const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as { version: string }
  const document = openApiDocument(version)
  const style = createHash('sha256').update(referenceStyle).digest('base64')
  return {
    json: made(JSON.stringify(document), { 'content-type': 'application/json' }),
    page: made(referencePage(document).toString(), {
      'content-type': 'text/html; charset=utf-8',
      // The page has one style sheet and nothing else that a browser would load or run.
      'content-security-policy': `default-src 'none'; style-src 'sha256-${style}'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      'x-content-type-options': 'nosniff',
      'referrer-policy': 'no-referrer',
    }),
  }
})

/** It changes with the version only: caches may keep it for an hour, and then ask whether it is still the same. */
function made(body: string, headers: Record<string, string>): Made {
  const etag = `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`
  return { body, headers: { ...headers, etag, 'cache-control': 'public, max-age=3600' } }
}
