/**
 * The OpenAPI 3.1 document, made from the schemas that validate requests and, in the tests, every answer: nothing is written
 * down twice, so nothing can drift. https://spec.openapis.org/oas/v3.1.1
 *
 * Left out on purpose: 405, 408 of a slow head, 431 and what else HTTP itself refuses before a route is known.
 */
import { type AnswerForm, answerHeaders, answers, type EventsForm, errorBody, type HeaderDescription } from '../answers/index.ts'
import { type ErrorCode, errorKinds } from '../error-codes.ts'
import { type Operation, operations, paidErrors } from '../operations.ts'
import { requestHeaders } from '../request-headers.ts'
import { jsonSchema, plainSchema, Schemas } from './schemas.ts'
import type { Answer, DescribedOperation, Media, OpenApiDocument, Parameter, Reference, Schema } from './types.ts'

/** The document of this version of the software. */
export function openApiDocument(version: string): OpenApiDocument {
  const schemas = new Schemas()
  const paths: Record<string, Record<string, DescribedOperation>> = {}
  for (const operation of operations) {
    const { path, method } = operation
    paths[path] = { ...paths[path], [method.toLowerCase()]: describe(operation, schemas) }
  }
  return {
    openapi: '3.1.1',
    info: {
      title: 'Chrysalis',
      version,
      summary: 'OpenAI’s API, answered by attested enclaves and paid over TON.',
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/' }],
    tags: [...new Set(operations.map(({ tag }) => tag))].map(name => ({ name })),
    paths,
    components: {
      schemas: schemas.all(),
      responses: Object.fromEntries(Object.entries(paidErrorAnswers(schemas)).map(([status, answer]) => [`PaidError${status}`, answer])),
      headers: Object.fromEntries(
        Object.entries(answerHeaders).map(([name, { description, schema }]) => [name, { description, schema: plainSchema(schema) }]),
      ),
      parameters: Object.fromEntries(
        Object.entries(requestHeaders).map(([name, { description, schema }]) => [
          name,
          { name, in: 'header', required: false, description, schema: plainSchema(schema) },
        ]),
      ),
      securitySchemes: { apiKey: { type: 'http', scheme: 'bearer', description: 'An API key of a payment channel.' } },
    },
  }
}

function describe(operation: Operation, schemas: Schemas): DescribedOperation {
  const { id, tag, summary, description, keyed, body } = operation
  const parameters = parametersOf(operation)
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(keyed ? { security: [{ apiKey: [] }] } : {}),
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body
      ? { requestBody: { required: true, content: { [body.takes]: { schema: schemas.request(`${capital(id)}Request`, body.schema) } } } }
      : {}),
    responses: responsesOf(operation, schemas),
  }
}

function parametersOf({ parameters, query, paid }: Operation): (Parameter | Reference)[] {
  const found: (Parameter | Reference)[] = Object.entries(parameters).map(([name, description]) => ({
    ...{ name, in: 'path', required: true, description, schema: { type: 'string' } },
  }))
  if (query) {
    const { properties, required = [] } = jsonSchema(query, 'input') as { properties: Record<string, Schema>; required?: string[] }
    for (const [name, { description, ...schema }] of Object.entries(properties))
      found.push({ name, in: 'query', required: required.includes(name), description: String(description), schema })
  }
  if (paid) found.push(...Object.keys(requestHeaders).map(name => ({ $ref: `#/components/parameters/${name}` })))
  return found
}

function responsesOf(operation: Operation, schemas: Schemas): Record<string, Answer | Reference> {
  const { paid, keyed, errors } = operation
  const responses: Record<string, Answer | Reference> = {}
  for (const { method, path, status, media } of answers) {
    if (method !== operation.method || path !== operation.path) continue
    const content = Object.fromEntries(Object.entries(media).map(([type, form]) => [type, mediaOf(form, schemas)]))
    const streams = Object.values(media).filter(form => form.kind === 'events')
    const description = [status < 400 ? 'The answer.' : 'Why not.', ...streams.map(howItStreams)].join(' ')
    responses[status] = { description, headers: headersOn(paid ? ['every', 'charged', 'limited'] : ['every']), content }
  }
  const statuses = paid ? Object.keys(paidErrorAnswers(schemas)) : []
  for (const status of statuses) responses[status] = { $ref: `#/components/responses/PaidError${status}` }
  const codes: ErrorCode[] = paid ? [] : [...errors, ...(keyed ? (['invalid_api_key'] as const) : []), 'internal_error']
  for (const [status, together] of Map.groupBy(codes, code => errorKinds[code].status))
    responses[status] ??= errorAnswer(together.map(meaning).join(' '), ['every', ...(status >= 429 ? (['errors'] as const) : [])], schemas)
  return responses
}

/** The errors of every paid endpoint, by status. An engine's own status is passed on, so that any may come. */
function paidErrorAnswers(schemas: Schemas): Record<string, Answer> {
  const codes: ErrorCode[] = [...paidErrors, 'invalid_api_key', 'internal_error']
  const told = Array.from(
    Map.groupBy(codes, code => errorKinds[code].status),
    ([status, together]) => {
      // Limits are counted where the key is known.
      const groups: HeaderDescription['on'][] = status === 401 ? ['every'] : ['every', 'limited', 'errors']
      return [status, errorAnswer(together.map(meaning).join(' '), groups, schemas)] as const
    },
  )
  const other = errorAnswer('Another status that the engine of the worker has given.', ['every', 'limited', 'errors'], schemas)
  return { ...Object.fromEntries(told), default: other }
}

function errorAnswer(description: string, groups: readonly HeaderDescription['on'][], schemas: Schemas): Answer {
  return { description, headers: headersOn(groups), content: { 'application/json': { schema: schemas.answer(errorBody) } } }
}

function meaning(code: ErrorCode): string {
  return `\`${code}\`: ${errorKinds[code].description}`
}

function mediaOf(form: AnswerForm, schemas: Schemas): Media {
  switch (form.kind) {
    case 'json': {
      const [only, ...more] = form.oneOf.map(schema => schemas.answer(schema))
      return { schema: more.length === 0 ? only! : { anyOf: [only!, ...more] } }
    }
    case 'events':
      return { schema: schemas.answer(form.event) }
    case 'text':
      return { schema: { type: 'string' } }
    // OpenAPI 3.1 describes raw bytes by having no schema.
    case 'bytes':
      return {}
  }
}

/** OpenAPI 3.1 has no word for streams of events; its schema is that of each event's data, as OpenAI's own document has it. */
function howItStreams({ ends }: EventsForm): string {
  const last = ends === '[DONE]' ? '`data: [DONE]`' : ends.map(type => `\`${type}\``).join(' or ')
  return `Streamed, it comes as server-sent events, each with one JSON object as its data, and ends by ${last}; a stream that breaks ends by an \`ErrorBody\` instead.`
}

function headersOn(groups: readonly HeaderDescription['on'][]): Answer['headers'] {
  const names = Object.keys(answerHeaders).filter(name => groups.includes(answerHeaders[name]!.on))
  return Object.fromEntries(names.map(name => [name, { $ref: `#/components/headers/${name}` }]))
}

function capital(name: string): string {
  return name.charAt(0).toUpperCase() + name.slice(1)
}
