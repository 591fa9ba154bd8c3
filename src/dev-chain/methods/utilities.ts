/** Forms of addresses and hashes, and the configuration. */
import { Address, type Cell, Dictionary } from '@ton/core'
import { z } from 'zod'
import { devChainConfig } from '../config.ts'
import { DevChainError } from '../errors.ts'
import { address, hash, int32, invalid } from '../parameters.ts'
import { rawText } from '../present.ts'
import { type Method, method } from './method.ts'

const given = z.strictObject({ address: z.string().max(128) })
const config = z.strictObject({ config_id: int32.optional(), param: int32.optional(), seqno: int32.optional() })

export const utilityMethods: Record<string, Method> = {
  packAddress: method(z.strictObject({ address }), (_, asked) => asked.address.toString()),
  unpackAddress: method(z.strictObject({ address }), (_, asked) => rawText(asked.address.toRawString())),

  detectAddress: method(given, (_, { address: text }) => {
    const parsed = address.safeParse(text)
    if (!parsed.success) throw new DevChainError('bad-request', `failed to parse address: '${text}'`)
    const friendly = Address.isFriendly(text) ? Address.parseFriendly(text) : undefined
    return {
      '@type': 'ext.utils.detectedAddress',
      raw_form: parsed.data.toRawString(),
      bounceable: forms(parsed.data, true),
      non_bounceable: forms(parsed.data, false),
      given_type: friendly ? `friendly_${friendly.isBounceable ? 'bounceable' : 'non_bounceable'}` : 'raw_form',
      test_only: friendly?.isTestOnly ?? false,
    }
  }),

  detectHash: method(z.strictObject({ hash }), (_, asked) => {
    if (!asked.hash) throw invalid('empty hash')
    const [b64, b64url, hex] = (['base64', 'base64url', 'hex'] as const).map(form => asked.hash?.toString(form))
    return { '@type': 'ext.utils.detectedHash', b64, b64url, hex }
  }),

  getConfigParam: method(config, ({ view }, { config_id: id, param, seqno }) => {
    if ((id === undefined) === (param === undefined)) throw invalid('only one of config_id or param should be specified')
    const wanted = id ?? param ?? 0
    if (wanted < 0) throw invalid('param should be non-negative')
    if (seqno !== undefined) view.at(seqno)
    const found = parameterCells().get(wanted)
    if (!found) throw new DevChainError('not-there', `LITE_SERVER_UNKNOWN: configuration parameter ${wanted} is not there`)
    return configInfo(found)
  }),

  getConfigAll: method(z.strictObject({ seqno: int32.optional() }), ({ view }, { seqno }) => {
    if (seqno !== undefined) view.at(seqno)
    return configInfo(devChainConfig())
  }),
}

function forms(of: Address, bounceable: boolean): object {
  return {
    '@type': 'ext.utils.detectedAddressVariant',
    b64: of.toString({ bounceable, urlSafe: false }),
    b64url: of.toString({ bounceable, urlSafe: true }),
  }
}

function parameterCells(): Dictionary<number, Cell> {
  return Dictionary.loadDirect(Dictionary.Keys.Int(32), Dictionary.Values.Cell(), devChainConfig())
}

function configInfo(cell: Cell): object {
  return { '@type': 'configInfo', config: { '@type': 'tvm.cell', bytes: cell.toBoc().toString('base64') } }
}
