/**
 * Canonical XML 1.1 without comments, of what {@link parseXml} reads. That reader refuses the `xml:` attributes, which are all
 * that 1.1 changes, and every construct that canonicalisation would have to resolve, so this is the whole of it. What is signed
 * is written from the very tree that manifests are read from: nothing can be read that was not signed.
 */
import type { XmlElement } from './xml.ts'

/** The canonical form of `element` and everything in it, less the element `without`. As an apex of its own it declares every namespace in scope. */
export function canonicalize(element: XmlElement, without?: XmlElement): string {
  const parts: string[] = []
  write(element, new Map(), without, parts)
  return parts.join('')
}

function write(element: XmlElement, rendered: ReadonlyMap<string, string>, without: XmlElement | undefined, parts: string[]): void {
  // §2.3: namespaces that the output does not hold yet, by prefix; then attributes by namespace and local name.
  const declared = [...element.scope].filter(([prefix, uri]) => rendered.get(prefix) !== uri).sort(([a], [b]) => order(a, b))
  const attributes = [...element.attributes].sort((a, b) => order(a.namespace, b.namespace) || order(a.local, b.local))
  // The reader lets neither `&`, `<`, `"` nor a line end into a value: there is nothing to escape.
  parts.push(`<${element.name}`)
  for (const [prefix, uri] of declared) parts.push(` xmlns${prefix && ':'}${prefix}="${uri}"`)
  for (const { name, value } of attributes) parts.push(` ${name}="${value}"`)
  parts.push('>')
  for (const child of element.children) {
    if (typeof child === 'string') parts.push(escapeText(child))
    else if (child !== without) write(child, element.scope, without, parts)
  }
  parts.push(`</${element.name}>`)
}

/** By code point. The reader takes names of ASCII only, and URIs are compared whole. */
function order(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** The reader lets neither `&` nor `<` into a text, and no carriage return is left. */
function escapeText(text: string): string {
  return text.replaceAll('>', '&gt;')
}
