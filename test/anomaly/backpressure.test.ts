import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { clients } from './faults-clients.ts'

const megabyte = 1024 * 1024
/** What the model server would send. */
const offered = 256 * megabyte
/** More than the buffers on the way hold: the kernel's four, and the gateway's. */
const bound = 64 * megabyte

/** A model server that says as much as anybody reads. */
async function startTalker() {
  const ends: PromiseWithResolvers<number>[] = []
  const talk = async (response: ServerResponse, end: PromiseWithResolvers<number>) => {
    const left = once(response, 'close')
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    const delta = { content: 'x'.repeat(64 * 1024) }
    const frame = `data: ${JSON.stringify({ id: 'x', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
    let written = 0
    while (written < offered && !response.destroyed) {
      written += frame.length
      if (!response.write(frame)) await Promise.race([once(response, 'drain'), left])
    }
    await left
    end.resolve(written)
  }
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') return void response.writeHead(404).end()
    for await (const _ of request);
    const end = ends.at(-1)
    if (end !== undefined) await talk(response, end)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    /** Bytes written to the next client until it has left. */
    nextEnd: () => {
      const end = Promise.withResolvers<number>()
      ends.push(end)
      return end.promise
    },
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

describe('a client that does not read stalls its model', () => {
  let talker: Awaited<ReturnType<typeof startTalker>>
  let gateway: TestGateway
  let port: number
  before(async () => {
    talker = await startTalker()
    gateway = await openTestGateway({
      config: {
        // Only a client that stalls the gateway is cut by this: one that were served from a growing buffer never is.
        server: { send_timeout_seconds: 0.2 },
        providers: { talker: { kind: 'openai-compatible', base_url: `${talker.url}/v1` } },
        models: { talker: { provider: 'talker', id: 'talker', price: { input: 3, output: 15 } } },
      },
    })
    port = Number(new URL(await gateway.listen()).port)
  })
  after(async () => {
    await gateway.close()
    await talker.close()
  })

  for (const client of clients) {
    test(client.name, async () => {
      const end = talker.nextEnd()
      const body = JSON.stringify(client.body({ model: 'talker', stream: true }))
      const socket = connect(port, '127.0.0.1')
      socket.on('error', () => {})
      await once(socket, 'connect')
      socket.pause()
      const head = `POST ${client.path} HTTP/1.1\r\nhost: localhost\r\nx-request-id: ${client.name}\r\ncontent-type: application/json`
      socket.write(`${head}\r\ncontent-length: ${body.length}\r\n\r\n${body}`)

      const written = await end
      assert.ok(written > 0 && written < bound, `${written} bytes`)
      while (gateway.house.account.openRequests > 0) await pause(1)
      const row = await gateway.house.account.find(client.name)
      assert.deepEqual([row?.status, row?.estimated], ['cancelled', true])
      assert.ok((row?.usage.output ?? 0) > 0 && (row?.cost ?? 0) > 0)
      socket.destroy()
    })
  }
})
