/** Reads DER back, for tests only: no limits, no checks beyond what it takes to find the elements. */
export interface DerElement {
  readonly tag: number
  readonly contents: Buffer
  /** Tag, length and contents. */
  readonly bytes: Buffer
}

export function readElement(bytes: Buffer, offset = 0): DerElement {
  const tag = bytes[offset]!
  let size = bytes[offset + 1]!
  let start = offset + 2
  if (size & 0x80) {
    const digits = size & 0x7f
    size = bytes.readUIntBE(start, digits)
    start += digits
  }
  return { tag, contents: bytes.subarray(start, start + size), bytes: bytes.subarray(offset, start + size) }
}

export function children(element: DerElement): DerElement[] {
  const found: DerElement[] = []
  for (let offset = 0; offset < element.contents.length; ) {
    const child = readElement(element.contents, offset)
    found.push(child)
    offset += child.bytes.length
  }
  return found
}

/** The element that a path of child numbers leads to. */
export function at(element: DerElement, ...path: number[]): DerElement {
  return path.reduce((parent, index) => children(parent)[index]!, element)
}

export function unsigned(element: DerElement): Buffer {
  return element.contents[0] === 0 && element.contents.length > 1 ? element.contents.subarray(1) : element.contents
}

export function oid(element: DerElement): string {
  const [first = 0, ...rest] = element.contents
  const arcs = [Math.floor(first / 40), first % 40]
  let value = 0
  for (const byte of rest) {
    value = value * 128 + (byte & 0x7f)
    if (!(byte & 0x80)) {
      arcs.push(value)
      value = 0
    }
  }
  return arcs.join('.')
}

/** Milliseconds of a UTCTime or GeneralizedTime. */
export function timeOf(element: DerElement): number {
  const text = element.contents.toString('latin1')
  const long = element.tag === 0x17 ? `20${text}` : text
  return Date.parse(long.replace(/(\d{4})(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z'))
}

/** The three parts of anything signed: what is covered, the algorithm, the signature. */
export function signedParts(der: Buffer): { tbs: DerElement; signature: Buffer } {
  const [tbs, , signature] = children(readElement(der))
  return { tbs: tbs!, signature: signature!.contents.subarray(1) }
}

/** Certificates of a PEM text, DER. */
export function fromPem(text: string): Buffer[] {
  return Array.from(text.matchAll(/-----BEGIN CERTIFICATE-----([^-]+)-----END CERTIFICATE-----/g), match =>
    Buffer.from(match[1]!, 'base64'),
  )
}
