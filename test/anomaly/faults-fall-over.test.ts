import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { prompt, seenBy } from './faults-clients.ts'
import { type OpenGateway, openGateway } from './faults-run.ts'
import { type Fault, failNext, faults, reply, type Server, startServers, ways } from './faults-servers.ts'

const beforeContent = faults.filter((fault) => fault.beforeContent)
const afterContent = faults.filter((fault) => !fault.beforeContent && !fault.meetsLimit)

describe('a model server that fails, and another model that does not', () => {
  let servers: readonly Server[]
  let gateways: readonly { readonly server: Server; readonly calm: OpenGateway; readonly hurried: OpenGateway }[]
  before(async () => {
    servers = await startServers()
    gateways = await Promise.all(
      servers.map(async (server) => ({
        server,
        calm: await openGateway([server], 'calm', { withSpare: true }),
        hurried: await openGateway([server], 'hurried', { withSpare: true }),
      })),
    )
  })
  after(async () => {
    await Promise.all(gateways.flatMap(({ calm, hurried }) => [calm.gateway.close(), hurried.gateway.close()]))
    await Promise.all(servers.map(({ standIn }) => standIn.close()))
  })

  const askAll = (fault: Fault, asked: typeof ways) =>
    gateways.flatMap(({ server, calm, hurried }) => {
      const { gateway, url } = fault.meetsLimit ? hurried : calm
      const failure = fault.failure(server)
      // How long a whole reply takes that passes through is limited by the time of the whole answer alone.
      const mine = asked.filter(({ client, stream }) => !fault.meetsLimit || stream || !(client.name in server.paths))
      return mine.map(async ({ client, stream }) => {
        failNext(server, client.name, failure)
        const id = `${fault.name.replaceAll(/\W+/g, '-')}-${server.kind}-${client.name}-${stream}`
        const seen = await seenBy({ url, client, model: 'auto', stream, id })
        const row = await gateway.house.account.find(id)
        assert.ok(row !== undefined, id)
        return { server, seen, row }
      })
    })

  for (const fault of beforeContent) {
    test(`the other one answers: ${fault.name}`, async () => {
      const results = await Promise.all(askAll(fault, ways))
      assert.ok(results.length >= 26)
      for (const { server, seen, row } of results) {
        assert.deepEqual([seen.status, seen.ended, seen.error], [200, 'complete', ''], row.id)
        assert.equal(seen.pieces.join(''), prompt)
        assert.deepEqual([row.status, row.errorCode, row.model], ['answered', '', 'spare'])
        const [first, second] = row.attempts
        assert.deepEqual([first?.model, first?.outcome], [server.kind, 'failed'])
        assert.match(first?.error ?? '', /^upstream_/)
        assert.deepEqual([row.attempts.length, second?.model, second?.outcome], [2, 'spare', 'answered'])
        assert.equal(row.cost, (first?.cost ?? Number.NaN) + (second?.cost ?? Number.NaN))
        assert.ok((second?.cost ?? 0) > 0)
      }
    })
  }

  for (const fault of afterContent) {
    test(`a stream that has begun is not begun again: ${fault.name}`, async () => {
      const streams = ways.filter(({ stream }) => stream)
      const results = await Promise.all(askAll(fault, streams))
      assert.equal(results.length, streams.length * servers.length)
      for (const { seen, row } of results) {
        assert.equal(row.attempts.length, 1, row.id)
        assert.ok(seen.pieces.length > 0 && reply.startsWith(seen.pieces.join('')))
        assert.equal(seen.ended, fault.name === 'No usage' ? 'complete' : 'error')
      }
    })
  }
})
