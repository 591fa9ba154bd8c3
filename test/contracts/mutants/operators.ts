/**
 * How a contract's source can be made wrong in one place. Works on the text: each operator names what it looks for in one line of code
 * and what may stand there instead.
 */

export interface Operator {
  readonly name: string
  /** Global. What matches is replaced, unless `replacements` gives nothing. */
  readonly find: RegExp
  readonly replacements: (match: RegExpExecArray) => readonly string[]
}

const statuses = ['NEW', 'OPEN', 'CLOSING', 'CLOSED']
const modes = [
  'SEND_MODE_REGULAR',
  'SEND_MODE_PAY_FEES_SEPARATELY',
  'SEND_MODE_CARRY_ALL_REMAINING_MESSAGE_VALUE',
  'SEND_MODE_CARRY_ALL_BALANCE',
]
const turned: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '==': ['!='],
  '!=': ['=='],
}
/** What is taken for what: each for the other. */
const pairs = [
  ['terms.payer', 'terms.payee'],
  ['.payerKey', '.payeeKey'],
  ['msg.authSig', 'rest.claimSig'],
  ['auth.', 'claim.'],
  ['.deposited', '.settled'],
  ['in.valueCoins', '0'],
  ['blockchain.now()', '0'],
  ['blockchain.now()', 'st.closesAt'],
  ['contract.getOriginalBalance()', 'in.valueCoins'],
] as const

export const operators: readonly Operator[] = [
  { name: 'check dropped', find: /assert \(.*\) throw \w+;|\S+\.assertEnd\(\);/g, replacements: () => [''] },
  {
    name: 'check turned',
    find: /assert \((.*)\) throw (\w+);/g,
    replacements: ([, holds, code]) => [`assert (!(${holds})) throw ${code};`],
  },
  { name: 'other exit code', find: /(?<=throw )\w+/g, replacements: () => ['99'] },
  { name: 'comparison', find: /(?<= )(?:[<>]=?|[!=]=)(?= )/g, replacements: ([sign]) => turned[sign]! },
  { name: 'condition fixed', find: /(?<=\bif )\((.*)\)(?= \{)/g, replacements: () => ['(true)', '(false)'] },
  { name: 'either, both', find: / [|&] /g, replacements: ([sign]) => [sign === ' | ' ? ' & ' : ' | '] },
  { name: 'plus, minus', find: / [+-] (?!SEND)/g, replacements: ([sign]) => [sign === ' + ' ? ' - ' : ' + '] },
  {
    name: 'one of the two',
    find: /min\(((?:min\(.*?\)|[^(),])(?:[^,()]|\(.*?\))*), ([^,]+?)\)(?=[;,) ])/g,
    replacements: ([, a, b]) => [a!, b!],
  },
  {
    name: 'constant',
    find: /(?<![\w."])(?:0x[0-9a-f]+|\d+)(?![\w.])(?=[^"]*$)|(?<=")\d+(?= [A-Z])|ton\(".*?"\)/g,
    replacements: ([number]) => [`${number} + 1`, `${number} - 1`].map(sum => (/^\d|^0x/.test(number) ? written(sum, number) : sum)),
  },
  {
    name: 'bit of an instruction',
    find: /(?<=b\{)[01]+(?=\})/g,
    replacements: ([bits]) => [
      bits.slice(0, -1),
      ...Array.from(bits, (bit, at) => `${bits.slice(0, at)}${1 - Number(bit)}${bits.slice(at + 1)}`),
    ],
  },
  {
    name: 'other state',
    find: new RegExp(`\\b(${statuses.join('|')})\\b(?! =)`, 'g'),
    replacements: ([, status]) => statuses.filter(each => each !== status),
  },
  {
    name: 'mode',
    find: /\bSEND_MODE_\w+/g,
    replacements: ([mode]) =>
      mode === 'SEND_MODE_DESTROY'
        ? ['0', 'SEND_MODE_IGNORE_ERRORS']
        : [...modes.filter(each => each !== mode), `${mode} + SEND_MODE_IGNORE_ERRORS`, `${mode} + SEND_MODE_BOUNCE_ON_ACTION_FAIL`],
  },
  { name: 'type', find: /(?<=: )(?:u?int\d+|bits\d+|address)\b/g, replacements: ([type]) => otherTypes(type) },
  { name: 'bounce', find: /BounceMode\.NoBounce/g, replacements: () => ['BounceMode.Only256BitsOfBody'] },
  {
    name: 'end not looked at',
    find: /\.(load|fromSlice|fromCell)\(((?:[^()]|\([^()]*\))*)\)/g,
    replacements: ([, method, of]) => [`.${method}(${of ? `${of}, ` : ''}{ assertEndAfterReading: false })`],
  },
  ...pairs.flatMap(([one, other]) => [
    taken(one, other),
    ...(/^[a-z.]+\b/i.test(other) && !other.endsWith('closesAt') && !other.endsWith('valueCoins') ? [taken(other, one)] : []),
  ]),
  {
    name: 'statement dropped',
    find: /^\s*(?:[\w.]+ \+?= .*|[\w.]+\([^{]*\)|return);$/g,
    replacements: () => [''],
  },
]

function otherTypes(type: string): string[] {
  if (type === 'address') return ['any_address']
  const [, kind, width] = /^([a-z]+)(\d+)$/.exec(type)!
  const other = { uint: 'int', int: 'uint', bits: 'uint' }[kind!]
  return [`${other}${width}`, `${kind}${Number(width) - 1}`]
}

function taken(one: string, other: string): Operator {
  const before = /^\w/.test(one) ? '(?<![\\w.])' : ''
  const after = /\w$/.test(one) ? '\\b' : ''
  return {
    name: `${one} taken for ${other}`,
    find: new RegExp(`${before}${one.replace(/[.()]/g, '\\$&')}${after}`, 'g'),
    replacements: () => [other],
  }
}

/** A sum worked out, in the base in which its number was written. */
function written(sum: string, number: string): string {
  const changed = BigInt(number) + (sum.endsWith('+ 1') ? 1n : -1n)
  if (changed < 0n) return '1'
  return number.startsWith('0x') ? `0x${changed.toString(16).padStart(number.length - 2, '0')}` : String(changed)
}
