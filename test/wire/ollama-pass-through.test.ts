import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Ollama, type Tool } from 'ollama'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { type OllamaScript, startOllamaStandIn } from '../fixtures/stand-ins/ollama.ts'
import type { StandIn } from '../fixtures/stand-ins/stand-in.ts'

const messages = [{ role: 'user', content: 'one two three' }]
const weather: Tool = {
  type: 'function',
  function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
}

describe('the ollama package, with an Ollama behind the gateway', () => {
  let server: StandIn<OllamaScript>
  let gateway: TestGateway
  let client: Ollama
  before(async () => {
    server = await startOllamaStandIn({ brain: true })
    const config = {
      providers: { ollama: { kind: 'ollama', url: server.url } },
      models: { phi: { provider: 'ollama', id: 'phi', max_complexity: 1 } },
    }
    gateway = await openTestGateway({ config })
    client = new Ollama({ host: await gateway.listen(), headers: { 'cache-control': 'no-store' } })
  })
  after(async () => {
    try {
      await gateway.close()
    } finally {
      await server.close()
    }
  })

  const sent = (path: string) => server.requests.filter((request) => request.path === path).at(-1)?.body

  test('a chat keeps what only Ollama knows, in both directions', async () => {
    server.next({ text: 'Hello there.', extra: { body: { fortune: 42 } } })
    const options = { num_ctx: 1024, min_p: 0.1, mirostat: 1 }
    const reply = await client.chat({ model: 'phi', messages, options, keep_alive: '7m' })
    assert.equal(reply.message.content, 'Hello there.')
    assert.equal(Reflect.get(reply, 'fortune'), 42)
    const { model, keep_alive, options: received } = sent('/api/chat')
    assert.deepEqual([model, keep_alive], ['phi', '7m'])
    assert.deepEqual({ ...options, ...received }, received)
  })

  test('a stream', async () => {
    const parts = await Array.fromAsync(await client.chat({ model: 'auto', messages, stream: true }))
    assert.equal(parts.map(({ message }) => message.content).join(''), 'You said: one two three')
    assert.deepEqual([parts.at(-1)?.done, parts.at(-1)?.done_reason], [true, 'stop'])
  })

  test('a loop of tools', async () => {
    const { message } = await client.chat({ model: 'phi', messages, tools: [weather] })
    assert.equal(message.tool_calls?.[0]?.function.name, 'weather')
    const history = [...messages, message, { role: 'tool', content: '22 degrees', tool_name: 'weather' }]
    const last = await client.chat({ model: 'phi', messages: history, tools: [weather] })
    assert.match(last.message.content, /22 degrees/)
  })

  test('a gap to fill is for such a model', async () => {
    const { response } = await client.generate({ model: 'auto', prompt: 'func a() {', suffix: '}', raw: true })
    assert.ok(response !== undefined && response.length > 0)
    const { suffix, raw, prompt } = sent('/api/generate')
    assert.deepEqual({ suffix, raw, prompt }, { suffix: '}', raw: true, prompt: 'func a() {' })
  })

  test('what it says that it can do is shown', async () => {
    const { capabilities } = await client.show({ model: 'phi' })
    assert.deepEqual([...capabilities].sort(), ['completion', 'embedding', 'thinking', 'tools', 'vision'])
  })

  test('vectors', async () => {
    const { embeddings } = await client.embed({ model: 'phi', input: ['one', 'two'] })
    assert.equal(embeddings.length, 2)
    assert.deepEqual(sent('/api/embed').input, ['one', 'two'])
  })
})
