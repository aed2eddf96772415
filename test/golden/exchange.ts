import { request as send } from 'node:http'
import type { TestGateway } from '../fixtures/gateway.ts'
import { parseReply, parseRequest, printReply } from './golden-file.ts'
import type { RecordedServer } from './recorded-server.ts'

export interface Given {
  readonly clientRequest: string
  readonly upstreamReply: string
}

/** What the gateway did with one request and one reply of its model server, as sections of a file. */
export interface Done {
  readonly upstreamRequest: string
  readonly clientReply: string
}

export interface Stage {
  readonly gateway: TestGateway
  /** Where the gateway listens. */
  readonly url: string
  readonly server: RecordedServer
}

export async function exchange({ clientRequest, upstreamReply }: Given, { url, server }: Stage): Promise<Done> {
  server.next(parseReply(upstreamReply))
  const reply = await clientReply(url, clientRequest)
  return {
    upstreamRequest: server.taken().join('\n'),
    clientReply: settled(reply, clientRequest + upstreamReply),
  }
}

/** Headers that are a matter of the connection, or of the moment. */
const left = new Set(['date', 'connection', 'keep-alive', 'transfer-encoding', 'content-length'])

function clientReply(url: string, section: string): Promise<string> {
  const { method, path, headers, body } = parseRequest(section)
  return new Promise((resolve, reject) => {
    const outgoing = send(url + path, { method, headers, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const kept = Object.entries(response.headers).filter(([name]) => !left.has(name))
        const headers = Object.fromEntries(kept.map(([name, value]) => [name, String(value)]))
        resolve(printReply({ status: response.statusCode ?? 0, headers, body: Buffer.concat(chunks).toString() }))
      })
    })
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const times = /"(created|created_at|completed_at|latency_seconds|\w+_duration)":("[^"]*"|[\d.e-]+)/g
const madeUpIds = /\b(resp|msg|rs|fc|call)_[0-9a-f]{24,}(_\w+)?/g

/** With `<time>` and `<id N>` for what is another one each time, but never for what was given. */
function settled(reply: string, given: string): string {
  const ids = new Map<string, string>()
  const idOf = (id: string, prefix: string) => {
    const known = ids.get(id) ?? `${prefix}_<id ${ids.size + 1}>`
    ids.set(id, known)
    return known
  }
  return reply
    .replaceAll(times, (field, name: string, value: string) =>
      given.includes(field) || given.includes(`"${name}": ${value}`) || name === 'load_duration'
        ? field
        : `"${name}":"<time>"`,
    )
    .replaceAll(madeUpIds, (id, prefix: string) => (given.includes(id) ? id : idOf(id, prefix)))
}
