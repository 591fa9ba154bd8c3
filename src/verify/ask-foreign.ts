/** Asking a service of another system for its evidence, at the address where that system has it. What comes back is bounded, and not believed. */
import { connect } from 'node:tls'
import { AttestationError, type ForeignKind } from '../attestation/index.ts'
import { toHex } from '../lib/bytes.ts'
import { messageOf } from '../lib/coded-error.ts'
import { type Asker, get } from './ask.ts'

/** A document of another system, and the nonce that it was asked for with: none where the system has no place for one. */
export interface AskedForeign {
  readonly kind: ForeignKind
  readonly nonce: Buffer | undefined
  readonly document: Buffer
}

/** Systems that answer over HTTP, in the order in which they are tried, and where each has its evidence. */
const addresses: readonly (readonly [kind: ForeignKind, path: (nonce: string) => string])[] = [
  ['near', nonce => `/v1/attestation/report?nonce=${nonce}&signing_algo=ecdsa`],
  ['aci', nonce => `/v1/aci/attestation?nonce=${nonce}`],
  ['tinfoil', nonce => `/.well-known/tinfoil-attestation?nonce=${nonce}`],
]
const handshakeMs = 15_000

/** What the service at `url` shows in the form of `kind`. Throws {@link AttestationError} `evidence-unavailable`. */
export async function askForeign(kind: ForeignKind, url: URL, asker: Asker): Promise<AskedForeign> {
  if (kind === 'dstack')
    throw unavailable('a dstack guest answers its agent’s socket, not a URL: save the answer, and give it as --evidence with --kind dstack')
  if (kind === 'dstack-tls' || kind === 'cocoon') return { kind, nonce: undefined, document: await certificateOf(url) }
  const path = addresses.find(([name]) => name === kind)![1]
  const nonce = asker.random(32)
  const { status, body } = await get(new URL(path(toHex(nonce)), url), asker, authorization(asker))
  if (status !== 200) throw unavailable(`${url.origin} answers ${status} where ${kind} has its evidence`)
  return { kind, nonce, document: body }
}

/** The first of the systems that the service at `url` speaks, over HTTP; undefined for none. */
export async function findForeign(url: URL, asker: Asker): Promise<AskedForeign | undefined> {
  for (const [kind] of addresses) {
    try {
      return await askForeign(kind, url, asker)
    } catch (error) {
      if (!(error instanceof AttestationError)) throw error
    }
  }
  return undefined
}

function authorization({ foreignKey }: Asker): Record<string, string> {
  return foreignKey === undefined ? {} : { authorization: `Bearer ${foreignKey}` }
}

/** The certificate that a server shows. Who signed it is not asked: the quote in it vouches for its key, and the handshake shows who has that. */
function certificateOf(url: URL): Promise<Buffer> {
  if (url.protocol !== 'https:') throw unavailable('evidence in a certificate needs an https URL')
  const port = url.port === '' ? 443 : Number(url.port)
  return new Promise((resolve, reject) => {
    const socket = connect({ host: url.hostname, port, servername: url.hostname, rejectUnauthorized: false, timeout: handshakeMs })
    const fail = (why: string) => {
      socket.destroy()
      reject(unavailable(`${url.origin} shows no certificate: ${why}`))
    }
    socket.on('error', error => fail(messageOf(error)))
    socket.on('timeout', () => fail('it does not answer'))
    socket.on('secureConnect', () => {
      const certificate = socket.getPeerX509Certificate()
      if (!certificate) return fail('it has none')
      socket.destroy()
      resolve(certificate.raw)
    })
  })
}

function unavailable(message: string): AttestationError {
  return new AttestationError('evidence-unavailable', message)
}
