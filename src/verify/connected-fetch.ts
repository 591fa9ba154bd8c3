/** A `fetch` that tells which TLS key the other end of the very connection had that an answer came by. */
import type { TLSSocket } from 'node:tls'
import type { buildConnector } from 'undici'
import { spkiDigest } from '../lib/spki-digest.ts'

/** The other end of a connection. */
export interface OtherEnd {
  /** SHA-256 of its certificate's SubjectPublicKeyInfo, lowercase hex; null where there is no TLS. */
  readonly tlsSpki: string | null
}

const ends = new WeakMap<Response, OtherEnd>()

/** Where `response` came from; undefined where another `fetch` got it. */
export function otherEndOf(response: Response): OtherEnd | undefined {
  return ends.get(response)
}

/** Each request goes over a connection of its own, and no TLS session is resumed, so that the certificate is always shown. */
export function connectedFetch(tls: buildConnector.BuildOptions = {}): typeof fetch {
  return async (input, init) => {
    // Loaded where somebody is asked, and not for a file.
    const { Agent, buildConnector, fetch } = await import('undici')
    let end: OtherEnd = { tlsSpki: null }
    const connect = buildConnector({ ...tls, maxCachedSessions: 0 })
    const agent = new Agent({
      connections: 1,
      connect(options, callback) {
        connect(options, (error, socket) => {
          if (error) return callback(error, null)
          end = { tlsSpki: 'getPeerX509Certificate' in socket ? keyOf(socket as TLSSocket) : null }
          callback(null, socket)
        })
      },
    })
    try {
      const asked = { ...init, dispatcher: agent } as Parameters<typeof fetch>[1]
      const response = (await fetch(input instanceof Request ? input.url : input, asked)) as unknown as Response
      ends.set(response, end)
      return response
    } finally {
      // It closes once the answer was read.
      void agent.close()
    }
  }
}

function keyOf(socket: TLSSocket): string | null {
  const certificate = socket.getPeerX509Certificate()
  return certificate ? spkiDigest(certificate) : null
}
