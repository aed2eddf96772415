import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import type { Failure } from '../fixtures/stand-ins/script.ts'
import { ask, clients } from './faults-clients.ts'
import { type OpenGateway, openGateway } from './faults-run.ts'
import { failNext, type Server, startServers } from './faults-servers.ts'

interface Moment {
  readonly name: string
  readonly stream: boolean
  readonly failure: Failure
  /** Pieces that the client has got when it hangs up. */
  readonly pieces: number
}

const moments: readonly Moment[] = [
  { name: 'before the first byte of a stream', stream: true, failure: { kind: 'no-headers' }, pieces: 0 },
  { name: 'before the first content', stream: true, failure: { kind: 'hang', afterChunks: 0 }, pieces: 0 },
  { name: 'within a stream', stream: true, failure: { kind: 'hang', afterChunks: 2 }, pieces: 2 },
  { name: 'before the first byte of a whole reply', stream: false, failure: { kind: 'no-headers' }, pieces: 0 },
  { name: 'within a whole reply', stream: false, failure: { kind: 'hang', afterChunks: 2 }, pieces: 0 },
]

describe('a client hangs up', () => {
  let servers: readonly Server[]
  let open: OpenGateway
  before(async () => {
    servers = await startServers()
    open = await openGateway(servers, 'calm')
  })
  after(async () => {
    await open.gateway.close()
    await Promise.all(servers.map(({ standIn }) => standIn.close()))
  })

  for (const { name, stream, failure, pieces } of moments) {
    for (const client of clients) {
      test(`${name}: ${client.name}`, async () => {
        const { gateway, url } = open
        const { account } = gateway.house
        const ids = await Promise.all(
          servers.map(async (server) => {
            const { kind, standIn } = server
            const [requests, hangUps] = [standIn.requests.length, standIn.hangUps.length]
            failNext(server, client.name, failure)
            const id = `${name.replaceAll(' ', '-')}-${client.name}-${kind}`
            const exchange = ask({ url, client, model: kind, stream, id })
            await standIn.arrived(requests + 1)
            if (pieces > 0) await exchange.heard((text) => client.hearStream(text).pieces.length === pieces)
            exchange.hangUp()
            await standIn.hungUp(hangUps + 1)
            return id
          }),
        )
        while (account.openRequests > 0) await pause(1)

        for (const id of ids) {
          const row = await account.find(id)
          assert.ok(row !== undefined, id)
          assert.deepEqual(
            [row.status, row.errorCode, row.stream, row.dialect],
            ['cancelled', 'cancelled', stream, client.name],
          )
          assert.deepEqual([row.attempts.length, row.attempts[0]?.outcome, row.estimated], [1, 'cancelled', true], id)
          assert.ok(row.usage.input > 0 && (row.cost ?? 0) > 0, id)
          if (pieces > 0) assert.ok(row.usage.output > 0 && row.firstContentMs !== undefined, id)
        }
      })
    }
  }
})
