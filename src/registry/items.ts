/** Items as people write them: `mr_td=HEX`, `weights=sha256:HEX`, `proxy=ADDRESS:KEY`. */
import { Address } from '@ton/core'
import { messageOf } from '../lib/coded-error.ts'
import { encodeItem, type Item, type Register, registers } from '../policy-registry/index.ts'
import { RegistryCommandError } from './errors.ts'

const forms = [...registers.map(register => `${register}=HEX`), 'image=sha256:HEX', 'weights=sha256:HEX', 'proxy=ADDRESS:KEY']

/** Reads an item. Throws {@link RegistryCommandError} `item`. */
export function parseItem(text: string): Item {
  const at = text.indexOf('=')
  const [name, value] = [text.slice(0, at), text.slice(at + 1)]
  try {
    const item = itemOf(name, value)
    if (!item) throw new Error(`write one of ${forms.join(', ')}`)
    encodeItem(item)
    return item
  } catch (cause) {
    throw new RegistryCommandError('item', `“${text.slice(0, 200)}” is no item: ${messageOf(cause)}`, { cause })
  }
}

/** An item as {@link parseItem} reads it. */
export function writeItem(item: Item): string {
  if (item.kind === 'measurement') return `${item.register}=${item.value}`
  if (item.kind === 'proxy') return `proxy=${item.payee}:${item.key}`
  return `${item.kind}=sha256:${item.digest}`
}

function itemOf(name: string, value: string): Item | undefined {
  if ((registers as readonly string[]).includes(name)) return { kind: 'measurement', register: name as Register, value }
  if (name === 'image' || name === 'weights') return { kind: name, digest: value.replace(/^sha256:/, '') }
  if (name !== 'proxy') return undefined
  const colon = value.lastIndexOf(':')
  return { kind: 'proxy', payee: Address.parse(value.slice(0, colon)), key: value.slice(colon + 1) }
}
