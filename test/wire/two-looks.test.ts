import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { openTestGateway, type TestGatewayOptions } from '../fixtures/gateway.ts'
import { type AnthropicScript, startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { type OllamaScript, startOllamaStandIn } from '../fixtures/stand-ins/ollama.ts'

const key = 'sk-ant-test-key-0123456789'
const good = 'Paris is the capital of France.'
const long = 'word '.repeat(200)

interface Setting {
  readonly local: OllamaScript
  readonly cloud?: AnthropicScript
  readonly router?: Readonly<Record<string, unknown>>
  readonly more?: TestGatewayOptions['config']
}

/** A local 8B model behind Ollama, and Claude. */
async function open(context: TestContext, { local, cloud = { text: 'From Claude.' }, router, more = {} }: Setting) {
  const ollama = await startOllamaStandIn({ script: local, models: ['llama3.1:8b'] })
  const anthropic = await startAnthropicStandIn({ script: cloud, apiKey: key })
  const gateway = await openTestGateway({
    config: {
      ...more,
      providers: {
        ollama: { kind: 'ollama', url: ollama.url },
        anthropic: { kind: 'anthropic', base_url: anthropic.url, api_key: 'env:CLAUDE_KEY' },
      },
      models: {
        llama: { provider: 'ollama', id: 'llama3.1:8b', max_complexity: 0.6, context_tokens: 8192 },
        claude: { provider: 'anthropic', id: 'claude-sonnet-5-5', max_complexity: 1 },
      },
      router: { strategy: 'evidence', ...router },
      cache: { enabled: false },
    },
    environment: { CLAUDE_KEY: key },
  })
  context.after(async () => {
    await gateway.close()
    await Promise.all([ollama.close(), anthropic.close()])
  })
  const ask = async (body: object, headers: Record<string, string> = {}) => {
    const reply = await gateway.post('/api/v1/chat', { prompt: 'What is the capital of France?', ...body }, headers)
    return { status: reply.statusCode, headers: reply.headers, text: reply.body, json: () => reply.json() }
  }
  return { gateway, ollama, anthropic, ask }
}

describe('the second look', () => {
  test('a reply that the model is sure of ships', async (context) => {
    const { ask, anthropic } = await open(context, { local: { text: good, logprob: -0.001 } })
    const { routing, model, cost } = (await ask({})).json()
    assert.equal(model, 'llama', routing.reasoning)
    assert.equal(cost, 0)
    assert.equal(routing.evidence.escalates_to, 'claude')
    assert.equal(routing.attempts[0].check.verdict, 'shipped')
    assert.ok(routing.attempts[0].check.p >= routing.attempts[0].check.threshold)
    assert.equal(anthropic.requests.filter(({ path }) => path === '/v1/messages').length, 0)
  })

  test('one that it is not sure of is passed on once, and both are accounted for', async (context) => {
    const { ask, gateway } = await open(context, { local: { text: good, logprob: -2.5 } })
    const reply = await ask({})
    const { routing, model, response, cost, request_id } = reply.json()
    assert.equal(model, 'claude')
    assert.equal(response, 'From Claude.')
    assert.ok(cost > 0)
    assert.deepEqual(
      routing.attempts.map(({ model: name, outcome }: { model: string; outcome: string }) => [name, outcome]),
      [
        ['llama', 'escalated'],
        ['claude', 'answered'],
      ],
    )
    assert.equal(routing.degraded, false)
    assert.match(
      routing.reasoning,
      /The reply of llama was passed on to claude: good enough with a chance of \d+ %, needed/,
    )
    assert.equal(reply.headers['x-hybrid-model'], 'claude')
    const row = await gateway.house.account.find(request_id)
    assert.equal(row?.attempts[0]?.judgement?.verdict, 'escalated')
    assert.equal(row?.assessment?.strong, 'claude')
  })

  test('an empty reply is never shipped, whatever its probabilities', async (context) => {
    const { ask } = await open(context, { local: { text: '' } })
    assert.equal((await ask({})).json().model, 'claude')
  })

  test('where the strong model fails, the weak reply answers all the same, and says so', async (context) => {
    const failure = {
      kind: 'status',
      status: 529,
      body: { type: 'error', error: { type: 'overloaded_error', message: 'x' } },
    } as const
    const { ask, gateway } = await open(context, { local: { text: good, logprob: -2.5 }, cloud: { failure } })
    const { model, response, routing, request_id } = (await ask({})).json()
    assert.equal(model, 'llama')
    assert.equal(response, good)
    assert.equal(routing.degraded, true)
    assert.match(routing.reasoning, /llama answers all the same$/)
    const row = await gateway.house.account.find(request_id)
    assert.deepEqual([row?.model, row?.backend], ['llama', 'local'])
    const told = await gateway.post('/api/v1/feedback', { request_id, verdict: 'good' })
    assert.equal(told.json().model, 'llama')
  })

  test('where the strong model refuses a stream of which only the beginning was read, it is asked for once more', async (context) => {
    const body = { type: 'error', error: { type: 'invalid_request_error', message: 'no' } }
    const { ask } = await open(context, {
      local: { text: long, logprob: -2.5 },
      cloud: { failure: { kind: 'status', status: 400, body } },
    })
    assert.equal((await ask({ stream: true })).text.match(/word/g)?.length, 200)
  })

  test('what is left of a budget may not pay for a call: the model is none the worse for that', async (context) => {
    const { ask, gateway } = await open(context, {
      local: { text: good, logprob: -2.5 },
      router: { budget: { dollars: 0.02, period: 'day' } },
    })
    const { model, response, routing } = (await ask({})).json()
    assert.deepEqual([model, response], ['llama', good])
    assert.match(routing.reasoning, /claude was not called: what is left of the budget does not pay for it/)
    const claude = gateway.house.models.find(({ name }) => name === 'claude')
    assert.ok(claude !== undefined && gateway.house.availability(claude).available)
    const refused = await ask({}, { 'x-hybrid-policy': 'cloud-only' })
    assert.equal(refused.status, 402)
  })

  test('a model that is named is not second-guessed', async (context) => {
    const { ask } = await open(context, { local: { text: good, logprob: -2.5 } })
    const { model, routing } = (await ask({ model: 'llama' })).json()
    assert.equal(model, 'llama')
    assert.equal(routing.evidence.rule, 'pinned')
  })

  test('switched off, replies ship as they are', async (context) => {
    const { ask } = await open(context, {
      local: { text: good, logprob: -2.5 },
      router: { check: { enabled: false }, allowance: 0.9 },
    })
    const { model, routing } = (await ask({})).json()
    assert.equal(model, 'llama')
    assert.equal(routing.attempts[0].check, null)
  })
})

describe('streams', () => {
  test('nothing of a weak reply reaches the client', async (context) => {
    const { ask, ollama } = await open(context, { local: { text: long, logprob: -2.5 } })
    const { text } = await ask({ stream: true })
    assert.doesNotMatch(text, /word/)
    assert.match(text, /Claude/)
    assert.ok(ollama.requests.length > 0)
  })

  test('the server of a weak reply hears that nobody waits for the rest', async (context) => {
    const { ask, ollama } = await open(context, {
      local: { text: long, logprob: -2.5, failure: { kind: 'hang', afterChunks: 100 } },
    })
    assert.match((await ask({ stream: true })).text, /Claude/)
    await ollama.hungUp(1)
  })

  test('a good one is held for its first tokens only, and every word of it arrives', async (context) => {
    const { ask } = await open(context, { local: { text: long, logprob: -0.001 } })
    const { text } = await ask({ stream: true })
    assert.equal(text.match(/word/g)?.length, 200)
    assert.match(text, /"verdict":"(shipped|marked)"/)
  })

  test('a short one is judged when it is complete', async (context) => {
    const { ask } = await open(context, { local: { text: good, logprob: -0.001 } })
    const { text } = await ask({ stream: true })
    assert.match(text, /"partial":false/)
    assert.match(text, /Paris/)
  })

  test('a client of Ollama’s own API gets the strong model’s words in its own form', async (context) => {
    const { gateway } = await open(context, { local: { text: long, logprob: -2.5 } })
    const reply = await gateway.post('/api/chat', {
      model: 'auto',
      messages: [{ role: 'user', content: 'Hi, who wrote Faust?' }],
    })
    assert.equal(reply.headers['x-hybrid-model'], 'claude')
    assert.doesNotMatch(reply.body, /word/)
    assert.match(reply.body.trim().split('\n').at(-1) ?? '', /"done":true/)
  })
})

describe('what a caller asks of routing', () => {
  const sure = { text: good, logprob: -0.001 }

  test('local-only: no word leaves, whatever the reply is like', async (context) => {
    const { ask, anthropic } = await open(context, { local: { text: good, logprob: -2.5 } })
    const { model } = (await ask({}, { 'x-hybrid-policy': 'local-only' })).json()
    assert.equal(model, 'llama')
    assert.equal(anthropic.requests.filter(({ path }) => path === '/v1/messages').length, 0)
  })

  test('local-only and a cloud model by name: refused', async (context) => {
    const { ask } = await open(context, { local: sure })
    const reply = await ask({ model: 'claude' }, { 'x-hybrid-policy': 'local-only' })
    assert.equal(reply.status, 403)
    assert.match(reply.json().error, /'claude' runs in the cloud, and the request is local-only/)
  })

  test('local-only holds for vectors, too', async (context) => {
    const { gateway } = await open(context, { local: sure })
    const ask = (model: string) =>
      gateway.post('/v1/embeddings', { model, input: 'secret' }, { 'x-hybrid-policy': 'local-only' })
    const reply = await ask('claude')
    assert.equal(reply.statusCode, 403)
    assert.match(reply.body, /'claude' runs in the cloud, and the request is local-only/)
    assert.equal((await ask('llama')).statusCode, 200)
  })

  test('cloud-only', async (context) => {
    const { ask } = await open(context, { local: sure })
    assert.equal((await ask({}, { 'x-hybrid-policy': 'cloud-only' })).json().model, 'claude')
  })

  test('a cost limit that the strong model breaks leaves the local one', async (context) => {
    const { ask } = await open(context, { local: { text: good, logprob: -2.5 } })
    const { model, routing } = (await ask({}, { 'x-hybrid-max-cost': '0.000001' })).json()
    assert.equal(model, 'llama')
    assert.match(routing.reasoning, /claude may not be used: it would cost about/)
  })

  test('a quality that only the strong model has sends everything there', async (context) => {
    const { ask } = await open(context, { local: { text: good, logprob: -0.6 } })
    assert.equal((await ask({}, { 'x-hybrid-quality': '1' })).json().model, 'claude')
    assert.equal((await ask({}, { 'x-hybrid-quality': '0.3' })).json().model, 'llama')
  })

  test('what the heuristic cannot keep to is refused, not ignored', async (context) => {
    const { ask } = await open(context, { local: sure, router: { strategy: 'heuristic' } })
    const reply = await ask({}, { 'x-hybrid-max-cost': '0.01' })
    assert.equal(reply.status, 400)
    assert.match(reply.json().error, /x-hybrid-max-cost needs router.strategy: evidence/)
    assert.equal((await ask({}, { 'x-hybrid-policy': 'local-only' })).json().model, 'llama')
  })

  test('a wrong value is refused by its name', async (context) => {
    const { ask } = await open(context, { local: sure })
    const reply = await ask({}, { 'x-hybrid-quality': '95' })
    assert.equal(reply.status, 400)
    assert.match(reply.json().error, /x-hybrid-quality/)
  })

  test('a spent budget leaves the local model, and 402 where there is none', async (context) => {
    const { ask } = await open(context, {
      local: { text: good, logprob: -2.5 },
      router: { budget: { dollars: 0, period: 'day' } },
    })
    const { model, routing } = (await ask({})).json()
    assert.equal(model, 'llama')
    assert.match(routing.reasoning, /claude may not be used: the budget is spent until/)
    const refused = await ask({}, { 'x-hybrid-policy': 'cloud-only' })
    assert.equal(refused.status, 402)
    assert.match(refused.json().error, /the budget is spent until .* UTC/)
  })

  test('a quota bounds the strong calls of a caller', async (context) => {
    const { ask } = await open(context, {
      local: { text: good, logprob: -2.5 },
      router: { quota: { strong_per_hour: 2 } },
    })
    const models = []
    for (const _ of [1, 2, 3, 4]) models.push((await ask({})).json().model)
    assert.deepEqual(models, ['claude', 'claude', 'llama', 'llama'])
  })
})

describe('learning', () => {
  test('feedback moves what is known, and only of the request’s own model and kind of task', async (context) => {
    const { ask, gateway } = await open(context, { local: { text: good, logprob: -0.001 } })
    const before = (await ask({})).json()
    const chance = (reply: { routing: { evidence: { models: { model: string; p: number; n: number }[] } } }) =>
      reply.routing.evidence.models.find(({ model }) => model === 'llama')
    for (let i = 0; i < 12; i++) {
      const { request_id } = (await ask({ model: 'llama' })).json()
      const told = await gateway.post('/api/v1/feedback', { request_id, verdict: 'bad' })
      assert.equal(told.statusCode, 200, told.body)
      assert.deepEqual(told.json(), {
        request_id,
        model: 'llama',
        task: before.routing.evidence.cell.task,
        weight: 0.5,
      })
    }
    const after = (await ask({})).json()
    assert.ok((chance(after)?.p ?? 1) < (chance(before)?.p ?? 0) - 0.1)
    assert.ok((chance(after)?.n ?? 0) > 5)
    assert.equal(after.model, 'claude')
  })

  test('a request that is not there, or not of this kind, is named', async (context) => {
    const { gateway } = await open(context, { local: { text: good } })
    const unknown = await gateway.post('/api/v1/feedback', { request_id: 'nobody', verdict: 'good' })
    assert.equal(unknown.statusCode, 404)
    const wrong = await gateway.post('/api/v1/feedback', { request_id: 'x', verdict: 'superb' })
    assert.equal(wrong.statusCode, 400)
    assert.match(wrong.json().error, /verdict: must be good, bad or regenerated/)
  })

  test('a share of the replies that ship is compared, off the request’s path', async (context) => {
    const { ask, gateway, anthropic } = await open(context, {
      local: { text: good, logprob: -0.001 },
      cloud: { text: 'A: yes, B: yes' },
      router: { shadow: { share: 1 } },
    })
    const { request_id, model } = (await ask({})).json()
    assert.equal(model, 'llama')
    await gateway.house.settle()
    // The strong model’s own reply, and its verdict.
    assert.equal(anthropic.requests.filter(({ path }) => path.startsWith('/v1/messages')).length, 2)
    const labels = await gateway.house.labels.all()
    assert.deepEqual(
      labels.map(({ source, requestId, model: judged, good: value, strong }) => [
        source,
        requestId,
        judged,
        value,
        strong,
      ]),
      [['shadow', request_id, 'llama', 1, { model: 'claude', good: 1 }]],
    )
    // It costs, and is nobody's request.
    const stats = (await gateway.get('/api/v1/stats')).json()
    assert.equal(stats.total_requests, 1)
    assert.ok(stats.total_cost > 0)
  })
})
