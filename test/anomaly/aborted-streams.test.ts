import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { openSqliteLedger } from '../../src/stores/sqlite.ts'
import { openTestGateway } from '../fixtures/gateway.ts'
import { ask, clients } from './faults-clients.ts'

const concurrency = 20
/** Far below what the smallest thing that is kept for each stream would take: a receipt, a timer, a controller. */
const bytesPerStream = 300

/** A model server that begins to answer and never ends, or, asked for `mute`, never begins. It remembers nothing. */
async function startEndless() {
  const chunk = (delta: object) =>
    `data: ${JSON.stringify({ id: 'x', choices: [{ index: 0, delta, finish_reason: null }] })}\n\n`
  const beginning = [{ role: 'assistant', content: '' }, { content: 'one' }, { content: ' two' }].map(chunk).join('')
  const server = createServer(async (request, response) => {
    if (request.method === 'GET') return void response.writeHead(404).end()
    const pieces: Buffer[] = []
    for await (const piece of request) pieces.push(piece)
    if (/"model":"mute"/.test(Buffer.concat(pieces).toString())) return
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.write(beginning)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    connections: () => new Promise<number>((resolve) => server.getConnections((_error, count) => resolve(count))),
    close: () => new Promise<void>((resolve) => server.close(() => resolve())),
  }
}

/** Size of what is still in use. */
function heap(): number {
  setFlagsFromString('--expose-gc')
  const collect: () => void = runInNewContext('gc')
  // What a finalizer holds goes with the second one.
  collect()
  collect()
  return process.memoryUsage().heapUsed
}

test('2,200 streams that their clients leave: nothing of them stays, and each has its row', async () => {
  const upstream = await startEndless()
  const model = { provider: 'server', max_complexity: 1, price: { input: 3, output: 15 } }
  const folder = mkdtempSync(join(tmpdir(), 'hybrid-aborted-'))
  const gateway = await openTestGateway({
    dataDir: folder,
    config: {
      providers: { server: { kind: 'openai-compatible', base_url: `${upstream.url}/v1` } },
      models: { talking: { ...model, id: 'talking' }, mute: { ...model, id: 'mute' } },
    },
  })
  const url = await gateway.listen()
  const { account, rooms } = gateway.house
  let next = 0

  const abortOne = async (name: 'talking' | 'mute') => {
    const number = next++
    const client = clients[number % clients.length]
    assert.ok(client !== undefined)
    const calls = account.openRequests
    const exchange = ask({ url, client, model: name, stream: true, id: `aborted-${number}`, said: `Number ${number}` })
    if (name === 'talking') await exchange.heard((text) => client.hearStream(text).pieces.length > 0)
    // The request must have come in before its client leaves, or there is nothing to cancel.
    else while (account.openRequests === calls) await pause(1)
    exchange.hangUp()
    await exchange.cut
  }
  const quiet = async () => {
    while (account.openRequests > 0 || (await upstream.connections()) > 0) await pause(1)
    await account.ledger.flush()
  }
  const abort = async (count: number, name: 'talking' | 'mute') => {
    let left = count
    const worker = async () => {
      while (left-- > 0) await abortOne(name)
    }
    await Promise.all(Array.from({ length: name === 'mute' ? 1 : concurrency }, worker))
    await quiet()
  }

  await abort(200, 'mute')
  const heaps: number[] = []
  for (let round = 0; round < 4; round++) {
    await abort(500, 'talking')
    heaps.push(heap())
  }

  // The first of them still tells what warming up took and gave back.
  const [, second = 0, , last = 0] = heaps
  assert.ok((last - second) / 1000 < bytesPerStream, `heap after each 500: ${heaps.join(', ')}`)
  assert.equal(account.openRequests, 0)
  assert.equal(account.ledger.pendingRows, 0)
  assert.equal(await upstream.connections(), 0)
  assert.equal(rooms.cache.bytes, 0)
  await gateway.close()
  await upstream.close()

  const store = await openSqliteLedger(join(folder, 'ledger.sqlite'))
  const rows = await store.recent(3000)
  await store.close()
  const count = (model: string) => rows.filter((row) => row.status === 'cancelled' && row.model === model).length
  assert.deepEqual([rows.length, count('mute'), count('talking')], [2200, 200, 2000])
  assert.ok(rows.every(({ estimated, cost = 0 }) => estimated && cost > 0))
  assert.ok(rows.every(({ model, usage }) => usage.output > 0 === (model === 'talking')))
  rmSync(folder, { recursive: true, force: true })
})
