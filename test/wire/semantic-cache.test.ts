import assert from 'node:assert/strict'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ensureEmbedder } from '../../src/embedder/files.ts'
import { WordPiece } from '../../src/embedder/tokenizer.ts'
import { modelsDir } from '../fixtures/embedder.ts'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { never } from '../fixtures/stand-ins/calls.ts'
import { type QdrantStandIn, startQdrantStandIn } from '../fixtures/stand-ins/qdrant.ts'

const admin = { authorization: 'Bearer admin-key-0123456789' }
const one = 'How do I reset my router?'
const same = 'What is the way to reset my router?'
const near = 'How do I reset my phone?'

const idOf = (key: string, text: string) => `${key}-${text}`.replaceAll(/\W+/g, '-')

describe('the semantic cache', () => {
  let cloud: Awaited<ReturnType<typeof startAnthropicStandIn>>
  let qdrant: QdrantStandIn
  let answers: string[] = []
  before(async () => {
    await ensureEmbedder({ modelsDir, signal: never, say: () => {} })
    cloud = await startAnthropicStandIn({
      script: () => ({ text: answers.shift() ?? 'Press the button for ten seconds.' }),
    })
    qdrant = await startQdrantStandIn()
  })
  after(async () => {
    await cloud.close()
    await qdrant.close()
  })

  async function open(semantic: object = {}, more: object = {}): Promise<TestGateway> {
    const gateway = await openTestGateway({
      environment: {
        CLAUDE: 'sk-ant-test-key-0123456789',
        ADMIN: admin.authorization.slice(7),
        ALICE: 'alice-0123456789',
        BOB: 'bob-0123456789',
      },
      config: {
        server: { keys: ['env:ALICE', 'env:BOB'], admin_key: 'env:ADMIN' },
        models_dir: modelsDir,
        semantic_cache: { enabled: true, check_share: 0, embed_ms: 3000, ...semantic },
        providers: { claude: { kind: 'anthropic', base_url: cloud.url, api_key: 'env:CLAUDE' } },
        models: { strong: { provider: 'claude', id: 'claude-test', price: { input: 3, output: 15 } } },
        ...more,
      },
    })
    while (gateway.house.rooms.semantic?.() === undefined) await sleep(5)
    return gateway
  }
  const ask = (gateway: TestGateway, content: string, key = 'alice', more: object = {}) =>
    gateway.post(
      '/v1/chat/completions',
      { model: 'strong', messages: [{ role: 'user', content }], ...more },
      { authorization: `Bearer ${key}-0123456789`, 'x-request-id': idOf(key, content) },
    )
  const fact = (response: Awaited<ReturnType<typeof ask>>, name: string) => response.headers[`x-hybrid-${name}`]

  test('MiniLM reads texts as BERT does', () => {
    const tokenizer = new WordPiece(readFileSync(`${modelsDir}/all-MiniLM-L6-v2.vocab.txt`, 'utf8'))
    assert.deepEqual(tokenizer.encode('Hello, world!'), [101, 7592, 1010, 2088, 999, 102])
    assert.deepEqual(tokenizer.encode('Unaffable café'), [101, 14477, 20961, 3468, 7668, 102])
    assert.equal(tokenizer.encode('word '.repeat(1000)).length, 256)
  })

  for (const where of ['in this process', 'in Qdrant'] as const) {
    test(`a question that means the same is answered by it, and says so: ${where}`, async () => {
      const gateway = await open({}, where === 'in Qdrant' ? { qdrant: { url: qdrant.url } } : {})
      try {
        assert.equal(fact(await ask(gateway, one), 'cached'), 'false')
        await sleep(50)
        const calls = cloud.requests.length
        const hit = await ask(gateway, same)
        assert.deepEqual([hit.statusCode, fact(hit, 'cached'), cloud.requests.length], [200, 'true', calls])
        assert.match(String(fact(hit, 'cache-similarity')), /^0\.\d{3}$/)
        assert.match(hit.json().choices[0].message.content, /ten seconds/)
        const row = await gateway.house.account.find(idOf('alice', same))
        assert.deepEqual([row?.cache, row?.cost, (row?.baselineCost ?? 0) > 0], ['semantic', 0, true])
        const streamed = await ask(gateway, 'Please tell me how to reset my router.', 'alice', { stream: true })
        assert.match(streamed.body, /data: .*\n\ndata: \[DONE\]/s)
        assert.equal(fact(streamed, 'cached'), 'true')

        // What only looks like it, what another key asked, and what was asked with other settings.
        assert.equal(fact(await ask(gateway, near), 'cached'), 'false')
        assert.equal(fact(await ask(gateway, same, 'bob'), 'cached'), 'false')
        assert.equal(fact(await ask(gateway, same, 'alice', { max_tokens: 5 }), 'cached'), 'false')
        assert.equal(fact(await ask(gateway, same, 'alice', { temperature: 1 }), 'cached'), 'false')

        const id = String(fact(hit, 'cache-id'))
        const gone = await gateway.app.inject({ method: 'DELETE', url: `/admin/v1/cache/${id}`, headers: admin })
        assert.equal(gone.statusCode, 200, gone.body)
        assert.match((await gateway.get('/metrics', admin)).body, /api_gateway_cache_total\{result="semantic"\} 2/)
      } finally {
        await gateway.close()
      }
    })
  }

  test('the native API tells which entry it was, and how near', async () => {
    const gateway = await open()
    try {
      const chat = (prompt: string) =>
        gateway.post('/api/v1/chat', { prompt, model: 'strong' }, { 'x-api-key': 'alice-0123456789' })
      await chat(one)
      await sleep(30)
      const { cached, cache } = (await chat(same)).json()
      assert.deepEqual([cached, cache.kind, cache.similarity > 0.9], [true, 'semantic', true])
    } finally {
      await gateway.close()
    }
  })

  test('hits are checked against fresh answers, and it switches itself off when too many are wrong', async () => {
    const gateway = await open({ check_share: 1 })
    const semantic = gateway.house.rooms.semantic?.() as unknown as { idle: () => Promise<void>; off: string }
    try {
      await ask(gateway, one)
      await sleep(30)
      await ask(gateway, same)
      await semantic.idle()
      assert.equal(semantic.off, '')
      // The world changed: what is answered now has nothing to do with what was kept.
      answers = ['Bananas grow in the tropics.', 'Bananas grow in the tropics.', 'Bananas grow in the tropics.']
      for (const text of ['Please tell me how to reset my router.', 'How can I reset my router?']) {
        await ask(gateway, text)
        await semantic.idle()
        answers = ['Bananas grow in the tropics.']
        await gateway.house.account.find('x')
      }
      const state = (await gateway.get('/admin/v1/cache', admin)).json()
      assert.ok(state.semantic.wrong >= 1, JSON.stringify(state))
      assert.equal(state.semantic.answers, false)
      const on = await gateway.post('/admin/v1/cache', { semantic: true }, admin)
      assert.equal(on.json().semantic.answers, true)
    } finally {
      answers = []
      await gateway.close()
    }
  })

  test('a Qdrant that hangs is a miss', async () => {
    const silent = createServer(() => {})
    silent.listen(0, '127.0.0.1')
    await once(silent, 'listening')
    const url = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`
    const gateway = await open({}, { qdrant: { url, deadline_ms: 20 } })
    try {
      for (const text of [one, same, near]) assert.equal(fact(await ask(gateway, text), 'cached'), 'false')
    } finally {
      await gateway.close()
      silent.close()
    }
  })
})
