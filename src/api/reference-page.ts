/** The OpenAPI document as a page. `html` escapes every value that goes in; no script is needed to read it. */
import { html, raw } from 'hono/html'
import type { Answer, DescribedMedia, DescribedOperation, OpenApiDocument, Parameter, Reference, Schema } from '../openai/index.ts'
import { referenceStyle } from './reference-style.ts'

type Markup = ReturnType<typeof html>

interface Row {
  readonly name: string
  readonly type: Markup | string
  readonly required: boolean
  readonly text: string
}

interface Entry {
  readonly method: string
  readonly path: string
  readonly operation: DescribedOperation
}

/** Inline objects are shown with their members up to here, by dotted names. */
const deepest = 3

/** The whole page. */
export function referencePage(document: OpenApiDocument): Markup {
  const entries = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]): Entry => ({ method: method.toUpperCase(), path, operation })),
  )
  const { title, version, summary } = document.info as Record<string, string>
  const schemas = Object.entries(document.components.schemas)
  return html`<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>${title} API reference</title>
    <style>${raw(referenceStyle)}</style>
  </head>
  <body><main>
    <header><h1>${title} API</h1>
      <p class="quiet">Version ${version}. ${summary} For programs: <a href="/openapi.json"><code>/openapi.json</code></a>.</p>
      <p>Where a key is asked for, send <code>authorization: Bearer KEY</code>. Amounts are nanoTON in strings of digits.</p></header>
    <nav aria-label="Endpoints">${document.tags.map(
      ({ name }) => html`<h4>${name}</h4><ul>${entries.filter(({ operation }) => operation.tags.includes(name)).map(link)}</ul>`,
    )}</nav>
    ${document.tags.map(
      ({ name }) =>
        html`<section><h2>${name}</h2>${entries.filter(({ operation }) => operation.tags.includes(name)).map(entry => operationCard(entry, document))}</section>`,
    )}
    <section><h2>Headers of answers</h2><article>${table(
      Object.entries(document.components.headers).map(([name, { description, schema }]) => ({
        ...{ name, type: typeOf(schema), required: false, text: description },
      })),
    )}</article></section>
    <section><h2>Forms</h2>${schemas.map(([name, schema]) => schemaCard(name, schema))}</section>
  </main></body>
</html>`
}

function link({ method, path, operation }: Entry): Markup {
  return html`<li><a href="#${operation.operationId}"><span class="method">${method}</span> <code>${path}</code></a></li>`
}

function operationCard({ method, path, operation }: Entry, document: OpenApiDocument): Markup {
  const parameters = (operation.parameters ?? []).map(parameter => resolved(parameter, document.components.parameters))
  const content = Object.entries(operation.requestBody?.content ?? {})
  return html`<article id="${operation.operationId}">
    <h3><span class="method">${method}</span> <code>${path}</code></h3>
    <p>${marked(operation.summary)} ${operation.description === undefined ? '' : html`<span class="quiet">${marked(operation.description)}</span>`}</p>
    <p class="quiet">${operation.security ? 'Needs an API key.' : 'No key is asked for.'}</p>
    ${parameters.length > 0 ? html`<h4>Parameters</h4>${table(parameters.map(parameterRow))}` : ''}
    ${content.map(([media, { schema }]) => html`<h4>Body, <code>${media}</code></h4>${schema === undefined ? '' : body(schema, document)}`)}
    <h4>Answers</h4>${Object.entries(operation.responses).map(([status, answer]) => answerRow(status, resolved(answer, document.components.responses)))}
  </article>`
}

/** What a body is: its members, where it has a form of its own here. */
function body(schema: Schema, document: OpenApiDocument): Markup {
  const name = nameOf(schema)
  const form = name === undefined ? schema : document.components.schemas[name]
  return table(rowsOf(form ?? schema))
}

function answerRow(status: string, { description, content }: Answer): Markup {
  return html`<details><summary><code>${status}</code> ${Object.entries(content ?? {}).map(
    ([media, form]) => html` <span class="quiet">${media}</span> ${formOf(form)}`,
  )}</summary><div><p>${marked(description)}</p></div></details>`
}

function formOf({ schema }: DescribedMedia): Markup | string {
  return schema === undefined ? 'bytes' : typeOf(schema)
}

function schemaCard(name: string, schema: Schema): Markup {
  const rows = rowsOf(schema)
  return html`<article id="form-${name}"><h3><code>${name}</code></h3>
    ${typeof schema.description === 'string' ? html`<p class="quiet">${marked(schema.description)}</p>` : ''}
    ${rows.length > 0 ? table(rows) : html`<p>${typeOf(schema)}</p>`}</article>`
}

function table(rows: readonly Row[]): Markup {
  return html`<div class="table"><table>${rows.map(
    ({ name, type, required, text }) =>
      html`<tr><td><code>${name}</code>${required ? html` <small>required</small>` : ''}</td><td>${type}</td><td>${marked(text)}</td></tr>`,
  )}</table></div>`
}

function parameterRow({ name, in: where, required, description, schema }: Parameter): Row {
  return { name, type: html`${typeOf(schema)} in ${where}`, required, text: description ?? '' }
}

/** The members of an object, and of the objects within it. */
function rowsOf(schema: Schema, prefix = '', depth = 1): Row[] {
  const properties = (schema.properties ?? {}) as Record<string, Schema>
  const required = (schema.required ?? []) as string[]
  return Object.entries(properties).flatMap(([name, member]): Row[] => {
    const full = prefix + name
    const row = { name: full, type: typeOf(member), required: required.includes(name), text: String(member.description ?? '') }
    const { object, suffix } = inner(member)
    return object && depth < deepest ? [row, ...rowsOf(object, `${full}${suffix}.`, depth + 1)] : [row]
  })
}

/** The object that a member is, or is a list of, where its form stands right here. */
function inner(schema: Schema): { object: Schema | undefined; suffix: string } {
  const one = withoutNull(schema)
  const items = one?.items as Schema | undefined
  const object = items ?? one
  return { object: object?.properties ? object : undefined, suffix: items ? '[]' : '' }
}

function withoutNull(schema: Schema): Schema | undefined {
  const forms = ((schema.anyOf ?? []) as Schema[]).filter(({ type }) => type !== 'null')
  return schema.anyOf ? (forms.length === 1 ? forms[0] : undefined) : schema
}

function typeOf(schema: Schema): Markup | string {
  const name = nameOf(schema)
  if (name !== undefined) return html`<a href="#form-${name}">${name}</a>`
  const forms = (schema.anyOf ?? schema.oneOf) as Schema[] | undefined
  if (forms) return joined(forms.map(typeOf))
  if (schema.const !== undefined) return html`<code>${JSON.stringify(schema.const)}</code>`
  if (Array.isArray(schema.enum)) return joined(schema.enum.map(value => html`<code>${JSON.stringify(value)}</code>`))
  if (schema.type === 'array') return html`list of ${typeOf((schema.items ?? {}) as Schema)}`
  if (Array.isArray(schema.type)) return schema.type.join(' or ')
  return typeof schema.type === 'string' ? schema.type : 'anything'
}

function joined(parts: readonly (Markup | string)[]): Markup {
  return html`${parts.map((part, index) => html`${index === 0 ? '' : ' or '}${part}`)}`
}

function nameOf({ $ref }: Schema): string | undefined {
  return typeof $ref === 'string' ? $ref.split('/').at(-1) : undefined
}

function resolved<Part extends object>(part: Part | Reference, components: Readonly<Record<string, Part>>): Part {
  return '$ref' in part ? components[part.$ref.split('/').at(-1)!]! : part
}

/** Text with `code` between backticks. */
function marked(text: string): Markup {
  return html`${text.split('`').map((part, index) => (index % 2 === 1 ? html`<code>${part}</code>` : part))}`
}
