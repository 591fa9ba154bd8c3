/** The mutants of a Tolk source: each differs from it in one place, where an operator matched. Comments and signatures are left alone. */
import { type Operator, operators } from './operators.ts'

export interface Mutant {
  /** What was done and where, for people; of two mutants never the same. */
  readonly name: string
  readonly operator: string
  /** From one. */
  readonly line: number
  readonly source: string
}

const declarations = /^(?:@|tolk |import |fun |get fun |struct [A-Z]|\/\/)/

/** All mutants of `source`, in the order of its lines; two operators that come to the same text give one. */
export function mutantsOf(source: string, chosen: readonly Operator[] = operators): Mutant[] {
  const lines = source.split('\n')
  const texts = new Set([source])
  const names = new Set<string>()
  const mutants: Mutant[] = []
  let place = ''
  for (const [index, line] of lines.entries()) {
    place = /^(?:get )?fun ([\w.]+)/.exec(line)?.[1] ?? /^(?:struct|const) .*?([A-Z]\w+)/.exec(line)?.[1] ?? place
    if (declarations.test(line) || line.trimStart().startsWith('//')) continue
    for (const { operator, before, after, changed } of chosen.flatMap(each => changesOf(line, each))) {
      const text = lines.with(index, changed).join('\n')
      if (texts.has(text)) continue
      texts.add(text)
      const about = `${place}: ${before} → ${after || 'nothing'}`
      const name = [about, ...Array.from({ length: 99 }, (_, n) => `${about} (${n + 2})`)].find(each => !names.has(each))!
      names.add(name)
      mutants.push({ name, operator, line: index + 1, source: text })
    }
  }
  return mutants
}

function changesOf(line: string, { name, find, replacements }: Operator) {
  return [...line.matchAll(find)].flatMap(match =>
    replacements(match).map(after => {
      const changed = line.slice(0, match.index) + after + line.slice(match.index + match[0].length)
      // A part alone would not say where it stands.
      const whole = match[0].length > 12 || /\bcheck\b/.test(name)
      return { operator: name, changed, before: whole ? match[0].trim() : line.trim(), after: whole ? after.trim() : changed.trim() }
    }),
  )
}
