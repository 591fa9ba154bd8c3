/** How a `TonClient` reaches its endpoint: over `fetch`, with an end to how long an answer may be and where it may come from. */
import type { TonClientParameters } from '@ton/ton'

type Adapter = NonNullable<TonClientParameters['httpAdapter']>

/** The largest account that is read here is a registry of all its entries; what an endpoint sends beyond is not an account of ours. */
export const mostAnswerBytes = 8 * 1024 * 1024

/** An adapter for `TonClient`. Refuses redirects, since an API key goes with each request, and answers above {@link mostAnswerBytes}. */
export const boundedHttp: Adapter = async config => {
  const response = await fetch(config.url!, {
    method: 'POST',
    headers: Object.entries(config.headers.toJSON()).map(([name, value]): [string, string] => [name, String(value)]),
    body: config.data as string,
    redirect: 'error',
    signal: AbortSignal.timeout(config.timeout || 20_000),
  })
  const answer = { data: await readText(response), status: response.status, statusText: response.statusText, headers: {}, config }
  if (!response.ok) throw Object.assign(new Error(`the endpoint answered ${response.status}`), { response: answer })
  return answer
}

async function readText({ body }: Response): Promise<string> {
  if (!body) return ''
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of body) {
    size += piece.length
    if (size > mostAnswerBytes) throw new Error(`the endpoint answered more than ${mostAnswerBytes} bytes`)
    pieces.push(piece)
  }
  return Buffer.concat(pieces).toString('utf8')
}
