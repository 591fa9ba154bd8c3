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
    ['keys of NVIDIA’s that are no file', 'attestation.nras_keys', 5, /attestation\.nras_keys/],
    ['no payee key', 'payments.payee_key', undefined, /payments\.payee_key/],
    ['an endpoint that is no URL', 'payments.chain.endpoints', ['toncenter'], /payments\.chain\.endpoints\.0: Invalid URL/],
    ['no endpoint', 'payments.chain.endpoints', [], /payments\.chain\.endpoints: name an endpoint/],
    ['an endpoint twice', 'payments.chain.endpoints', ['http://a/', { url: 'http://a/' }], /names one endpoint twice/],
    ['a chain unread for as long as a close takes', 'payments.max_unread_seconds', 86_400, /max_unread_seconds: must be at most half/],
    ['a registry that is no address', 'attestation.registry', { address: 'nowhere' }, /attestation\.registry\.address: must be a TON/],
    [
      'a registry that is old before it is read again',
      'attestation.registry',
      { address: `0:${'ab'.repeat(32)}`, poll_seconds: 60, max_stale_seconds: 100 },
      /max_stale_seconds: must be at least twice/,
    ],
    ['a challenge period of a second', 'payments.challenge_period_seconds', 1, /challenge_period_seconds/],
    ['a limit of nothing', 'limits.per_key.concurrent', 0, /limits\.per_key\.concurrent/],
    ['an answer kept for more than a day', 'limits.idempotency.keep_ms', 86_400_001, /limits\.idempotency\.keep_ms/],
    ['a page with a path', 'cors.origins', ['https://app.example/'], /cors\.origins\.0: must be an origin/],
    ['a page without a scheme', 'cors.origins', ['app.example'], /cors\.origins\.0: must be an origin/],
    ['the page of a file', 'cors.origins', ['null'], /cors\.origins\.0: must be an origin/],
    ['a wildcard within a page', 'cors.origins', ['https://*.example'], /cors\.origins\.0: must be an origin/],
    ['every page beside one', 'cors.origins', ['*', 'https://app.example'], /cors\.origins: must be "\*" alone/],
    ['a port beyond all ports', 'listen.port', 70_000, /listen\.port/],
  ])('%s fails the start and names itself', (_, path, value, message) => {
    expect(broken(path, value)).toThrow(ConfigError)
    expect(broken(path, value)).toThrow(message)
  })

  test('pages are origins, or all of them', () => {
    for (const origins of [[], ['*'], ['https://app.example', 'http://localhost:5173']])
      expect(broken('cors.origins', origins)()).toMatchObject({ cors: { origins } })
  })

  test('limits and idempotency have generous defaults where nothing is said', () => {
    expect(broken('limits', undefined)()).toMatchObject({
      limits: {
        per_key: { requests_per_minute: 60_000, tokens_per_minute: 200_000_000, concurrent: 1_000 },
        idempotency: { memory_bytes: 67_108_864, keep_ms: 600_000, linger_ms: 10_000 },
      },
    })
    expect(broken('cors', undefined)()).toMatchObject({ cors: { origins: [] } })
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
