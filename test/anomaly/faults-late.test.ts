import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { ask, clients, prompt } from './faults-clients.ts'
import { type OpenGateway, openGateway } from './faults-run.ts'
import { failNext, type Server, startServers } from './faults-servers.ts'

describe('a model server fails after the stream had to begin with signs of life', () => {
  let servers: readonly Server[]
  let alone: OpenGateway
  let seconded: readonly OpenGateway[]
  before(async () => {
    servers = await startServers()
    alone = await openGateway(servers, 'hurried', { heartbeatMs: 10 })
    seconded = await Promise.all(
      servers.map((server) => openGateway([server], 'hurried', { heartbeatMs: 10, withSpare: true })),
    )
  })
  after(async () => {
    await Promise.all([alone, ...seconded].map(({ gateway }) => gateway.close()))
    await Promise.all(servers.map(({ standIn }) => standIn.close()))
  })

  const late = async (server: Server, client: (typeof clients)[number], url: string, model: string) => {
    failNext(server, client.name, { kind: 'no-headers' })
    const exchange = ask({ url, client, model, stream: true, id: `late-${server.kind}-${client.name}` })
    const { statusCode } = await exchange.head
    // Nothing but signs of life is there when the head comes, and they must mean nothing to the client.
    assert.equal(statusCode, 200)
    assert.equal(await exchange.cut, false)
    return client.hearStream(exchange.text())
  }

  test('the error comes within the stream', async () => {
    const all = servers.flatMap((server) =>
      clients.map(async (client) => {
        const heard = await late(server, client, alone.url, server.kind)
        assert.deepEqual([heard.pieces, heard.complete], [[], false])
        assert.match(heard.error, /timeout|a sentence/)
      }),
    )
    await Promise.all(all)
  })

  test('another model still answers', async () => {
    const all = servers.flatMap((server, index) =>
      clients.map(async (client) => {
        const heard = await late(server, client, seconded[index]?.url ?? '', 'auto')
        assert.deepEqual([heard.pieces.join(''), heard.complete, heard.error], [prompt, true, ''])
      }),
    )
    await Promise.all(all)
  })
})
