import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { startOllamaStandIn } from '../fixtures/stand-ins/ollama.ts'
import type { Failure } from '../fixtures/stand-ins/script.ts'

const price = { input: 3, output: 15 }
const overloaded: Failure = { kind: 'status', status: 529 }

describe('a cloud that fails', () => {
  let cloud: Awaited<ReturnType<typeof startAnthropicStandIn>>
  let failures: (Failure | undefined)[] = []
  before(async () => {
    cloud = await startAnthropicStandIn({
      script: () => {
        const failure = failures.shift()
        return { text: 'An answer of three.', splitBytes: [0], ...(failure && { failure }) }
      },
    })
  })
  after(() => cloud.close())

  const open = (resilience: object, more: { readonly models?: object; readonly router?: object } = {}) =>
    openTestGateway({
      environment: { CLAUDE: 'sk-ant-test-key-0123456789' },
      config: {
        cache: { enabled: false },
        providers: { claude: { kind: 'anthropic', base_url: cloud.url, api_key: 'env:CLAUDE' } },
        models: {
          strong: { provider: 'claude', id: 'claude-test', price, max_complexity: 1 },
          ...more.models,
        },
        resilience: { retry_pause_seconds: 0.05, ...resilience },
      },
    })
  const ask = async (gateway: TestGateway, id: string, model = 'strong', stream = false) => {
    const response = await gateway.post(
      '/v1/chat/completions',
      { model, stream, messages: [{ role: 'user', content: `Question ${id}` }] },
      { 'x-request-id': id },
    )
    const row = await gateway.house.account.find(id)
    return { status: response.statusCode, body: response.body, row, calls: row?.attempts.map(({ outcome }) => outcome) }
  }

  test('what it refused is asked again, and each call is in the ledger', async () => {
    const gateway = await open({ retries: 2 })
    try {
      failures = [overloaded, { kind: 'status', status: 500 }]
      const { status, row, calls } = await ask(gateway, 'again')
      assert.deepEqual([status, calls], [200, ['failed', 'failed', 'answered']])
      assert.equal(row?.attempts[0]?.cost, 0)
      failures = [overloaded, overloaded, overloaded]
      assert.deepEqual((await ask(gateway, 'never')).calls, ['failed', 'failed', 'failed'])
    } finally {
      await gateway.close()
    }
  })

  test('what may have been charged, and what has begun, is not asked again', async () => {
    const gateway = await open({ retries: 2 })
    try {
      failures = [{ kind: 'cut', afterChunks: 0 }]
      assert.deepEqual((await ask(gateway, 'cut', 'strong', true)).calls, ['failed'])
      failures = [{ kind: 'cut', afterChunks: 4 }]
      assert.deepEqual((await ask(gateway, 'middle', 'strong', true)).calls, ['failed'])
      failures = [{ kind: 'status', status: 429, headers: { 'retry-after': '20' } }]
      assert.deepEqual((await ask(gateway, 'later')).calls, ['failed'])
    } finally {
      await gateway.close()
    }
  })

  test('an outage is not made worse', async () => {
    const gateway = await open({ retries: 2, breaker_failures: 1000 })
    try {
      failures = Array.from({ length: 500 }, () => overloaded)
      const before = cloud.requests.length
      for (let index = 0; index < 100; index++) await ask(gateway, `outage${index}`)
      assert.ok(cloud.requests.length - before <= 130, String(cloud.requests.length - before))
      failures = []
    } finally {
      await gateway.close()
    }
  })

  test('a model that rests is passed over; it is asked where nothing else is there, and comes back', async () => {
    const spare = {
      provider: 'echo',
      id: 'spare',
      price: { input: 50, output: 250 },
      max_complexity: 1,
      backend: 'cloud',
    }
    const gateway = await open({ retries: 0, breaker_failures: 2, breaker_rest_seconds: 0.3 }, { models: { spare } })
    const alone = await open({ retries: 0, breaker_failures: 2, breaker_rest_seconds: 60 })
    try {
      failures = [overloaded, overloaded]
      const models = []
      for (const id of ['1', '2', '3']) {
        const { row } = await ask(gateway, id, 'auto')
        models.push(row?.attempts.map(({ model }) => model).join())
      }
      assert.deepEqual(models, ['strong,spare', 'strong,spare', 'spare'])
      assert.match((await gateway.get('/metrics')).body, /api_gateway_breaker_state\{model="strong"\} 2/)
      await sleep(310)
      assert.equal((await ask(gateway, '4', 'auto')).row?.model, 'strong')

      failures = [overloaded, overloaded]
      for (const id of ['5', '6']) await ask(alone, id, 'auto')
      assert.equal((await ask(alone, '7', 'auto')).status, 200)
    } finally {
      await gateway.close()
      await alone.close()
    }
  })

  test('a chain of models that the operator named answers for one that was asked for by name', async () => {
    const second = { provider: 'echo', id: 'second', price, max_complexity: 1, backend: 'cloud', auto: false }
    const gateway = await open({ retries: 0, fallbacks: { strong: ['second'] } }, { models: { second } })
    try {
      failures = [overloaded]
      const { status, row } = await ask(gateway, 'chain')
      assert.deepEqual([status, row?.model, row?.requestedModel], [200, 'second', 'strong'])
      assert.match(row?.reasoning ?? '', /strong failed \(upstream_overloaded\).*second answered instead/)
    } finally {
      await gateway.close()
    }
  })

  test('hedging: what comes first is taken, the other one is stopped and counted', async () => {
    const gateway = await open({ retries: 0, hedge_after_seconds: 0.05, hedge_paid: true })
    try {
      const before = cloud.hangUps.length
      failures = []
      cloud.next({ text: 'late', delayMs: 5000 })
      const { status, calls, body } = await ask(gateway, 'hedge')
      assert.deepEqual([status, calls?.toSorted()], [200, ['answered', 'cancelled']])
      assert.match(body, /three/)
      while (cloud.hangUps.length === before) await sleep(5)
    } finally {
      await gateway.close()
    }
  })
})

describe('local servers', () => {
  const servers: Awaited<ReturnType<typeof startOllamaStandIn>>[] = []
  let delayMs = 0
  before(async () => {
    for (let index = 0; index < 2; index++) {
      servers.push(await startOllamaStandIn({ script: () => ({ text: 'It is so.', delayMs }) }))
    }
  })
  after(async () => {
    for (const server of servers) await server.close()
  })
  const chats = (index: number) => servers[index]?.requests.filter(({ path }) => path === '/api/chat').length ?? 0
  const open = (options: object, resilience: object = {}, models: object = {}) =>
    openTestGateway({
      config: {
        cache: { enabled: false },
        providers: {
          pair: { kind: 'ollama', url: servers[0]?.url, more_urls: [servers[1]?.url], ...options },
        },
        models: { small: { provider: 'pair', id: 'phi', max_complexity: 1 }, ...models },
        availability: { check_seconds: 1 },
        resilience,
      },
    })
  const ask = (gateway: TestGateway, text: string, model = 'small') =>
    gateway.post('/v1/chat/completions', { model, messages: [{ role: 'user', content: text }] })

  test('the one with the least to do gets the next request', async () => {
    const gateway = await open({ parallel: 8 })
    try {
      delayMs = 20
      const before = [chats(0), chats(1)]
      const replies = await Promise.all(Array.from({ length: 16 }, (_, index) => ask(gateway, `q${index}`)))
      assert.ok(replies.every(({ statusCode }) => statusCode === 200))
      assert.deepEqual([chats(0) - (before[0] ?? 0), chats(1) - (before[1] ?? 0)], [8, 8])
    } finally {
      delayMs = 0
      await gateway.close()
    }
  })

  test('one that dies is seen by nobody, left alone, and used again when it is back', async () => {
    const gateway = await open({ parallel: 8 })
    const port = Number(new URL(servers[1]?.url ?? '').port)
    try {
      await servers[1]?.close()
      for (let index = 0; index < 10; index++) assert.equal((await ask(gateway, `dead${index}`)).statusCode, 200)
      servers[1] = await startOllamaStandIn({ script: { text: 'I am back.' }, port })
      await gateway.house.rooms.availability.checkNow()
      const replies = await Promise.all(Array.from({ length: 8 }, (_, index) => ask(gateway, `back${index}`)))
      assert.ok(replies.every(({ statusCode }) => statusCode === 200))
      assert.equal(chats(1), 4)
    } finally {
      await gateway.close()
    }
  })

  test('a wait that is too long is spent at another model, and a request that names the model waits', async () => {
    const other = { provider: 'echo', id: 'other', price, max_complexity: 1, backend: 'cloud' }
    const gateway = await open({ parallel: 1, more_urls: [] }, { spill_after_seconds: 0.5 }, { other })
    try {
      delayMs = 100
      const busy = ask(gateway, 'first')
      while (chats(0) === 0 || gateway.house.rooms.queues.waiting().get('pair') === undefined) await sleep(1)
      const spilled = await ask(gateway, 'second', 'auto')
      assert.equal(spilled.headers['x-hybrid-model'], 'other')
      const waited = await ask(gateway, 'third')
      assert.deepEqual([waited.statusCode, waited.headers['x-hybrid-model']], [200, 'small'])
      assert.equal((await busy).statusCode, 200)
    } finally {
      delayMs = 0
      await gateway.close()
    }
  })
})
