import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import OpenAI from 'openai'
import { ensureModelFile } from '../../src/model-files/files.ts'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'

const cache = process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache')
const modelsDir = process.env.HYBRID_MODELS_DIR ?? join(cache, 'hybrid-ai-stack', 'models')
const never = new AbortController().signal
const question = 'What is the capital of France?'

describe('the whole gateway with SmolLM2', () => {
  let gateway: TestGateway
  let url: string

  before(async () => {
    await ensureModelFile('smollm2', { modelsDir, progress: () => {}, signal: never }).catch((error: unknown) => {
      throw new Error(`These tests need the SmolLM2 model file. ${error instanceof Error ? error.message : error}`)
    })
    gateway = await openTestGateway({
      config: {
        providers: { embedded: { kind: 'llama-cpp', context_tokens: 1024 } },
        models: { smollm2: { provider: 'embedded', id: 'smollm2', max_complexity: 1, context_tokens: 1024 } },
      },
      environment: { HYBRID_MODELS_DIR: modelsDir },
    })
    const content = [{ type: 'text', text: question }] as const
    const messages = [{ role: 'user', content }] as const
    await gateway.house.prepare(
      { id: 'warm-up', dialect: 'native', model: 'auto', messages, stream: false, caching: 'off' },
      never,
    )
    url = await gateway.listen()
  })
  after(() => gateway.close())

  test('answers by the native API, on this machine, for nothing', async () => {
    const reply = await gateway.post('/api/v1/chat', { prompt: question })
    assert.equal(reply.statusCode, 200, reply.body)
    const { response, model, backend, cost, cached, usage } = reply.json()
    assert.match(response, /Paris/)
    assert.deepEqual({ model, backend, cost, cached }, { model: 'smollm2', backend: 'local', cost: 0, cached: false })
    assert.ok(usage.input_tokens > 5 && usage.output_tokens > 1 && !usage.estimated)
  })

  test('answers the openai package, streamed', async () => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'any', maxRetries: 0 })
    const {
      data,
      response,
      request_id: id,
    } = await client.chat.completions
      .create(
        { model: 'auto', messages: [{ role: 'user', content: question }], stream: true },
        { headers: { 'cache-control': 'no-cache' } },
      )
      .withResponse()
    const chunks = await Array.fromAsync(data)
    assert.match(chunks.map(({ choices: [choice] }) => choice?.delta.content ?? '').join(''), /Paris/)
    assert.ok(chunks.length > 3, 'it came in one piece')
    assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'stop')
    assert.equal(response.headers.get('x-hybrid-backend'), 'local')
    const row = await gateway.house.account.find(id ?? '')
    assert.deepEqual([row?.status, row?.backend, row?.cost], ['answered', 'local', 0])
  })
})
