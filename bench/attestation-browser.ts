/** The portable core in Chromium: the sources themselves, types stripped, served to a page that verifies and reports back. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { stripTypeScriptTypes } from 'node:module'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join, normalize, resolve } from 'node:path'
import type { Sample } from './attestation.ts'

const top = resolve(import.meta.dirname, '..')
const chromium = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(file => existsSync(file))
const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking']
const timeoutMs = 120_000

/** A line with what it takes there, or why it was not measured. */
export async function inChromium(sample: Sample): Promise<string> {
  if (!chromium) return 'portable core in Chromium: not measured, there is no Chromium here'
  const folder = mkdtempSync(join(tmpdir(), 'chrysalis-bench-'))
  const { promise, resolve: report } = Promise.withResolvers<string>()
  const server = createServer((request, response) => serve(sample, request, response, report)).listen(0, '127.0.0.1')
  await new Promise(listening => server.once('listening', listening))
  const browser = execFile(chromium, [...flags, `--user-data-dir=${folder}`, `http://127.0.0.1:${(server.address() as AddressInfo).port}/`])
  const late = setTimeout(() => report('portable core in Chromium: no answer in time'), timeoutMs)
  try {
    return await promise
  } finally {
    clearTimeout(late)
    browser.kill('SIGKILL')
    await new Promise(closed => browser.once('close', closed))
    server.close()
    server.closeAllConnections()
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
}

function serve(sample: Sample, request: IncomingMessage, response: ServerResponse, report: (line: string) => void): void {
  const path = normalize(new URL(request.url ?? '/', 'http://page').pathname)
  const send = (type: string, body: string) => void response.writeHead(200, { 'content-type': type }).end(body)
  if (request.method === 'POST') {
    let text = ''
    request.setEncoding('utf8').on('data', chunk => {
      text += chunk
    })
    request.on('end', () => {
      report(text)
      response.end()
    })
  } else if (path === '/') send('text/html', page)
  else if (path === '/sample.json') send('application/json', JSON.stringify(portable(sample)))
  else if (/^\/(src|node_modules\/@noble)\/[A-Za-z0-9/_.-]+\.(ts|js)$/.test(path) && existsSync(join(top, path))) {
    const source = readFileSync(join(top, path), 'utf8')
    send('text/javascript', path.endsWith('.ts') ? stripTypeScriptTypes(source) : source)
  } else response.writeHead(404).end()
}

function portable({ quote, parts, root, now }: Sample): unknown {
  const text = (bytes: Uint8Array) => Buffer.from(bytes).toString('base64')
  return { quote: text(quote), root: text(root), now, parts: { ...parts, pckCrl: text(parts.pckCrl), rootCaCrl: text(parts.rootCaCrl) } }
}

const page = `<!doctype html><title>bench</title>
<script type="importmap">{"imports":{"@noble/curves/":"/node_modules/@noble/curves/","@noble/hashes/":"/node_modules/@noble/hashes/"}}</script>
<script type="module">
const tell = line => fetch('/', { method: 'POST', body: line })
try {
  const { HeldPckChains, loadCollateral, nobleCrypto, parseQuote, verifyQuote } = await import('/src/attestation/tdx/index.ts')
  const raw = await (await fetch('/sample.json')).json()
  const bytes = text => Uint8Array.from(atob(text), char => char.charCodeAt(0))
  const parts = { ...raw.parts, pckCrl: bytes(raw.parts.pckCrl), rootCaCrl: bytes(raw.parts.rootCaCrl) }
  const [quote, root, now] = [bytes(raw.quote), bytes(raw.root), raw.now]
  const load = () => loadCollateral(parts, now, root, { crypto: nobleCrypto })
  const collateral = load()
  const held = new HeldPckChains()
  const median = run => {
    for (let warm = 0; warm < 10; warm++) run()
    const times = Array.from({ length: 60 }, () => { const started = performance.now(); run(); return performance.now() - started })
    return times.sort((a, b) => a - b)[30].toFixed(2)
  }
  const cold = median(() => verifyQuote(parseQuote(quote), load(), now, { crypto: nobleCrypto }))
  const warm = median(() => verifyQuote(parseQuote(quote), collateral, now, { crypto: nobleCrypto }))
  const chain = median(() => verifyQuote(parseQuote(quote), collateral, now, { crypto: nobleCrypto, held }))
  tell('portable core in Chromium, on @noble: cold ' + cold + ' ms, collateral held ' + warm + ' ms, PCK chain held too ' + chain + ' ms')
} catch (error) {
  tell('portable core in Chromium: ' + error)
}
</script>`
