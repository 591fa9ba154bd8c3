/** The agent of a dstack guest, as far as its socket shows it: real HTTP over a real Unix socket, with faults on demand. */
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export interface FakeDstack {
  readonly socket: string
  readonly asked: { method: string | undefined; url: string | undefined; body: string }[]
  close(): Promise<void>
}

export type DstackAnswer = (reportData: Buffer, response: ServerResponse) => unknown

/** `answer` gives the JSON to answer with, or writes to the response itself and gives undefined. */
export async function startFakeDstack(answer: DstackAnswer): Promise<FakeDstack> {
  const folder = mkdtempSync(join(tmpdir(), 'dstack-'))
  const socket = join(folder, 'dstack.sock')
  const asked: FakeDstack['asked'] = []
  const server = createServer((request, response) => {
    void bodyOf(request).then(async body => {
      asked.push({ method: request.method, url: request.url, body })
      const { report_data } = JSON.parse(body) as { report_data: string }
      const value = await answer(Buffer.from(report_data, 'hex'), response)
      if (value !== undefined) response.end(JSON.stringify(value))
    })
  })
  await new Promise<void>(resolve => server.listen(socket, resolve))
  return {
    socket,
    asked,
    async close() {
      server.closeAllConnections()
      await new Promise(resolve => server.close(resolve))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

async function bodyOf(request: IncomingMessage): Promise<string> {
  const parts: Buffer[] = []
  for await (const part of request) parts.push(part as Buffer)
  return Buffer.concat(parts).toString('utf8')
}
