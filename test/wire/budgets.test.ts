import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { type RedisServer, startRedis } from '../fixtures/redis-server.ts'
import { startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import type { Failure } from '../fixtures/stand-ins/script.ts'

const price = { input: 3, output: 15 }
const key = 'client-key-0123456789'
const admin = { authorization: 'Bearer admin-key-0123456789' }

describe('budgets over the wire', () => {
  let cloud: Awaited<ReturnType<typeof startAnthropicStandIn>>
  let redis: RedisServer
  let words = 40
  let failure: Failure | undefined
  before(async () => {
    cloud = await startAnthropicStandIn({
      script: () => ({ text: Array.from({ length: words }, () => 'word').join(' '), ...(failure && { failure }) }),
    })
    redis = await startRedis()
  })
  after(async () => {
    await cloud.close()
    await redis.stop()
  })

  const open = (config: Readonly<Record<string, unknown>>, more: Readonly<Record<string, string>> = {}) =>
    openTestGateway({
      environment: { CLAUDE: 'sk-ant-test-key-0123456789', CLIENT: key, ADMIN: 'admin-key-0123456789', ...more },
      config: {
        server: { keys: ['env:CLIENT'], admin_key: 'env:ADMIN' },
        cache: { enabled: false },
        providers: { claude: { kind: 'anthropic', base_url: cloud.url, api_key: 'env:CLAUDE' } },
        models: {
          strong: { provider: 'claude', id: 'claude-test', price, max_complexity: 1 },
          unpriced: { provider: 'claude', id: 'claude-test', price: 'unknown', auto: false },
          small: { provider: 'echo', id: 'parrot', max_complexity: 0, context_tokens: 100_000, auto: true },
        },
        ...config,
      },
    })
  const ask = (gateway: TestGateway, model = 'strong', more: object = {}) =>
    gateway.post(
      '/v1/chat/completions',
      { model, max_tokens: 100, messages: [{ role: 'user', content: 'Prove that there are many primes.' }], ...more },
      { authorization: `Bearer ${key}` },
    )

  test('a spent budget is 402 in the words of each API, with the time at which it begins anew', async () => {
    const gateway = await open({ budgets: { keys: [{ dollars: 0.001, period: 'day' }] } })
    try {
      assert.equal((await ask(gateway)).statusCode, 200)
      while ((await ask(gateway)).statusCode === 200);
      const refused = await ask(gateway)
      assert.equal(refused.statusCode, 402)
      assert.match(refused.json().error.message, /^the budget of key .* \(\$0.001 a day\) is spent until \d{4}-.* UTC$/)
      assert.ok(Number(refused.headers['retry-after']) > 0)
      const anthropic = await gateway.post(
        '/v1/messages',
        { model: 'strong', max_tokens: 100, messages: [{ role: 'user', content: 'Go on.' }] },
        { 'x-api-key': key },
      )
      assert.deepEqual([anthropic.statusCode, anthropic.json().error.type], [402, 'billing_error'])
      assert.equal((await ask(gateway, 'small')).statusCode, 200)

      const { budgets } = (await gateway.get('/admin/v1/budgets', admin)).json()
      const [own] = budgets.filter(({ spent_dollars: spent }: { spent_dollars: number }) => spent > 0)
      assert.ok(own === undefined || own.left_dollars === 0)
    } finally {
      await gateway.close()
    }
  })

  test('it is not passed by more than a reply, whoever asks and however', async () => {
    const limit = 0.01
    const gateways = await Promise.all(
      [1, 2, 3].map(() =>
        open({
          redis: { url: redis.url },
          budgets: { keys: [{ dollars: limit, period: 'day' }] },
        }),
      ),
    )
    try {
      words = 90
      let refused = 0
      await Promise.all(
        Array.from({ length: 96 }, async (_, client) => {
          while (refused < 96) {
            const gateway = gateways[client % 3] as TestGateway
            const response = await ask(gateway, client % 4 === 0 ? 'auto' : 'strong', { stream: client % 2 === 0 })
            if (response.statusCode === 402) refused++
            else assert.equal(response.statusCode, 200, response.body)
          }
        }),
      )
      words = 40
      const sums = await Promise.all(gateways.map(({ house }) => house.account.statistics(0)))
      const spent = sums.reduce((sum, { total_cost: cost }) => sum + cost, 0)
      assert.ok(spent >= limit * 0.95 && spent <= limit + 0.0024, String(spent))
    } finally {
      for (const gateway of gateways) await gateway.close()
    }
  })

  test('local: routed requests go on with models that cost nothing, and say so; a named one is 402', async () => {
    const gateway = await open({ budgets: { when_spent: 'local', whole: [{ dollars: 0, period: 'month' }] } })
    try {
      const routed = await ask(gateway, 'auto')
      assert.deepEqual([routed.statusCode, routed.headers['x-hybrid-model']], [200, 'small'], routed.body)
      assert.equal(routed.headers['x-hybrid-degraded'], 'true')
      assert.equal((await ask(gateway, 'strong')).statusCode, 402)
    } finally {
      await gateway.close()
    }
  })

  test('refuse: a routed request is 402, too', async () => {
    const gateway = await open({ budgets: { whole: [{ dollars: 0, period: 'month' }] } })
    try {
      assert.equal((await ask(gateway, 'auto')).statusCode, 402)
    } finally {
      await gateway.close()
    }
  })

  test('an unknown price voids no budget', async () => {
    const gateway = await open({ budgets: { keys: [{ dollars: 1, period: 'day' }] } })
    try {
      const refused = await ask(gateway, 'unpriced')
      assert.equal(refused.statusCode, 402)
      assert.match(refused.json().error.message, /set models\.unpriced\.price/)
    } finally {
      await gateway.close()
    }
  })

  test('a reply of unsaid length is kept to what is paid for, and a failed call gives its money back', async () => {
    const gateway = await open({ budgets: { keys: [{ dollars: 0.1, period: 'day' }] } })
    try {
      const first = await ask(gateway, 'strong', { max_tokens: undefined })
      assert.equal(first.statusCode, 200)
      const sent = cloud.requests.at(-1)?.body as { max_tokens: number }
      assert.equal(sent.max_tokens, 4096)
      failure = { kind: 'status', status: 500 }
      assert.equal((await ask(gateway, 'strong')).statusCode, 502)
      failure = undefined
      await sleep(5)
      const { budgets } = (await gateway.get('/admin/v1/budgets', admin)).json()
      assert.ok(budgets.every(({ reserved_dollars: reserved }: { reserved_dollars: number }) => reserved === 0))
    } finally {
      await gateway.close()
    }
  })

  test('alerts are posted once each over all gateways, again where nobody took them', async () => {
    const posted: { threshold: number; budget: string }[] = []
    let failures = 1
    const receiver = createServer(async (request, response) => {
      const body = (await json(request)) as { threshold: number; budget: string }
      if (failures-- > 0) return void response.writeHead(503).end()
      posted.push(body)
      response.writeHead(204).end()
    })
    receiver.listen(0, '127.0.0.1')
    await once(receiver, 'listening')
    const hook = `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/hook`
    const config = {
      redis: { url: redis.url, prefix: 'alerts:' },
      budgets: { whole: [{ dollars: 0.002, period: 'day' }], alerts: { webhook: 'env:HOOK', at: [0.5, 1] } },
    }
    const gateways = [await open(config, { HOOK: hook }), await open(config, { HOOK: hook })]
    try {
      for (let turn = 0; turn < 8; turn++) for (const gateway of gateways) await ask(gateway)
      while (posted.length < 2) await sleep(20)
      assert.deepEqual(posted.map(({ budget, threshold }) => [budget, threshold]).toSorted(), [
        ['whole', 0.5],
        ['whole', 1],
      ])
      const metrics = await (gateways[0] as TestGateway).get('/metrics', admin)
      assert.match(metrics.body, /api_gateway_budget_spent_ratio\{budget="whole",period="day"\} 1\./)
    } finally {
      for (const gateway of gateways) await gateway.close()
      receiver.close()
    }
  })
})
