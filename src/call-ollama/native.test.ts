import assert from 'node:assert/strict'
import { type TestContext, test } from 'node:test'
import { assertError, card, chat, collect, never, openProvider } from '../../test/fixtures/stand-ins/calls.ts'
import { type OllamaStandInOptions, startOllamaStandIn } from '../../test/fixtures/stand-ins/ollama.ts'
import type { ChatRequest } from '../core/request.ts'
import { ollama } from '../providers/ollama.ts'

const phi = card({ name: 'phi2', id: 'phi', backend: 'local', dialects: ['ollama-chat', 'ollama-generate'] })

async function start(context: TestContext, standIn: OllamaStandInOptions = {}) {
  const server = await startOllamaStandIn(standIn)
  const provider = openProvider(ollama, { url: server.url })
  context.after(async () => {
    await provider.close()
    await server.close()
  })
  const send = (body: string, more: Partial<ChatRequest> = {}) => {
    const client = { body, headers: {}, query: '' }
    const request = chat('Hi', { dialect: 'ollama-chat', client, ...more })
    return collect(provider.send({ request, model: phi }, never))
  }
  return { server, send }
}

const plain = '{"model": "auto", "messages": [{"role":"user","content":"Hi"}], "big": 12345678901234567890}'

test('the bytes of the client, with what the operator says where it says nothing', async (context) => {
  const { server, send } = await start(context)
  const reply = await send(plain)
  assert.equal(reply.error, undefined)
  assert.equal(
    server.requests[0]?.text,
    '{"model": "phi", "messages": [{"role":"user","content":"Hi"}], "big": 12345678901234567890,"options":{"num_ctx":2048},"keep_alive":"5m","truncate":false,"shift":false,"logprobs":true}',
  )
})

test('numbers among its options stay as they were written', async (context) => {
  const { server, send } = await start(context)
  await send(
    '{"model":"auto","messages":[{"role":"user","content":"Hi"}],"options":{"seed":12345678901234567890,"min_p":0.10}}',
  )
  assert.match(server.requests[0]?.text ?? '', /"options":\{"seed":12345678901234567890,"min_p":0\.10,"num_ctx":2048\}/)
})

test('what the client says stands', async (context) => {
  const { server, send } = await start(context)
  const body =
    '{"model":"phi","messages":[{"role":"user","content":"Hi"}],"options":{"num_ctx":77,"seed":1},"keep_alive":0,"truncate":true,"shift":true,"logprobs":true}'
  const reply = await send(body)
  assert.equal(server.requests[0]?.text, body)
  assert.match(reply.native ?? '', /"logprobs":\[/)
})

test('a client that chooses its context itself is not held to the sizes of the operator', async (context) => {
  const { server, send } = await start(context)
  const long = { messages: [{ role: 'user', content: [{ type: 'text', text: 'x'.repeat(200_000) }] }] } as const
  const reply = await send(plain.replace('{', '{"options":{"num_ctx":131072},'), long)
  assert.equal(reply.error, undefined)
  await send(plain)
  assert.deepEqual(
    server.requests.map(({ body }) => body.options.num_ctx),
    [131_072, 2048],
  )
})

test('lines pass as they came, beside what they mean, without log-probabilities that nobody asked for', async (context) => {
  const extra = { body: { big: 1 }, event: { type: 'future', done: false } }
  const { send } = await start(context, { script: { text: 'Hello there', reasoning: 'Hm', extra } })
  const reply = await send(plain)
  assert.equal(reply.text, 'Hello there')
  assert.equal(reply.reasoning, 'Hm')
  assert.deepEqual(reply.logprobs, [-0.25, -0.25])
  assert.equal(reply.finish?.reason, 'stop')
  const lines = (reply.native ?? '').trimEnd().split('\n')
  assert.equal(lines.length, 5)
  assert.ok(lines.some((line) => line.includes('"future"')))
  assert.ok(!reply.native?.includes('logprobs'))
  assert.equal(
    lines[0],
    '{"model":"phi","created_at":"2026-01-02T03:04:05.678Z","message":{"role":"assistant","content":"","thinking":"Hm"},"done":false,"big":1}',
  )
})

test('a whole reply', async (context) => {
  const script = { text: 'Sure.', toolCalls: [{ id: 'c1', name: 'f', arguments: '{"a":1}' }] }
  const { send } = await start(context, { script })
  const reply = await send(plain.replace('{', '{"stream":false,'), { stream: false })
  assert.equal(reply.text, 'Sure.')
  assert.deepEqual(reply.toolCalls, [{ id: 'c1', name: 'f', arguments: '{"a":1}' }])
  assert.equal(reply.finish?.reason, 'tool-calls')
  const native = JSON.parse(reply.native ?? '')
  assert.equal(native.message.content, 'Sure.')
  assert.equal('logprobs' in native, false)
})

test('generate', async (context) => {
  const { server, send } = await start(context, { script: { text: 'Hello there' } })
  const reply = await send('{"model":"auto","prompt":"Hi","suffix":"!"}', { dialect: 'ollama-generate' })
  assert.equal(server.requests[0]?.path, '/api/generate')
  assert.equal(server.requests[0]?.body.suffix, '!')
  assert.equal(reply.text, 'Hello there')
  assert.match(reply.native ?? '', /"context":\[1,2,3\]/)
})

test('another dialect does not pass', async (context) => {
  const { send } = await start(context)
  assert.equal((await send(plain, { dialect: 'openai-chat' })).native, undefined)
})

test('a refusal keeps the words of the server', async (context) => {
  const { server, send } = await start(context)
  const body = { error: 'invalid option' }
  server.next({ failure: { kind: 'status', status: 400, body } })
  const { error } = await send(plain)
  assertError(error, 'upstream_rejected', /invalid option/)
  assert.deepEqual(error.upstream, { dialect: 'ollama-chat', status: 400, body: JSON.stringify(body) })
})

test('a failure in the middle is no line for the client', async (context) => {
  const failure = { kind: 'error-event', afterChunks: 1, error: 'out of memory' } as const
  const { send } = await start(context, { script: { text: 'One two', failure } })
  const reply = await send(plain)
  assertError(reply.error, 'upstream_failed', /out of memory/)
  assert.ok(!reply.native?.includes('memory'))
})
