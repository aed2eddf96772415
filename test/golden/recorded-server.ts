import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { type FileReply, type FileRequest, printRequest } from './golden-file.ts'

/** Odd sizes, so that characters, lines and events are cut in their middle. */
const writeSizes = [1, 7, 3, 64, 5, 211]

/** Headers that are a matter of the connection. */
const ofConnection = new Set(['host', 'connection', 'content-length'])

export interface RecordedServer {
  readonly url: string
  /** Answers the next request with these bytes. */
  readonly next: (reply: FileReply) => void
  /** What came since the last call, as a section of a file. */
  readonly taken: () => readonly string[]
  readonly close: () => Promise<void>
}

/** A model server that says what it is told to, byte for byte. `asides` answers what the gateway asks by itself. */
export async function startRecordedServer(asides: Readonly<Record<string, object>>): Promise<RecordedServer> {
  let reply: FileReply | undefined
  let requests: string[] = []

  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const request = await recorded(incoming)
    const aside = asides[`${request.method} ${request.path}`]
    if (aside !== undefined) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(aside))
      return
    }
    requests.push(printRequest(request))
    if (reply === undefined) throw new Error(`nothing is recorded for ${request.method} ${request.path}`)
    await send(reply, response)
  }

  const server = createServer((incoming, response) => {
    serve(incoming, response).catch((error: Error) => {
      response.writeHead(500, { 'content-type': 'application/json' }).end(JSON.stringify({ error: error.message }))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: (recorded) => {
      reply = recorded
    },
    taken: () => {
      const taken = requests
      requests = []
      return taken
    },
    close: () =>
      new Promise((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      }),
  }
}

async function recorded(incoming: IncomingMessage): Promise<FileRequest> {
  const chunks: Buffer[] = await Array.fromAsync(incoming)
  const headers = Object.entries(incoming.headers).filter(([name]) => !ofConnection.has(name))
  return {
    method: incoming.method ?? '',
    path: incoming.url ?? '',
    headers: Object.fromEntries(headers.map(([name, value]) => [name, String(value)])),
    body: Buffer.concat(chunks).toString(),
  }
}

async function send({ status, headers, body }: FileReply, response: ServerResponse): Promise<void> {
  response.writeHead(status, headers)
  response.socket?.setNoDelay(true)
  const bytes = Buffer.from(body)
  for (let at = 0, count = 0; at < bytes.length && !response.destroyed; count++) {
    const size = writeSizes[count % writeSizes.length] ?? 1
    response.write(bytes.subarray(at, at + size))
    at += size
    await turn()
  }
  response.end()
}
