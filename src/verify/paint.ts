/** Ink for a terminal: colours where they are wanted, and the marks of checks, which say the same without them. */

export interface Paint {
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly warn: (text: string) => string
  readonly strong: (text: string) => string
  readonly faint: (text: string) => string
}

/** Plain text, or ANSI colours. */
export function paint(colours: boolean): Paint {
  const ink = (on: number, off: number) => (text: string) => (colours && text !== '' ? `\u001b[${on}m${text}\u001b[${off}m` : text)
  return { good: ink(32, 39), bad: ink(31, 39), warn: ink(33, 39), strong: ink(1, 22), faint: ink(2, 22) }
}

/** Whether an output gets colours: a terminal that has not been told otherwise (no-color.org). */
export function wantsColours(o: { readonly isTTY: boolean; readonly env: Readonly<Record<string, string | undefined>> }): boolean {
  return o.isTTY && !o.env.NO_COLOR && o.env.TERM !== 'dumb'
}

/** Control characters of other people's texts: a message must not move the cursor. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is taken out
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '�')
}

/** `text` in lines of at most `width` characters, broken at spaces; the lines after the first are indented by `indent`. */
export function wrap(text: string, width: number, indent: number): string {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width - indent) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line].join(`\n${' '.repeat(indent)}`)
}
