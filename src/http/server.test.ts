import assert from 'node:assert/strict'
import { once } from 'node:events'
import { connect } from 'node:net'
import { after, before, describe, test } from 'node:test'
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { openTestGateway, type TestGateway } from '../../test/fixtures/gateway.ts'

describe('bad input', () => {
  let gateway: TestGateway
  before(async () => {
    gateway = await openTestGateway({ config: { server: { body_limit_bytes: 400_000 } } })
  })
  after(() => gateway.close())

  const chat = '/api/v1/chat'
  const deep = `${'['.repeat(100)}${']'.repeat(100)}`
  const bodies: readonly { name: string; body: unknown; status: number; error: RegExp; field?: string }[] = [
    { name: 'not JSON', body: '{"prompt": ', status: 400, error: /not valid JSON/ },
    { name: 'empty', body: '', status: 400, error: /body is empty/ },
    { name: 'an array', body: [], status: 400, error: /must be a JSON object/ },
    { name: 'null', body: 'null', status: 400, error: /must be a JSON object/ },
    { name: 'a number', body: '12', status: 400, error: /must be a JSON object/ },
    { name: 'no prompt', body: {}, status: 400, error: /'prompt' is missing/, field: 'prompt' },
    { name: 'empty prompt', body: { prompt: ' \n' }, status: 400, error: /'prompt' is empty/, field: 'prompt' },
    {
      name: 'prompt of the wrong type',
      body: { prompt: 5 },
      status: 400,
      error: /prompt: must be a string/,
      field: 'prompt',
    },
    { name: 'null prompt', body: { prompt: null }, status: 400, error: /prompt: must be a string/ },
    { name: 'both forms', body: { prompt: 'a', messages: [] }, status: 400, error: /not both/ },
    { name: 'no messages', body: { messages: [] }, status: 400, error: /'messages' is empty/ },
    {
      name: 'only a system message',
      body: { messages: [{ role: 'system', content: 'x' }] },
      status: 400,
      error: /empty/,
    },
    {
      name: 'a role that is none',
      body: {
        messages: [
          { role: 'user', content: 'x' },
          { role: 'king', content: 'x' },
        ],
      },
      status: 400,
      error: /^messages\[1\]\.role: must be system, user, assistant or tool$/,
      field: 'messages[1].role',
    },
    {
      name: 'max_tokens 0',
      body: { prompt: 'x', max_tokens: 0 },
      status: 400,
      error: /max_tokens: must be a whole/,
      field: 'max_tokens',
    },
    { name: 'max_tokens 1.5', body: { prompt: 'x', max_tokens: 1.5 }, status: 400, error: /max_tokens/ },
    {
      name: 'temperature 3',
      body: { prompt: 'x', temperature: 3 },
      status: 400,
      error: /temperature: must be a number from 0 to 2/,
    },
    { name: 'stream "yes"', body: { prompt: 'x', stream: 'yes' }, status: 400, error: /stream: must be true or false/ },
    { name: 'metadata text', body: { prompt: 'x', metadata: 'x' }, status: 400, error: /metadata: must be an object/ },
    {
      name: 'unknown model',
      body: { prompt: 'x', model: 'gpt-9' },
      status: 422,
      error: /known ones are: auto, baseline, parrot/,
      field: 'model',
    },
    {
      name: 'a prompt that is too long',
      body: { prompt: 'x'.repeat(100_001) },
      status: 413,
      error: /100001 characters; the limit is 100000/,
      field: 'prompt',
    },
    {
      name: 'a body that is too large',
      body: { prompt: 'x'.repeat(500_000) },
      status: 413,
      error: /over the limit of 400000 bytes/,
    },
    { name: 'deep nesting', body: `{"prompt": ${deep}}`, status: 400, error: /nested deeper than 64/ },
    {
      name: 'deep nesting in a field that nobody reads',
      body: `{"prompt": "x", "y": ${deep}}`,
      status: 400,
      error: /nested/,
    },
  ]
  for (const { name, body, status, error, field } of bodies) {
    test(`${name}: ${status}`, async () => {
      const reply = await gateway.post(chat, body)
      assert.equal(reply.statusCode, status)
      const json = reply.json()
      assert.match(json.error, error)
      assert.equal(json.request_id, reply.headers['x-request-id'])
      if (field !== undefined) assert.equal(json.field, field)
      assert.doesNotMatch(reply.body, /node_modules|\.ts:|at Object/)
    })
  }

  test('a prompt at the limit is taken', async () => {
    assert.equal((await gateway.post(chat, { prompt: 'x'.repeat(100_000) })).statusCode, 200)
  })

  test('bytes that are no UTF-8: 400', async () => {
    const payload = Buffer.concat([Buffer.from('{"prompt": "'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')])
    const reply = await gateway.app.inject({
      method: 'POST',
      url: chat,
      headers: { 'content-type': 'application/json' },
      payload,
    })
    assert.equal(reply.statusCode, 400)
    assert.match(reply.json().error, /not valid UTF-8/)
  })

  test('__proto__ reaches nothing', async () => {
    const reply = await gateway.post(
      chat,
      '{"prompt": "x", "__proto__": {"polluted": true}, "metadata": {"__proto__": {"polluted": true}}}',
    )
    assert.equal(reply.statusCode, 200)
    assert.equal(({} as { polluted?: boolean }).polluted, undefined)
  })

  for (const type of ['text/plain', 'application/xml', 'multipart/form-data; boundary=x', '']) {
    test(`content type '${type}': 415`, async () => {
      const reply = await gateway.app.inject({
        method: 'POST',
        url: chat,
        headers: { 'content-type': type },
        payload: '{"prompt":"x"}',
      })
      assert.equal(reply.statusCode, 415)
      assert.match(reply.json().error, /application\/json/)
    })
  }

  const senders: Record<string, string>[] = [{}, { origin: 'http://page.test' }, { 'sec-fetch-site': 'cross-site' }]
  for (const headers of senders) {
    test(`JSON as curl -d sends it, with ${JSON.stringify(headers)}`, async () => {
      const type = { 'content-type': 'application/x-www-form-urlencoded' }
      const reply = await gateway.post(chat, { prompt: 'x' }, { ...type, ...headers })
      assert.equal(reply.statusCode, Object.keys(headers).length === 0 ? 200 : 415)
    })
  }

  test('content type with a charset is taken', async () => {
    const reply = await gateway.post(chat, { prompt: 'x' }, { 'content-type': 'application/json; charset=utf-8' })
    assert.equal(reply.statusCode, 200)
  })

  const packed: readonly (readonly [string, (text: string) => Buffer])[] = [
    ['gzip', gzipSync],
    ['deflate', deflateSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
  ]
  for (const [encoding, pack] of packed) {
    const send = (payload: Buffer) =>
      gateway.app.inject({
        method: 'POST',
        url: chat,
        headers: { 'content-type': 'application/json', 'content-encoding': encoding },
        payload,
      })
    test(`a body in ${encoding} is taken`, async () => {
      const reply = await send(pack('{"prompt": "one two"}'))
      assert.deepEqual([reply.statusCode, reply.json().response], [200, 'one two'])
    })

    test(`a small body in ${encoding} that unpacks to a large one: 413`, async () => {
      const reply = await send(pack(`{"prompt": "${'x'.repeat(11_000_000)}"}`))
      assert.equal(reply.statusCode, 413)
      assert.match(reply.json().error, /unpacked body is over the limit/)
    })

    test(`what is no ${encoding}: 400`, async () => {
      assert.equal((await send(Buffer.from('{"prompt": "x"}'))).statusCode, 400)
    })
  }

  for (const encoding of ['compress', 'gzip, gzip', 'toString']) {
    test(`a body in '${encoding}': 415`, async () => {
      const reply = await gateway.post(chat, { prompt: 'x' }, { 'content-encoding': encoding })
      assert.equal(reply.statusCode, 415)
      assert.match(reply.json().error, /is not supported: send the body as it is, or as gzip/)
    })
  }

  test('a body that says that it is not compressed is taken', async () => {
    assert.equal((await gateway.post(chat, { prompt: 'x' }, { 'content-encoding': 'identity' })).statusCode, 200)
  })

  test('unknown path: 404, with the way out', async () => {
    const reply = await gateway.get('/api/v2/chat')
    assert.equal(reply.statusCode, 404)
    assert.match(reply.json().error, /nothing at GET \/api\/v2\/chat; see \/openapi\.json/)
  })

  test('an unknown path: 404, whatever the body is', async () => {
    assert.equal((await gateway.post('/api/v2/chat', '{"prompt": ')).statusCode, 404)
    assert.equal((await gateway.post('/api/v2/chat', 'x', { 'content-type': 'text/plain' })).statusCode, 404)
  })

  for (const [method, url, allow] of [
    ['QUERY', '/health', 'GET'],
    ['GET', '/api/v1/chat', 'POST'],
    ['DELETE', '/api/v1/chat', 'POST'],
    ['POST', '/api/v1/stats', 'GET'],
    ['PUT', '/v1/chat/completions', 'POST'],
  ] as const) {
    test(`${method} ${url}: 405`, async () => {
      const reply = await gateway.app.inject({ method: method as 'GET', url })
      assert.equal(reply.statusCode, 405)
      assert.equal(reply.headers.allow, allow)
    })
  }

  for (const window of ['', '24', 'h', '-1h', '1y', '9999999h', "1h'--"]) {
    test(`window '${window}': 400`, async () => {
      const reply = await gateway.get(`/api/v1/stats?window=${encodeURIComponent(window)}`)
      assert.equal(reply.statusCode, 400)
      assert.equal(reply.json().field, 'window')
    })
  }

  const openai = '/v1/chat/completions'
  const hello = { role: 'user', content: 'x' }
  const openaiBodies: readonly { name: string; body: object; status: number; param: string | null; type: string }[] = [
    { name: 'no model', body: { messages: [hello] }, status: 400, param: 'model', type: 'invalid_request_error' },
    { name: 'no messages', body: { model: 'auto' }, status: 400, param: 'messages', type: 'invalid_request_error' },
    {
      name: 'empty messages',
      body: { model: 'auto', messages: [] },
      status: 400,
      param: 'messages',
      type: 'invalid_request_error',
    },
    {
      name: 'unknown model',
      body: { model: 'x', messages: [hello] },
      status: 422,
      param: 'model',
      type: 'invalid_request_error',
    },
    {
      name: 'a tool without a type',
      body: { model: 'auto', messages: [hello], tools: [{}] },
      status: 400,
      param: 'tools[0].type',
      type: 'invalid_request_error',
    },
    {
      name: 'n = 0',
      body: { model: 'auto', messages: [hello], n: 0 },
      status: 400,
      param: 'n',
      type: 'invalid_request_error',
    },
    {
      name: 'an image that is none',
      body: { model: 'auto', messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'x' } }] }] },
      status: 400,
      param: 'messages[0].content[0].image_url.url',
      type: 'invalid_request_error',
    },
    {
      name: 'a part whose type cannot be printed',
      body: { model: 'auto', messages: [{ role: 'user', content: [{ type: { toString: 1 }, text: 'x' }] }] },
      status: 400,
      param: 'messages[0].content[0].type',
      type: 'invalid_request_error',
    },
    {
      name: 'modalities that cannot be printed',
      body: { model: 'auto', messages: [hello], modalities: { toString: 1 } },
      status: 400,
      param: 'modalities',
      type: 'invalid_request_error',
    },
    {
      name: 'speech, which no model here can do',
      body: { model: 'auto', messages: [hello], modalities: ['text', 'audio'] },
      status: 400,
      param: 'modalities',
      type: 'invalid_request_error',
    },
    {
      name: 'a response format without a type',
      body: { model: 'auto', messages: [hello], response_format: {} },
      status: 400,
      param: 'response_format.type',
      type: 'invalid_request_error',
    },
  ]
  for (const { name, body, status, param, type } of openaiBodies) {
    test(`OpenAI, ${name}: ${status}`, async () => {
      const reply = await gateway.post(openai, body)
      assert.equal(reply.statusCode, status)
      const { error } = reply.json()
      assert.deepEqual([error.param, error.type], [param, type])
    })
  }

  test('an unknown path below /v1 speaks OpenAI', async () => {
    const reply = await gateway.get('/v1/nothing')
    assert.equal(reply.statusCode, 404)
    assert.equal(reply.json().error.code, 'not_found')
  })
})

describe('what only a socket can send', () => {
  let gateway: TestGateway
  let port: number
  before(async () => {
    gateway = await openTestGateway({ config: { server: { receive_timeout_seconds: 0.2, header_limit_bytes: 4096 } } })
    port = Number(new URL(await gateway.listen()).port)
  })
  after(() => gateway.close())

  const head = 'POST /api/v1/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n'
  const cases: readonly { name: string; send: string; status: number; body?: RegExp }[] = [
    {
      name: 'a flood of headers',
      send: `GET / HTTP/1.1\r\nhost: localhost\r\n${'a: b\r\n'.repeat(2000)}\r\n`,
      status: 431,
    },
    {
      name: 'one huge header',
      send: `GET / HTTP/1.1\r\nhost: localhost\r\na: ${'b'.repeat(10_000)}\r\n\r\n`,
      status: 431,
    },
    { name: 'half a body', send: `${head}content-length: 100\r\n\r\n{"prompt":`, status: 408 },
    { name: 'half a head', send: 'GET / HTTP/1.1\r\nhost:', status: 408 },
    { name: 'no HTTP', send: 'hello\r\n\r\n', status: 400 },
    { name: 'two lengths', send: `${head}content-length: 5\r\ncontent-length: 6\r\n\r\nhello`, status: 400 },
    {
      name: 'length and chunks',
      send: `${head}content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n`,
      status: 400,
    },
    { name: 'a malformed chunk', send: `${head}transfer-encoding: chunked\r\n\r\nzz\r\n`, status: 400 },
    {
      name: 'an expectation nobody knows',
      send: `${head}content-length: 0\r\nexpect: tea\r\nconnection: close\r\n\r\n`,
      status: 417,
      body: /"code":"expectation_failed"/,
    },
    { name: 'no host', send: 'GET /health HTTP/1.1\r\n\r\n', status: 400 },
    { name: 'a malformed URL', send: 'GET /%zz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n', status: 400 },
  ]
  for (const { name, send, status, body = /"error":/ } of cases) {
    test(`${name}: ${status}`, async () => {
      const reply = await replyTo(port, send)
      assert.equal(Number(/^HTTP\/1\.1 (\d+)/.exec(reply)?.[1]), status)
      assert.match(reply, body)
    })
  }

  test('and it still answers afterwards', async () => {
    assert.equal((await gateway.post('/api/v1/chat', { prompt: 'x' })).statusCode, 200)
  })
})

describe('stopping', () => {
  const head =
    'POST /api/v1/chat HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n'
  for (const { name, send, event } of [
    { name: 'half a head', send: head, event: 'connection' },
    { name: 'half a body', send: `${head}\r\n{"prompt":`, event: 'request' },
  ]) {
    test(`does not wait for ever for ${name}`, { timeout: 20_000 }, async () => {
      const gateway = await openTestGateway({ config: { server: { drain_seconds: 0.05 } } })
      const reply = replyTo(Number(new URL(await gateway.listen()).port), send)
      await once(gateway.app.server, event)
      await gateway.close()
      await reply
    })
  }
})

describe('request ids', () => {
  const cases = [
    { name: 'a plain one is kept', given: 'abc-123_x.y:z', kept: true },
    { name: 'one that could forge a log line is not', given: 'abc def', kept: false },
    { name: 'a long one is not', given: 'x'.repeat(101), kept: false },
  ]
  for (const { name, given, kept } of cases) {
    test(name, async () => {
      const gateway = await openTestGateway()
      const reply = await gateway.post('/api/v1/chat', { prompt: 'x' }, { 'x-request-id': given })
      assert.equal(reply.headers['x-request-id'] === given, kept)
      assert.equal(reply.json().request_id, reply.headers['x-request-id'])
      await gateway.close()
    })
  }
})

describe('keys', () => {
  const options = { environment: { HYBRID_API_KEY: 'sesame' } }
  const cases: readonly { name: string; headers: Record<string, string>; status: number }[] = [
    { name: 'none', headers: {}, status: 401 },
    { name: 'a wrong one', headers: { authorization: 'Bearer sesam' }, status: 401 },
    { name: 'the right one as bearer', headers: { authorization: 'Bearer sesame' }, status: 200 },
    { name: 'the right one as x-api-key', headers: { 'x-api-key': 'sesame' }, status: 200 },
    { name: 'the right one in the wrong scheme', headers: { authorization: 'Basic sesame' }, status: 401 },
  ]
  for (const { name, headers, status } of cases) {
    test(`${name}: ${status}`, async () => {
      const gateway = await openTestGateway(options)
      const reply = await gateway.post(
        '/v1/chat/completions',
        { model: 'auto', messages: [{ role: 'user', content: 'x' }] },
        headers,
      )
      assert.equal(reply.statusCode, status)
      assert.doesNotMatch(reply.body, /sesame/)
      assert.equal((await gateway.get('/health')).statusCode, 200)
      await gateway.close()
    })
  }
})

describe('the rate limit', () => {
  test('refuses with Retry-After, per client, and leaves the operator’s pages alone', async () => {
    const gateway = await openTestGateway({ config: { limits: { rate: '3/minute' }, server: { trust_proxy: true } } })
    const from = (address: string) => gateway.post('/api/v1/chat', { prompt: 'x' }, { 'x-forwarded-for': address })
    const statuses: number[] = []
    for (let index = 0; index < 4; index++) statuses.push((await from('10.0.0.1')).statusCode)
    assert.deepEqual(statuses, [200, 200, 200, 429])
    const refused = await from('10.0.0.1')
    assert.ok(Number(refused.headers['retry-after']) >= 1)
    assert.equal(refused.headers['ratelimit-limit'], '3')
    assert.equal(refused.json().code, 'rate_limited')
    assert.equal((await from('10.0.0.2')).statusCode, 200)
    assert.equal((await gateway.get('/health', { 'x-forwarded-for': '10.0.0.1' })).statusCode, 200)
    await gateway.close()
  })
})

describe('CORS', () => {
  const origin = { origin: 'https://app.example' }
  test('is off by default', async () => {
    const gateway = await openTestGateway()
    const reply = await gateway.get('/health', origin)
    assert.equal(reply.headers['access-control-allow-origin'], undefined)
    assert.equal(
      (await gateway.app.inject({ method: 'OPTIONS', url: '/api/v1/chat', headers: origin })).statusCode,
      405,
    )
    await gateway.close()
  })
  test('lets the listed origins in', async () => {
    const gateway = await openTestGateway({ config: { server: { cors_origins: ['https://app.example'] } } })
    const preflight = await gateway.app.inject({ method: 'OPTIONS', url: '/api/v1/chat', headers: origin })
    assert.equal(preflight.statusCode, 204)
    assert.equal(preflight.headers['access-control-allow-origin'], 'https://app.example')
    const other = await gateway.get('/health', { origin: 'https://evil.example' })
    assert.equal(other.headers['access-control-allow-origin'], undefined)
    await gateway.close()
  })
})

describe('answers', () => {
  let gateway: TestGateway
  before(async () => {
    gateway = await openTestGateway()
  })
  after(() => gateway.close())

  test('native, whole', async () => {
    const reply = await gateway.post('/api/v1/chat', { prompt: 'How are you?', system: 'Be kind.' })
    const json = reply.json()
    assert.equal(json.response, 'How are you?')
    assert.deepEqual([json.model, json.backend, json.cost, json.cached], ['parrot', 'local', 0, false])
    assert.deepEqual(json.routing.factors, { length: 0.1, keywords: 0, code: 0, task: -0.1 })
    assert.match(json.routing.reasoning, /^Complexity 0\.00: short prompt, simple question\. /)
    assert.equal(reply.headers['x-hybrid-model'], 'parrot')
    assert.equal(reply.headers['x-hybrid-cost'], '0')
  })

  test('native, streamed', async () => {
    const reply = await gateway.post('/api/v1/chat', { prompt: 'a b', stream: true })
    assert.match(String(reply.headers['content-type']), /^text\/event-stream/)
    const events = [...reply.body.matchAll(/event: (.+)\ndata: (.+)\n\n/g)].map(([, event, data]) => [
      event,
      JSON.parse(data ?? ''),
    ])
    assert.deepEqual(
      events.map(([event]) => event),
      ['start', 'delta', 'delta', 'done'],
    )
    assert.equal(events.at(-1)?.[1].usage.output_tokens, 2)
  })

  test('a route is explained and nothing runs', async () => {
    const reply = await gateway.post('/api/v1/complexity', { prompt: 'Design a house' })
    const { complexity, recommended_model, backend, plan } = reply.json()
    assert.deepEqual([complexity, recommended_model, backend, plan], [0.2, 'parrot', 'local', ['parrot']])
    assert.equal(await gateway.house.account.find(reply.json().request_id), undefined)
  })

  test('an error inside a stream ends it in the words of the dialect', async () => {
    const flaky = await openTestGateway({
      config: { providers: { echo: { kind: 'echo', fail_with: 'upstream_failed', fail_after_words: 1 } } },
    })
    const native = await flaky.post('/api/v1/chat', { prompt: 'a b', stream: true })
    assert.match(
      native.body,
      /event: delta\n[\s\S]*event: error\ndata: \{"error":"provider 'echo'.*"code":"upstream_failed"/,
    )
    const openai = await flaky.post('/v1/chat/completions', {
      model: 'auto',
      stream: true,
      messages: [{ role: 'user', content: 'a b' }],
    })
    assert.match(openai.body, /data: \{"error":\{"message":"provider 'echo'.*"type":"server_error"/)
    assert.doesNotMatch(openai.body, /\[DONE\]/)
    await flaky.close()
  })

  test('an error before the first content keeps its status, streamed or not', async () => {
    const broken = await openTestGateway({
      config: { providers: { echo: { kind: 'echo', fail_with: 'upstream_rate_limited' } } },
    })
    for (const stream of [true, false]) {
      const reply = await broken.post('/api/v1/chat', { prompt: 'a b', stream })
      assert.equal(reply.statusCode, 429)
      assert.equal(reply.json().code, 'upstream_rate_limited')
    }
    await broken.close()
  })

  test('a slow first word is bridged by heartbeats', async () => {
    const slow = await openTestGateway({
      config: { providers: { echo: { kind: 'echo', delay_ms: 100 } } },
      heartbeatMs: 10,
    })
    const reply = await slow.post('/v1/chat/completions', {
      model: 'auto',
      stream: true,
      messages: [{ role: 'user', content: 'a' }],
    })
    assert.match(reply.body, /^: still working\n\n[\s\S]*"content":"a"[\s\S]*\[DONE\]/)
    await slow.close()
  })

  test('metrics carry the promised names', async () => {
    await gateway.post('/api/v1/chat', { prompt: 'count me' })
    const { body } = await gateway.get('/metrics')
    for (const line of [
      /^api_gateway_requests_total\{model="parrot",backend="local",status="success"\} \d+$/m,
      /^api_gateway_request_duration_seconds_count\{model="parrot",backend="local"\} \d+$/m,
      /^api_gateway_cost_total\{model="parrot"\} 0$/m,
      /^api_gateway_cache_total\{result="miss"\} \d+$/m,
    ]) {
      assert.match(body, line)
    }
  })

  test('health tells the state of each part', async () => {
    const reply = await gateway.get('/health')
    assert.equal(reply.statusCode, 200)
    const { status, models, ledger } = reply.json()
    assert.deepEqual([status, models.parrot, ledger.store, ledger.status], ['ok', 'available', 'sqlite', 'ok'])
    assert.equal((await gateway.get('/health/live')).statusCode, 200)
    assert.equal((await gateway.get('/health/ready')).statusCode, 200)
  })

  test('health is 503 when no model can answer', async () => {
    const config = {
      providers: { anthropic: { kind: 'anthropic', api_key: 'env:NOT_SET' } },
      models: { claude: { provider: 'anthropic', id: 'claude-sonnet-5-5' } },
    }
    const empty = await openTestGateway({ config })
    assert.equal((await empty.get('/health')).statusCode, 503)
    assert.equal((await empty.get('/health/ready')).statusCode, 503)
    assert.equal((await empty.get('/health/live')).statusCode, 200)
    const reply = await empty.post('/api/v1/chat', { prompt: 'x' })
    assert.equal(reply.statusCode, 503)
    assert.ok(reply.headers['retry-after'])
    await empty.close()
  })
})

async function replyTo(port: number, send: string): Promise<string> {
  const socket = connect(port, '127.0.0.1')
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', () => {})
  await once(socket, 'connect')
  socket.write(send)
  await once(socket, 'close')
  return Buffer.concat(chunks).toString()
}
