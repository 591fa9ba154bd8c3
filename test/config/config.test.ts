/** Config files: one good sample, and every way to break it. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { describe, expect, test } from 'vitest'
import { parse } from 'yaml'
import { ConfigError, loadConfig, parseConfig, pathIn, proxySchema } from '../../src/config.ts'

const file = fileURLToPath(new URL('../../config/proxy.yaml', import.meta.url))
const sample = () => parse(readFileSync(file, 'utf8')) as Record<string, never>
/** The sample with the member at `path` set, or removed where `value` is undefined. */
function broken(path: string, value: unknown): () => unknown {
  const config = structuredClone(sample()) as Record<string, unknown>
  const names = path.split('.')
  const last = names.pop()!
  let at = config
  for (const name of names) at = at[name] as Record<string, unknown>
  if (value === undefined) delete at[last]
  else at[last] = value
  return () => parseConfig(config, proxySchema, 'proxy.yaml')
}

describe('the proxy’s config', () => {
  test('the annotated example is valid, with its defaults filled in, frozen', () => {
    const config = loadConfig(file, proxySchema)
    expect(config).toMatchObject({ role: 'proxy', simulated: false, payments: { settle_at_shutdown: false } })
    expect(Object.isFrozen(config.payments.chain)).toBe(true)
  })

  test.each<[string, string, unknown, RegExp]>([
    ['an unknown member', 'colour', 'red', /Unrecognized key: "colour"/],
    ['an unknown member deeper down', 'limits.body_byte', 1, /limits: Unrecognized key/],
    ['another role', 'role', 'worker', /role:/],
    ['no workers', 'workers', [], /workers:/],
    [
      'a worker twice',
      'workers',
      [
        { id: 'a', url: 'http://a' },
        { id: 'a', url: 'http://b' },
      ],
      /workers\.1\.id: the id a is used twice/,
    ],
    ['a root of trust without simulated', 'attestation.root', 'root.der', /attestation\.root: .*simulated: true/],
    ['a price as a number', 'pricing.default.prompt', 5, /pricing\.default\.prompt/],
    ['a price with a point', 'pricing.default.prompt', '1.5', /pricing\.default\.prompt: must be a quoted string/],
    ['a price larger than all money', 'pricing.default.prompt', '9999999999999999999', /pricing\.default\.prompt: is larger/],
    ['a missing class', 'pricing.default.reasoning', undefined, /pricing\.default\.reasoning/],
    ['no payee key', 'payments.payee_key', undefined, /payments\.payee_key/],
    ['an endpoint that is no URL', 'payments.chain.endpoint', 'toncenter', /payments\.chain\.endpoint/],
    ['a challenge period of a second', 'payments.challenge_period_seconds', 1, /challenge_period_seconds/],
    ['a port beyond all ports', 'listen.port', 70_000, /listen\.port/],
  ])('%s fails the start and names itself', (_, path, value, message) => {
    expect(broken(path, value)).toThrow(ConfigError)
    expect(broken(path, value)).toThrow(message)
  })

  test('paths are meant relative to the file', () => {
    expect(pathIn('/etc/chrysalis/proxy.yaml', 'keys/payee')).toBe('/etc/chrysalis/keys/payee')
    expect(pathIn('/etc/chrysalis/proxy.yaml', '/var/keys/payee')).toBe('/var/keys/payee')
  })

  test('a file that is not there, or not YAML, says so', () => {
    expect(() => loadConfig('/nowhere/proxy.yaml', proxySchema)).toThrow(/cannot read the config file/)
    expect(() => loadConfig(fileURLToPath(new URL('../../LICENSE', import.meta.url)), proxySchema)).toThrow(/is not valid/)
  })
})
