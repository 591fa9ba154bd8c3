/**
 * A strict reader for the small part of XML 1.0 with namespaces that reference manifests are written in: elements, attributes
 * and text. Declarations of types, entities, references, comments, CDATA and processing instructions are refused, so nothing
 * can grow, be fetched, or be read in two ways; size, count and depth are bounded.
 */

export interface Attribute {
  readonly name: string
  readonly local: string
  /** Empty where the attribute has no prefix. */
  readonly namespace: string
  readonly value: string
}

export interface XmlElement {
  readonly name: string
  readonly local: string
  readonly namespace: string
  readonly attributes: readonly Attribute[]
  /** Namespaces in scope, by prefix; the default one has the empty prefix. */
  readonly scope: ReadonlyMap<string, string>
  readonly children: readonly (XmlElement | string)[]
}

/** A text that is not of that form. */
export class XmlError extends Error {}

const maxText = 128 * 1024
const maxElements = 2048
const maxDepth = 16
const maxAttributes = 48
const name = '[A-Za-z_][A-Za-z0-9._-]*(?::[A-Za-z_][A-Za-z0-9._-]*)?'
const declaration = /^<\?xml version=["']1\.0["'](?: encoding=["']utf-8["'])?(?: standalone=["'](?:yes|no)["'])?\s*\?>\s*/i
const tokens = {
  open: new RegExp(`<(${name})`, 'y'),
  close: new RegExp(`</(${name})[ \\n\\t]*>`, 'y'),
  attribute: new RegExp(`[ \\n\\t]+(${name})="([^"<&\\n\\t]*)"`, 'y'),
  openEnd: /[ \n\t]*(\/?)>/y,
  text: /[^<&]+/y,
}

/** The root element of a UTF-8 document. Throws {@link XmlError}. */
export function parseXml(bytes: Uint8Array): XmlElement {
  if (bytes.length > maxText) throw new XmlError(`${bytes.length} bytes`)
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new XmlError('not UTF-8')
  }
  // XML 1.0 §2.11: lines end in a line feed, however they were written.
  text = text.replace(/\r\n?/g, '\n')
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    if (code < 0x20 && code !== 0x0a && code !== 0x09) throw new XmlError('a control character')
  }
  return new Reader(text.replace(declaration, '').trim()).document()
}

class Reader {
  readonly #text: string
  #at = 0
  #elements = 0

  constructor(text: string) {
    this.#text = text
  }

  document(): XmlElement {
    const root = this.#element(new Map(), 1)
    if (this.#at !== this.#text.length) throw new XmlError('something follows the root')
    return root
  }

  #element(outer: ReadonlyMap<string, string>, depth: number): XmlElement {
    if (depth > maxDepth) throw new XmlError('too deep')
    if (++this.#elements > maxElements) throw new XmlError('too many elements')
    const qualified = this.#need(tokens.open)[1]!
    const { scope, plain } = this.#attributes(outer)
    const attributes = plain.map(([attribute, value]) => ({ ...resolve(attribute, scope, false), name: attribute, value }))
    if (new Set(attributes.map(({ namespace, local }) => `${namespace} ${local}`)).size !== attributes.length)
      throw new XmlError('an attribute twice')
    const selfClosing = this.#need(tokens.openEnd)[1] === '/'
    const children = selfClosing ? [] : this.#children(qualified, scope, depth)
    return { ...resolve(qualified, scope, true), name: qualified, attributes, scope, children }
  }

  #attributes(outer: ReadonlyMap<string, string>): { scope: ReadonlyMap<string, string>; plain: [string, string][] } {
    const plain: [string, string][] = []
    const declared = new Map<string, string>()
    for (let found = this.#take(tokens.attribute); found; found = this.#take(tokens.attribute)) {
      const [attribute, value] = [found[1]!, found[2]!]
      if (plain.length + declared.size >= maxAttributes) throw new XmlError('too many attributes')
      const prefix = attribute === 'xmlns' ? '' : attribute.startsWith('xmlns:') ? attribute.slice(6) : undefined
      if (prefix === undefined) plain.push([attribute, value])
      else if (value === '' || declared.has(prefix) || prefix === 'xml' || prefix === 'xmlns')
        throw new XmlError('a namespace that cannot be declared')
      else declared.set(prefix, value)
    }
    return { plain, scope: declared.size === 0 ? outer : new Map([...outer, ...declared]) }
  }

  #children(qualified: string, scope: ReadonlyMap<string, string>, depth: number): (XmlElement | string)[] {
    const children: (XmlElement | string)[] = []
    for (;;) {
      const text = this.#take(tokens.text)?.[0]
      if (text?.includes(']]>')) throw new XmlError('a stray end of CDATA')
      if (text) children.push(text)
      const close = this.#take(tokens.close)
      if (close && close[1] !== qualified) throw new XmlError(`${close[1]} ends ${qualified}`)
      if (close) return children
      children.push(this.#element(scope, depth + 1))
    }
  }

  #take(token: RegExp): RegExpExecArray | null {
    token.lastIndex = this.#at
    const found = token.exec(this.#text)
    if (found) this.#at = token.lastIndex
    return found
  }

  #need(token: RegExp): RegExpExecArray {
    const found = this.#take(token)
    if (!found) throw new XmlError(`nothing that is understood at ${this.#at}`)
    return found
  }
}

/** A name without a prefix is in the default namespace where it is an element's, and in none where it is an attribute's. */
function resolve(qualified: string, scope: ReadonlyMap<string, string>, element: boolean): { local: string; namespace: string } {
  const colon = qualified.indexOf(':')
  if (colon < 0) return { local: qualified, namespace: element ? (scope.get('') ?? '') : '' }
  const namespace = scope.get(qualified.slice(0, colon))
  if (namespace === undefined) throw new XmlError(`${qualified} has no namespace`)
  return { local: qualified.slice(colon + 1), namespace }
}

/** The child elements of that name, in order. */
export function childrenOf(element: XmlElement, namespace: string, local: string): XmlElement[] {
  return element.children.filter(child => typeof child !== 'string').filter(child => child.namespace === namespace && child.local === local)
}

/** The one child element of that name. Throws {@link XmlError} for none or several. */
export function childOf(element: XmlElement, namespace: string, local: string): XmlElement {
  const [found, ...more] = childrenOf(element, namespace, local)
  if (!found || more.length > 0) throw new XmlError(`not one ${local} in ${element.local}`)
  return found
}

/** An attribute's value. Throws {@link XmlError} where there is none. */
export function attributeOf(element: XmlElement, local: string, namespace = ''): string {
  const found = element.attributes.find(attribute => attribute.local === local && attribute.namespace === namespace)
  if (!found) throw new XmlError(`${element.local} without ${local}`)
  return found.value
}

/** The text of an element that holds nothing else. Throws {@link XmlError}. */
export function textOf(element: XmlElement): string {
  return element.children
    .map(child => {
      if (typeof child !== 'string') throw new XmlError(`${child.local} in ${element.local}`)
      return child
    })
    .join('')
}
