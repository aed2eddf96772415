import assert from 'node:assert/strict'
import { once } from 'node:events'
import { test } from 'node:test'
import { openTestGateway } from '../fixtures/gateway.ts'
import { ask, clients } from './faults-clients.ts'

/**
 * Where a request can be when its client leaves without anybody looking: `preHandler` stands for the time in which its
 * body is unpacked, `onSend` for the moment between the decision to stream and the first frame.
 */
const moments = ['preHandler', 'onSend'] as const

for (const moment of moments) {
  for (const stream of [true, false]) {
    const what = `a client that is gone at ${moment} of ${stream ? 'a stream' : 'a whole reply'}`
    test(`${what} leaves nothing behind`, async (context) => {
      const gateway = await openTestGateway()
      context.after(() => gateway.close())
      const [client] = clients
      assert.ok(client !== undefined)
      const leave: (() => void)[] = []
      const gone = async ({ id }: { id: string }, raw: NodeJS.EventEmitter) => {
        if (id !== 'gone') return
        const closed = once(raw, 'close')
        leave[0]?.()
        await closed
      }
      if (moment === 'preHandler') gateway.app.addHook('preHandler', (request, reply) => gone(request, reply.raw))
      else gateway.app.addHook('onSend', (request, reply) => gone(request, reply.raw))

      const url = await gateway.listen()
      const exchange = ask({ url, client, model: 'auto', stream, id: 'gone' })
      leave.push(exchange.hangUp)
      await exchange.cut
      // An equal request would wait for the one before it, if that were still under way.
      const next = await gateway.post(client.path, client.body({ model: 'auto', stream: false }))
      assert.equal(next.statusCode, 200)
      assert.equal(gateway.house.account.openRequests, 0)
      const row = await gateway.house.account.find('gone')
      const expected = moment === 'preHandler' ? undefined : stream ? 'cancelled' : 'answered'
      assert.equal(row?.status, expected)
    })
  }
}
