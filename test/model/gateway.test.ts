import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import OpenAI from 'openai'
import { openTestGateway } from '../fixtures/gateway.ts'

/** Where the model file is kept between runs, as for the gateway itself. */
const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
const modelsDir = process.env.HYBRID_MODELS_DIR || join(cache, 'hybrid-ai-stack', 'models')

test('the real embedded model answers through the whole gateway, whole and streamed', async () => {
  const gateway = await openTestGateway({
    environment: { HYBRID_MODELS_DIR: modelsDir },
    config: {
      providers: { embedded: { kind: 'llama-cpp' } },
      models: { smollm2: { provider: 'embedded', id: 'smollm2', max_complexity: 0.3 } },
    },
  })
  const content = 'What is the capital of France?'
  const question = {
    id: 'x',
    dialect: 'native',
    model: 'auto',
    messages: [{ role: 'user' as const, content: [{ type: 'text' as const, text: content }] }],
    stream: false,
    caching: 'use' as const,
  }
  await gateway.house.prepare(question, AbortSignal.timeout(300_000))

  const native = (await gateway.post('/api/v1/chat', { prompt: content })).json()
  assert.match(native.response, /Paris/)
  assert.deepEqual([native.backend, native.cost, native.model], ['local', 0, 'smollm2'])
  assert.match(native.routing.reasoning, /^Complexity 0\.00: /)

  const client = new OpenAI({ baseURL: `${await gateway.listen()}/v1`, apiKey: 'unused' })
  const request = { model: 'auto', messages: [{ role: 'user' as const, content }], stream: true as const }
  const stream = await client.chat.completions.create(request, { headers: { 'cache-control': 'no-cache' } })
  const chunks = await Array.fromAsync(stream)
  assert.match(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), /Paris/)
  assert.ok(chunks.length > 5)
  await gateway.close()
})
