import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type TestContext, test } from 'node:test'
import { openTestGateway } from '../../test/fixtures/gateway.ts'

/** A gateway with one model that makes vectors, at a server that answers so. */
async function open(
  context: TestContext,
  answer: (request: IncomingMessage, response: ServerResponse) => void,
  limits = {},
) {
  const server = createServer(async (request, response) => {
    for await (const _ of request);
    if (request.url === '/api/embed') answer(request, response)
    else response.writeHead(404).end()
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const gateway = await openTestGateway({
    config: {
      limits,
      providers: { server: { kind: 'ollama', url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` } },
      models: {
        vectors: { provider: 'server', id: 'x', capabilities: ['embeddings'], price: { input: 1, output: 0 } },
      },
    },
  })
  context.after(async () => {
    await gateway.close()
    server.closeAllConnections()
    server.close()
  })
  return gateway
}

test('what the server could not do is told in a header, what it did not count is marked, and nothing was saved', async (context) => {
  const gateway = await open(context, (_request, response) => response.end('{"embeddings":[[1,2,3]]}'))
  const body = { model: 'vectors', input: 'x'.repeat(40), dimensions: 2 }
  const reply = await gateway.post('/v1/embeddings', body, { 'x-request-id': 'short' })
  assert.equal(reply.statusCode, 200)
  assert.match(String(reply.headers['x-hybrid-warning']), /dimensions was left out/)
  const row = await gateway.house.account.find('short')
  assert.deepEqual([row?.usage.input, row?.estimated, row?.cost, row?.baselineCost], [10, true, 10_000, 10_000])
})

test('a count of the server is no estimate', async (context) => {
  const answer = '{"embeddings":[[1,2]],"prompt_eval_count":7}'
  const gateway = await open(context, (_request, response) => response.end(answer))
  const reply = await gateway.post(
    '/v1/embeddings',
    { model: 'vectors', input: 'hello' },
    { 'x-request-id': 'counted' },
  )
  assert.equal(reply.headers['x-hybrid-warning'], undefined)
  const row = await gateway.house.account.find('counted')
  assert.deepEqual([row?.usage.input, row?.estimated, row?.cost], [7, false, 7000])
})

test('one that takes longer than an answer may has failed', async (context) => {
  const gateway = await open(context, () => {}, { answer_timeout_seconds: 0.05 })
  const reply = await gateway.post('/v1/embeddings', { model: 'vectors', input: 'hello' }, { 'x-request-id': 'slow' })
  assert.equal(reply.statusCode, 504)
  const row = await gateway.house.account.find('slow')
  const [attempt] = row?.attempts ?? []
  assert.deepEqual(
    [row?.errorCode, attempt?.outcome, attempt?.error],
    ['upstream_timeout', 'failed', 'upstream_timeout'],
  )
})

test('where no model makes any, that is no matter of waiting', async (context) => {
  const chats = { provider: 'echo', id: 'parrot', capabilities: [] }
  const gateway = await openTestGateway({
    config: { models: { parrot: chats, baseline: { ...chats, price: 'free' } } },
  })
  context.after(() => gateway.close())
  const reply = await gateway.post('/v1/embeddings', { model: 'auto', input: 'hello' })
  assert.deepEqual([reply.statusCode, reply.headers['retry-after']], [400, undefined])
  assert.match(reply.json().error.message, /no model that makes embeddings is configured/)
})
