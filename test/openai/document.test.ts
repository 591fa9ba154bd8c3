/** The OpenAPI document: its form, and that it says of the API neither too little nor too much. */
import { Ajv2020 } from 'ajv/dist/2020.js'
import { describe, expect, test } from 'vitest'
import { answers } from '../../src/openai/answers/index.ts'
import { errorKinds, openApiDocument } from '../../src/openai/index.ts'
import { answering, fakeApi } from '../api/support/serve-api.ts'
import { samples } from './samples.ts'

type Json = Record<string, unknown>

const document = openApiDocument('1.2.3')
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ name: `${method.toUpperCase()} ${path}`, method, path, operation })),
)
const app = fakeApi(answering())
/** As OpenAPI writes it: parameters in braces, without the form that Hono may ask of them. */
const inBraces = (path: string) => path.replace(/:([a-z]+)(?:\{[^}]*\})?/g, '{$1}')

/** Every object in the document, with the keys that lead to it. */
function* objects(value: unknown, at: readonly string[] = []): Generator<{ at: readonly string[]; value: Json }> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield { at, value: value as Json }
  for (const [key, member] of Object.entries(value)) yield* objects(member, [...at, key])
}

function follow(reference: string): unknown {
  const keys = reference.split('/').slice(1)
  return keys.reduce<unknown>((value, key) => (value as Json | undefined)?.[key.replaceAll('~1', '/').replaceAll('~0', '~')], document)
}

describe('routes and document', () => {
  const served = app.routes.filter(({ method }) => method !== 'ALL').map(({ method, path }) => `${method} ${inBraces(path)}`)

  test('every route is described, and everything described is a route', () => {
    expect([...new Set(served)].sort()).toEqual(operations.map(({ name }) => name).sort())
  })

  test('what takes any method is a refusal, or on the way to something', () => {
    const paths = new Set(app.routes.filter(({ method }) => method === 'ALL').map(({ path }) => inBraces(path)))
    const known = [...Object.keys(document.paths), '/*', '/v1/*', '/v1/responses/{id}']
    expect([...paths].filter(path => !known.includes(path))).toEqual([])
  })

  test('every answer that the tests check by is in it, and no other', () => {
    const checkedBy = answers.map(({ method, path, status, media }) => `${method} ${path} ${status} ${Object.keys(media).sort()}`)
    const described = operations.flatMap(({ name, operation }) =>
      Object.entries(operation.responses).flatMap(([status, answer]) => {
        if ('$ref' in answer || (Number(status) >= 400 && !checkedBy.some(line => line.startsWith(`${name} ${status} `)))) return []
        return [`${name} ${status} ${Object.keys(answer.content ?? {}).sort()}`]
      }),
    )
    expect(described.sort()).toEqual(checkedBy.sort())
  })

  test.each(operations)('$name asks for a key where it is said to', async ({ method, path, operation }) => {
    const response = await app.request(path.replace(/\{[a-z]+\}/g, 'x'), {
      method: method.toUpperCase(),
      ...(method === 'post' ? { body: '' } : {}),
    })
    expect(response.status === 401).toBe(operation.security !== undefined)
  })

  test('every error code is told somewhere, but for what is refused before a route is known', () => {
    const text = JSON.stringify(document)
    const untold = Object.keys(errorKinds).filter(code => !text.includes(`\`${code}\``))
    expect(untold.sort()).toEqual(['headers_too_large', 'method_not_allowed', 'unknown_url'])
  })
})

// https://spec.openapis.org/oas/v3.1.1
describe('the form of OpenAPI 3.1', () => {
  test('the top has what it must, and the version is that of the software', () => {
    expect(document.openapi).toMatch(/^3\.1\.\d+$/)
    expect(document.info).toMatchObject({ title: expect.any(String), version: '1.2.3', license: { name: 'MIT', identifier: 'MIT' } })
    const allowed = [
      'openapi',
      'info',
      'jsonSchemaDialect',
      'servers',
      'paths',
      'webhooks',
      'components',
      'security',
      'tags',
      'externalDocs',
    ]
    expect(Object.keys(document).filter(key => !allowed.includes(key))).toEqual([])
  })

  test('every reference leads somewhere, and stands alone beside a summary or description', () => {
    for (const { at, value } of objects(document)) {
      if (typeof value.$ref !== 'string') continue
      expect({ at, leads: follow(value.$ref) !== undefined }).toEqual({ at, leads: true })
    }
  })

  test('every component is used, and named as components may be', () => {
    const used = new Set(Array.from(objects(document), ({ value }) => value.$ref).filter(reference => typeof reference === 'string'))
    for (const [kind, components] of Object.entries(document.components))
      for (const name of Object.keys(components)) {
        expect(name).toMatch(/^[a-zA-Z0-9._-]+$/)
        if (kind !== 'securitySchemes') expect({ name, used: used.has(`#/components/${kind}/${name}`) }).toEqual({ name, used: true })
      }
  })

  test('operations have ids of their own, known tags, and at least one answer', () => {
    const ids = operations.map(({ operation }) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
    const tags = document.tags.map(({ name }) => name)
    for (const { operation } of operations) {
      expect(operation.operationId).toMatch(/^[a-z][A-Za-z]+$/)
      expect(operation.tags.filter(tag => !tags.includes(tag))).toEqual([])
      for (const [status, answer] of Object.entries(operation.responses)) {
        expect(status).toMatch(/^[1-5]\d\d$|^default$/)
        const whole = '$ref' in answer ? (follow(answer.$ref) as typeof answer) : answer
        expect(whole).toMatchObject({ description: expect.stringMatching(/./) })
      }
    }
  })

  test('no two paths are the same but for the names of parameters, and each parameter of a path is described once', () => {
    const shapes = Object.keys(document.paths).map(path => path.replace(/\{[^}]+\}/g, '{}'))
    expect(new Set(shapes).size).toBe(shapes.length)
    for (const { path, operation } of operations) {
      const parameters = (operation.parameters ?? []).flatMap(parameter => ('$ref' in parameter ? [] : [parameter]))
      const inPath = parameters.filter(parameter => parameter.in === 'path')
      expect(inPath.map(({ name }) => `{${name}}`)).toEqual(path.match(/\{[^}]+\}/g) ?? [])
      expect(inPath.every(({ required }) => required)).toBe(true)
    }
  })

  test('security names a scheme that there is', () => {
    for (const { operation } of operations)
      for (const requirement of operation.security ?? [])
        for (const name of Object.keys(requirement))
          expect(document.components.securitySchemes[name]).toMatchObject({ type: 'http', scheme: 'bearer' })
  })

  test('every schema is one of JSON Schema, draft 2020-12', () => {
    const ajv = new Ajv2020({ strict: false, validateFormats: false })
    for (const [name, schema] of Object.entries(document.components.schemas))
      expect({ name, valid: ajv.validateSchema(schema) }).toEqual({ name, valid: true })
    expect(JSON.stringify(document.components.schemas)).not.toMatch(/\$defs|"\$id"|"\$schema"/)
  })
})

describe('the schemas of answers', () => {
  const ajv = new Ajv2020({ strict: false, validateFormats: false }).addSchema({ $id: 'api', components: document.components })
  const named = samples.flatMap(sample => {
    const name = ('meta' in sample.schema ? sample.schema.meta()?.id : undefined) ?? ''
    return name in document.components.schemas ? [{ ...sample, form: name }] : []
  })

  test('are shown by samples, nearly all of them', () => {
    expect(named.length).toBeGreaterThan(20)
  })

  test.each(named)('$name passes by $form, and without one of its members does not', ({ form, least, more }) => {
    const validate = ajv.getSchema(`api#/components/schemas/${form}`)!
    for (const good of [least, more ?? least])
      expect({ valid: validate(good), errors: validate.errors }).toEqual({ valid: true, errors: null })
    for (const member of Object.keys(least)) {
      const { [member]: _, ...broken } = least
      expect({ without: member, valid: validate(broken) }).toEqual({ without: member, valid: false })
    }
  })
})
