import assert from 'node:assert/strict'
import { createServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer as createSocketServer } from 'node:net'
import { describe, type TestContext, test } from 'node:test'
import { assertError, never } from '../../test/fixtures/stand-ins/calls.ts'
import { GatewayError } from '../core/errors.ts'
import { messageOf, statusError, type UpstreamIdentity } from './errors.ts'
import { Upstream, type UpstreamOptions } from './upstream.ts'

const secret = 'sk-secret-0123456789abcdef'

async function listen(context: TestContext, listener: RequestListener) {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function open(context: TestContext, baseUrl: string, options: Partial<UpstreamOptions> = {}) {
  const upstream = new Upstream({
    name: 'tested',
    baseUrl,
    headers: { authorization: `Bearer ${secret}` },
    connectTimeoutMs: 2000,
    firstByteTimeoutMs: 5000,
    idleTimeoutMs: 5000,
    keepAliveTimeoutMs: 5000,
    secrets: [secret],
    ...options,
  })
  context.after(() => upstream.close())
  return upstream
}

const get = { method: 'GET', path: '/' } as const
const thrown = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => assert.fail('nothing was thrown'),
    (error) => error,
  )
const drain = (body: AsyncIterable<Uint8Array>) => Array.fromAsync(body)

/** A promise that a listener can keep: how tests wait for what the server saw. */
const event = () => Promise.withResolvers<void>()

test('sends method, path, headers and JSON, and hands over status, headers and body', async (context) => {
  let seen: unknown
  const url = await listen(context, async (request, response) => {
    const chunks = await Array.fromAsync(request)
    const { method, url: path, headers } = request
    seen = {
      method,
      path,
      type: headers['content-type'],
      key: headers.authorization,
      extra: headers['x-extra'],
      body: chunks.join(''),
    }
    response.writeHead(201, { 'x-answer': 'yes' })
    response.end('žluť')
  })
  const upstream = open(context, url)
  const reply = await upstream.open(
    { method: 'POST', path: '/chat', headers: { 'x-extra': '1' }, body: { a: 1 } },
    never,
  )
  assert.equal(reply.status, 201)
  assert.equal(reply.headers['x-answer'], 'yes')
  assert.equal(await upstream.readText(reply.body, 100), 'žluť')
  assert.deepEqual(seen, {
    method: 'POST',
    path: '/chat',
    type: 'application/json',
    key: `Bearer ${secret}`,
    extra: '1',
    body: '{"a":1}',
  })
})

for (const { base, expected } of [
  { base: '', expected: '/models' },
  { base: '/', expected: '/models' },
  { base: '/openai/v1', expected: '/openai/v1/models' },
  { base: '/openai/v1/', expected: '/openai/v1/models' },
]) {
  test(`joins the base '${base}' and a path`, async (context) => {
    const url = await listen(context, (request, response) => response.end(JSON.stringify(request.url)))
    assert.equal(await open(context, url + base).json({ method: 'GET', path: '/models' }, never), expected)
  })
}

test('a refused connection says where and asks whether it runs', async (context) => {
  const server = createSocketServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  const error = await thrown(open(context, `http://127.0.0.1:${port}`).open(get, never))
  assertError(error, 'upstream_unreachable')
  assert.equal(error.message, `provider 'tested' refused the connection (http://127.0.0.1:${port}): is it running?`)
})

test('a host without an address is unreachable', async (context) => {
  const error = await thrown(open(context, 'http://nowhere.invalid').open(get, never))
  assertError(error, 'upstream_unreachable')
})

test('a socket that closes before the headers has failed', async (context) => {
  const url = await listen(context, (request) => request.socket.destroy())
  assertError(await thrown(open(context, url).open(get, never)), 'upstream_failed', /without an answer/)
})

test('what is no HTTP has failed', async (context) => {
  const server = createSocketServer((socket) => socket.resume().end('hello, I am no web server\r\n\r\n'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  context.after(() => new Promise((resolve) => server.close(resolve)))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  assertError(await thrown(open(context, url).open(get, never)), 'upstream_failed')
})

for (const headers of [{}, { 'content-length': '100' }]) {
  test(`a body that is cut, ${'content-length' in headers ? 'of known length' : 'in chunks'}`, async (context) => {
    const url = await listen(context, (_request, response) => {
      response.writeHead(200, headers)
      response.write('first', () => setImmediate(() => response.destroy()))
    })
    const reply = await open(context, url).open(get, never)
    assertError(await thrown(drain(reply.body)), 'upstream_cut')
  })
}

test('a signal that was aborted before sends nothing', async (context) => {
  const url = await listen(context, () => assert.fail('the request was sent'))
  assertError(await thrown(open(context, url).open(get, AbortSignal.abort())), 'cancelled')
})

test('a signal while the connection is being made sends nothing', async (context) => {
  let requests = 0
  const url = await listen(context, () => requests++)
  const upstream = open(context, url)
  const stop = new AbortController()
  const opening = upstream.open(get, stop.signal)
  stop.abort()
  assertError(await thrown(opening), 'cancelled')
  assert.equal(requests, 0)
})

test('a signal while waiting for headers closes the socket', async (context) => {
  const arrived = event()
  const closed = event()
  const url = await listen(context, (_request, response) => {
    response.once('close', closed.resolve)
    arrived.resolve()
  })
  const stop = new AbortController()
  const opening = open(context, url).open(get, stop.signal)
  await arrived.promise
  stop.abort()
  assertError(await thrown(opening), 'cancelled')
  await closed.promise
})

test('a signal within the body closes the socket and drops what is unread', async (context) => {
  const closed = event()
  const url = await listen(context, (_request, response) => {
    response.once('close', closed.resolve)
    response.write('first')
  })
  const stop = new AbortController()
  const reply = await open(context, url).open(get, stop.signal)
  const iterator = reply.body[Symbol.asyncIterator]()
  assert.equal(Buffer.from((await iterator.next()).value).toString(), 'first')
  const waiting = iterator.next()
  stop.abort()
  assertError(await thrown(waiting), 'cancelled')
  await closed.promise
})

test('an abort that carries a gateway error is that error', async (context) => {
  const url = await listen(context, () => {})
  const reason = new GatewayError('upstream_timeout', 'the whole request took too long')
  const stop = new AbortController()
  const opening = open(context, url).open(get, stop.signal)
  stop.abort(reason)
  assert.equal(await thrown(opening), reason)
})

test('a timeout signal is a timeout', async (context) => {
  const url = await listen(context, () => {})
  assertError(await thrown(open(context, url).open(get, AbortSignal.timeout(20))), 'upstream_timeout', /in time/)
})

test('leaving the loop closes the socket', async (context) => {
  const closed = event()
  const url = await listen(context, (_request, response) => {
    response.once('close', closed.resolve)
    response.write('first')
  })
  const reply = await open(context, url).open(get, never)
  for await (const _ of reply.body) break
  await closed.promise
})

test('a released reply keeps its connection', async (context) => {
  const released = event()
  const finished = Promise.withResolvers<boolean>()
  const url = await listen(context, async (_request, response) => {
    response.once('close', () => finished.resolve(response.writableFinished))
    response.write('first')
    await released.promise
    response.end('last')
  })
  const reply = await open(context, url).open(get, never)
  for await (const _ of reply.body) {
    reply.release()
    break
  }
  released.resolve()
  assert.equal(await finished.promise, true)
})

test('a consumer that lags pauses the server', async (context) => {
  const total = 64 * 1024 * 1024
  const stalled = event()
  let written = 0
  const url = await listen(context, async (_request, response) => {
    const chunk = Buffer.alloc(256 * 1024)
    while (written < total) {
      written += chunk.length
      if (response.write(chunk)) continue
      // A while without room, where the other side could read gigabytes, is a stall.
      const timer = setTimeout(stalled.resolve, 300)
      await new Promise((resolve) => response.once('drain', resolve))
      clearTimeout(timer)
    }
    stalled.resolve()
    response.end()
  })
  const reply = await open(context, url).open(get, never)
  await stalled.promise
  assert.ok(written < total, `the server wrote all ${written} bytes into memory`)
  let length = 0
  for await (const chunk of reply.body) length += chunk.byteLength
  assert.equal(length, total)
})

test('a whole body is bounded, and broken off', async (context) => {
  const closed = event()
  const url = await listen(context, (_request, response) => {
    response.once('close', closed.resolve)
    response.write('x'.repeat(2000))
  })
  const upstream = open(context, url)
  const reply = await upstream.open(get, never)
  assertError(await thrown(upstream.readText(reply.body, 1000)), 'upstream_failed', /more than 1000 bytes/)
  await closed.promise
})

test('closing breaks off what runs', async (context) => {
  const arrived = event()
  const url = await listen(context, () => arrived.resolve())
  const upstream = open(context, url)
  const error = thrown(upstream.open(get, never))
  await arrived.promise
  await upstream.close()
  assertError(await error, 'shutting_down')
})

for (const { name, type, body, code, message } of [
  {
    name: 'a page',
    type: 'text/html',
    body: '<html>',
    code: 'upstream_failed',
    message: /text\/html.*is the URL right/,
  },
  {
    name: 'an error',
    type: 'application/json',
    body: '{"error":"no"}',
    code: 'upstream_failed',
    message: /answered: no/,
  },
] as const) {
  test(`a success that is ${name} instead of a stream`, async (context) => {
    const url = await listen(context, (_request, response) => {
      response.writeHead(200, { 'content-type': type })
      response.end(body)
    })
    assertError(await thrown(open(context, url).openStream(get, never)), code, message)
  })
}

const identity: UpstreamIdentity = { name: 'tested', url: 'http://x', keyHint: 'TESTED_KEY', secrets: [secret] }

const statuses = [
  { status: 400, code: 'upstream_rejected', said: /provider 'tested' answered: it broke/ },
  { status: 400, body: 'prompt is too long: 5 tokens > 4 maximum', code: 'context_too_long', said: /too long/ },
  { status: 400, body: 'Your credit balance is too low', code: 'upstream_unauthorized', said: /credit/ },
  { status: 401, code: 'upstream_unauthorized', said: /check TESTED_KEY/ },
  { status: 402, code: 'upstream_unauthorized', said: /credit/ },
  { status: 403, code: 'upstream_unauthorized', said: /check TESTED_KEY/ },
  { status: 404, code: 'model_unavailable', said: /it broke.*check the model's id/ },
  { status: 404, body: "The model 'x' does not exist", code: 'model_unavailable', said: /check the model's id/ },
  { status: 404, body: '404 page not found', code: 'model_unavailable', said: /check the model's id/ },
  { status: 404, body: 'File not found: file_1', code: 'upstream_rejected', said: /File not found/ },
  { status: 404, body: "Item with id 'rs_1' not found.", code: 'upstream_rejected', said: /rs_1/ },
  { status: 408, code: 'upstream_timeout', said: /it broke/ },
  { status: 413, code: 'context_too_long', said: /it broke/ },
  { status: 422, code: 'upstream_rejected', said: /it broke/ },
  { status: 429, code: 'upstream_rate_limited', said: /it broke/ },
  { status: 429, headers: { 'retry-after': '7' }, code: 'upstream_rate_limited', retryAfter: 7 },
  {
    status: 429,
    headers: { 'retry-after-ms': '1500', 'retry-after': '9' },
    code: 'upstream_rate_limited',
    retryAfter: 2,
  },
  {
    status: 429,
    headers: { 'retry-after': 'Thu, 01 Jan 2015 00:00:00 GMT' },
    code: 'upstream_rate_limited',
    retryAfter: 0,
  },
  { status: 429, headers: { 'retry-after': 'soon' }, code: 'upstream_rate_limited' },
  { status: 500, code: 'upstream_failed', said: /it broke/ },
  { status: 502, body: '', code: 'upstream_failed', said: /answered with status 502/ },
  { status: 503, headers: { 'retry-after': '3' }, code: 'upstream_overloaded', retryAfter: 3 },
  { status: 504, code: 'upstream_timeout', said: /it broke/ },
  { status: 529, headers: { 'retry-after': '4' }, code: 'upstream_overloaded', retryAfter: 4 },
  { status: 301, body: '', code: 'upstream_failed', said: /status 301/ },
] as const

for (const [index, row] of statuses.entries()) {
  test(`status ${row.status} is ${row.code} (${index})`, () => {
    const message = 'body' in row ? row.body : 'it broke'
    const error = statusError(identity, {
      status: row.status,
      message,
      ...('headers' in row && { headers: row.headers }),
    })
    assertError(error, row.code, 'said' in row ? row.said : /./)
    assert.equal(error.retryAfterSeconds, 'retryAfter' in row ? row.retryAfter : undefined)
  })
}

test('a retry-after date is counted from now', () => {
  const headers = { 'retry-after': new Date(Date.now() + 3_600_000).toUTCString() }
  const seconds = statusError(identity, { status: 429, message: '', headers }).retryAfterSeconds ?? 0
  assert.ok(seconds > 3500 && seconds <= 3600, String(seconds))
})

for (const { name, said } of [
  { name: 'quoted whole', said: `bad key ${secret}` },
  { name: 'masked', said: 'bad key sk-secret-01******ef and sk-sec…' },
]) {
  for (const status of [400, 401, 500]) {
    test(`a key ${name} by status ${status} is not in the message`, () => {
      const { message } = statusError(identity, { status, message: said })
      assert.doesNotMatch(message, /sk-sec|0123/)
    })
  }
}

test('long messages are trimmed', () => {
  const { message } = statusError(identity, { status: 400, message: 'x'.repeat(5000) })
  assert.ok(message.length < 600)
})

for (const { name, body, expected } of [
  { name: 'OpenAI', body: '{"error":{"message":"no","type":"t","param":null}}', expected: 'no' },
  { name: 'Anthropic', body: '{"type":"error","error":{"type":"t","message":"no"}}', expected: 'no' },
  { name: 'Ollama', body: '{"error":"no"}', expected: 'no' },
  { name: 'Gemini', body: '[{"error":{"code":400,"message":"no"}}]', expected: 'no' },
  { name: 'FastAPI', body: '{"detail":[{"loc":["body"],"msg":"no"}]}', expected: 'no' },
  { name: 'plain text', body: ' no ', expected: 'no' },
  { name: 'a page', body: '<html><body>no</body></html>', expected: '' },
  { name: 'an empty body', body: '', expected: '' },
  { name: 'an empty object', body: '{}', expected: '' },
  { name: 'null', body: 'null', expected: '' },
]) {
  test(`reads the error of ${name}`, () => assert.equal(messageOf(body), expected))
}

// Together, as undici looks at its clock only twice a second.
describe('timeouts', { concurrency: true }, () => {
  test('a server that never answers times out', async (context) => {
    const url = await listen(context, () => {})
    const error = await thrown(open(context, url, { firstByteTimeoutMs: 30 }).open(get, never))
    assertError(error, 'upstream_timeout', /did not answer within 30 ms/)
  })

  test('a body that falls silent times out, after what it had sent', async (context) => {
    const url = await listen(context, (_request, response) => response.write('first'))
    const reply = await open(context, url, { idleTimeoutMs: 30 }).open(get, never)
    const seen: string[] = []
    const read = async () => {
      for await (const chunk of reply.body) seen.push(Buffer.from(chunk).toString())
    }
    assertError(await thrown(read()), 'upstream_timeout', /silent for 30 ms/)
    assert.deepEqual(seen, ['first'])
  })

  test('a released reply that never ends is given up', async (context) => {
    const closed = event()
    const url = await listen(context, (_request, response) => {
      response.once('close', closed.resolve)
      response.write('first')
    })
    const reply = await open(context, url).open(get, never)
    reply.release()
    await closed.promise
  })
})
