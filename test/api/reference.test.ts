/** The description of the API as it is served. */
import { describe, expect, test } from 'vitest'
import { openApiDocument } from '../../src/openai/index.ts'
import { checkResponse } from '../support/answers/check-answer.ts'
import { answering, fakeApi } from './support/serve-api.ts'

const app = fakeApi(answering())
const get = async (path: string, headers: Record<string, string> = {}) => checkResponse('GET', path, await app.request(path, { headers }))

describe.each(['/openapi.json', '/reference'])('%s', path => {
  test('is public, may be kept for an hour, and is then asked for by its tag', async () => {
    const response = await get(path)
    expect(response.status).toBe(200)
    expect(response.headers.get('cache-control')).toBe('public, max-age=3600')
    const etag = response.headers.get('etag')!
    expect(etag).toMatch(/^"[\w-]{22}"$/)
    const again = await get(path, { 'if-none-match': etag })
    expect([again.status, again.headers.get('etag'), await again.text()]).toEqual([304, etag, ''])
    expect((await get(path, { 'if-none-match': '"another"' })).status).toBe(200)
  })
})

test('the document is the one of the schemas', async () => {
  const served = (await (await get('/openapi.json')).json()) as { info: { version: string } }
  expect(served.info.version).toMatch(/^\d+\.\d+\.\d+$/)
  expect(served).toEqual(JSON.parse(JSON.stringify(openApiDocument(served.info.version))))
})

describe('the page', () => {
  test('shows every operation, and its links lead to something on it', async () => {
    const text = await (await get('/reference')).text()
    const ids = new Set(Array.from(text.matchAll(/ id="([^"]+)"/g), match => match[1]!))
    for (const methods of Object.values(openApiDocument('1').paths))
      for (const { operationId } of Object.values(methods)) expect(ids).toContain(operationId)
    const links = Array.from(text.matchAll(/href="#([^"]+)"/g), match => match[1]!)
    expect(links.length).toBeGreaterThan(50)
    expect(links.filter(link => !ids.has(link))).toEqual([])
  })

  test('has no script, and lets none in', async () => {
    const response = await get('/reference')
    expect(response.headers.get('content-security-policy')).toMatch(/^default-src 'none'; style-src 'sha256-[^']{44}';/)
    expect(await response.text()).not.toMatch(/<script|javascript:| on[a-z]+=/i)
  })
})
