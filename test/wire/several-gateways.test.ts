import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { ToolLoops } from '../../src/gateway/tool-loops.ts'
import { Sessions } from '../../src/policy/sessions.ts'
import { redisNotes } from '../../src/redis/notes.ts'
import { Redis } from '../../src/redis/redis.ts'
import { clients } from '../anomaly/faults-clients.ts'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { type RedisServer, startRedis } from '../fixtures/redis-server.ts'
import { startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { chat } from '../fixtures/stand-ins/calls.ts'

/** What clients see of gateways behind a load balancer that sends each request to another one. */
describe('several gateways that share a Redis', () => {
  let redis: RedisServer
  let cloud: Awaited<ReturnType<typeof startAnthropicStandIn>>
  let gateways: readonly TestGateway[]
  let delayMs = 0
  before(async () => {
    redis = await startRedis()
    cloud = await startAnthropicStandIn({ script: () => ({ text: 'One answer for all who ask.', delayMs }) })
    const open = () =>
      openTestGateway({
        environment: { CLAUDE: 'sk-ant-test-key-0123456789' },
        config: {
          redis: { url: redis.url },
          providers: { claude: { kind: 'anthropic', base_url: cloud.url, api_key: 'env:CLAUDE' } },
          models: { strong: { provider: 'claude', id: 'claude-test', price: { input: 3, output: 15 } } },
        },
      })
    gateways = [await open(), await open(), await open()]
  })
  after(async () => {
    for (const gateway of gateways) await gateway.close()
    await cloud.close()
    await redis.stop()
  })
  const at = (index: number) => gateways[index % gateways.length] as TestGateway

  test('equal requests, streamed or not, in whatever API, ask the model once', async () => {
    const client = clients[0] as (typeof clients)[number]
    delayMs = 20
    const before = cloud.requests.length
    const replies = await Promise.all(
      Array.from({ length: 96 }, (_, index) =>
        at(index).post(client.path, client.body({ model: 'strong', stream: index % 4 === 1 })),
      ),
    )
    delayMs = 0
    assert.equal(cloud.requests.length - before, 1)
    for (const { statusCode, body } of replies) {
      assert.equal(statusCode, 200)
      assert.match(body, /One/)
    }
  })

  test('health and metrics tell of the part that they share', async () => {
    assert.equal((await at(0).get('/health')).json().parts.redis, 'ok')
    assert.match((await at(0).get('/metrics')).body, /api_gateway_part_up\{part="redis"\} 1/)
  })

  for (const client of clients) {
    test(`${client.name}: what one gateway was told another streams`, async () => {
      await at(0).post(client.path, client.body({ model: 'strong', stream: false }))
      await sleep(30)
      const before = cloud.requests.length
      const reply = await at(1).post(client.path, client.body({ model: 'strong', stream: true }))
      assert.equal(cloud.requests.length, before)
      assert.match(reply.body, /all who ask|One/)
    })
  }

  test('a tool loop, and a conversation that was passed on, go on with their model at another gateway', async () => {
    const open = () => Redis.open({ url: redis.url, prefix: 'notes:', deadlineMs: 200, say: () => {} })
    const [one, two] = [await open(), await open()]
    try {
      const calls = [{ type: 'tool-call' as const, id: 'toolu_1', name: 'f', arguments: '{}' }]
      const loops = [new ToolLoops(redisNotes(one, 'loops', 60_000)), new ToolLoops(redisNotes(two, 'loops', 60_000))]
      loops[0]?.remember(chat('What is it?'), 'strong', [{ content: calls, reason: 'tool-calls' }])
      await sleep(30)
      const result = { type: 'tool-result' as const, callId: 'toolu_1', name: 'f', content: [], isError: false }
      const next = chat('x', { messages: [{ role: 'tool', content: [result] }] })
      assert.equal(loops[1]?.modelOf(next), undefined)
      await loops[1]?.look(next)
      assert.equal(loops[1]?.modelOf(next), 'strong')

      const sessions = [one, two].map((each) => new Sessions(Date.now, redisNotes(each, 'sessions', 60_000)))
      sessions[0]?.saw('talk', { model: 'strong', escalated: true, tokens: 500 })
      await sleep(30)
      await sessions[1]?.look('talk')
      assert.deepEqual(sessions[1]?.last('talk'), { model: 'strong', sticky: true, cachedTokens: 500 })
      await two.command(['SET', two.key(`sessions:${createHash('sha256').update('bad').digest('base64url')}`), '[]'])
      await sessions[1]?.look('bad')
      assert.equal(sessions[1]?.last('bad'), undefined)
    } finally {
      await one.close()
      await two.close()
    }
  })
})
