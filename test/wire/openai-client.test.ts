import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import OpenAI, { APIError, AuthenticationError, RateLimitError, UnprocessableEntityError } from 'openai'
import { openTestGateway, type TestGateway, type TestGatewayOptions } from '../fixtures/gateway.ts'

const messages = [{ role: 'user', content: 'one two three' }] as const
const ask = { model: 'auto', messages: [...messages] }

describe('the openai package', () => {
  let gateway: TestGateway
  let client: OpenAI
  before(async () => {
    gateway = await openTestGateway()
    client = await clientOf(gateway)
  })
  after(() => gateway.close())

  test('a chat completion, and its request id', async () => {
    const completion = await client.chat.completions.create(ask)
    const [choice] = completion.choices
    assert.equal(choice?.message.content, 'one two three')
    assert.equal(choice.message.role, 'assistant')
    assert.equal(choice.finish_reason, 'stop')
    assert.equal(completion.model, 'parrot')
    assert.deepEqual(completion.usage?.total_tokens, 6)
    assert.equal(completion.id, `chatcmpl-${completion._request_id}`)
    assert.equal((await gateway.house.account.find(completion._request_id ?? ''))?.status, 'answered')
  })

  test('headers tell which model answered', async () => {
    const { data, response, request_id: id } = await client.chat.completions.create(ask).withResponse()
    assert.equal(response.headers.get('x-hybrid-model'), data.model)
    assert.equal(response.headers.get('x-hybrid-request-id'), id)
  })

  test('a stream with usage', async () => {
    const stream = await client.chat.completions.create({
      ...ask,
      stream: true,
      stream_options: { include_usage: true },
    })
    const chunks = await Array.fromAsync(stream)
    const ids = new Set(chunks.map(({ id }) => id))
    assert.equal(chunks.map(({ choices: [choice] }) => choice?.delta.content ?? '').join(''), 'one two three')
    assert.equal(chunks[0]?.choices[0]?.delta.role, 'assistant')
    assert.equal(ids.size, 1)
    const { choices, usage } = chunks.at(-1) ?? {}
    assert.deepEqual([choices, usage?.prompt_tokens, usage?.completion_tokens], [[], 3, 3])
    assert.equal(chunks.at(-2)?.choices[0]?.finish_reason, 'stop')
    assert.ok(chunks.slice(0, -1).every((chunk) => chunk.usage === null))
  })

  test('a stream without usage says nothing of it', async () => {
    const chunks = await Array.fromAsync(await client.chat.completions.create({ ...ask, stream: true }))
    assert.ok(chunks.every((chunk) => chunk.choices.length === 1 && !('usage' in chunk)))
  })

  test('the stream helper', async () => {
    const stream = client.chat.completions.stream({ ...ask, stream_options: { include_usage: true } })
    const deltas: string[] = []
    stream.on('content', (delta) => deltas.push(delta))
    const completion = await stream.finalChatCompletion()
    assert.equal(deltas.join(''), 'one two three')
    assert.equal(completion.choices[0]?.message.content, 'one two three')
    assert.equal(completion.choices[0].finish_reason, 'stop')
    assert.equal(completion.usage?.total_tokens, 6)
  })

  test('a reply that is cut at its limit says so', async () => {
    const { choices } = await client.chat.completions.create({ ...ask, max_tokens: 2 })
    assert.deepEqual([choices[0]?.message.content, choices[0]?.finish_reason], ['one two ', 'length'])
  })

  test('the list of models', async () => {
    const ids = (await Array.fromAsync(client.models.list())).map(({ id }) => id)
    assert.deepEqual(ids, ['auto', 'baseline', 'parrot'])
  })

  test('an unknown model is an UnprocessableEntityError with the known ones', async () => {
    const error = await failure(client.chat.completions.create({ ...ask, model: 'gpt-99' }), UnprocessableEntityError)
    assert.deepEqual([error.status, error.code, error.param], [422, 'unknown_model', 'model'])
    assert.match(error.message, /known ones are: auto, baseline, parrot/)
    assert.ok(error.requestID)
  })
})

describe('errors that the openai package tells apart', () => {
  test('401: AuthenticationError, and none with the right key', async () => {
    await withClient({ environment: { HYBRID_API_KEY: 'sesame' } }, async (client) => {
      const error = await failure(client.chat.completions.create(ask), AuthenticationError)
      assert.equal(error.code, 'unauthorized')
      const { choices } = await client.withOptions({ apiKey: 'sesame' }).chat.completions.create(ask)
      assert.equal(choices[0]?.message.content, 'one two three')
    })
  })

  test('429: RateLimitError, with the time to wait', async () => {
    await withClient({ config: { limits: { rate: '1/hour' } } }, async (client) => {
      await client.chat.completions.create(ask)
      const error = await failure(client.chat.completions.create(ask), RateLimitError)
      assert.equal(error.code, 'rate_limited')
      assert.ok(Number(error.headers?.get('retry-after')) >= 1)
    })
  })

  test('an error inside a stream is thrown where the stream is read', async () => {
    const echo = { kind: 'echo', fail_with: 'upstream_failed', fail_after_words: 1 }
    await withClient({ config: { providers: { echo } } }, async (client) => {
      const texts: string[] = []
      const read = async () => {
        for await (const { choices } of await client.chat.completions.create({ ...ask, stream: true })) {
          texts.push(choices[0]?.delta.content ?? '')
        }
      }
      const error = await failure(read(), APIError)
      assert.equal(error.code, 'upstream_failed')
      assert.equal(texts.join(''), 'one ')
    })
  })
})

describe('aborting', () => {
  // Long enough that it never ends by itself.
  const slow = { config: { providers: { echo: { kind: 'echo', delay_ms: 20 } } } }
  const endless = { ...ask, messages: [{ role: 'user' as const, content: 'word '.repeat(15_000) }] }

  test('in the middle of a stream reaches the provider', async () => {
    await withClient(slow, async (client, gateway) => {
      const { data: stream, request_id: id } = await client.chat.completions
        .create({ ...endless, stream: true })
        .withResponse()
      let chunks = 0
      for await (const _chunk of stream) {
        if (++chunks === 5) stream.controller.abort()
      }
      await idle(gateway)
      const row = await gateway.house.account.find(id ?? '')
      assert.equal(row?.status, 'cancelled')
      assert.equal(row.attempts[0]?.outcome, 'cancelled')
      assert.ok(row.usage.output < 15_000)
    })
  })

  test('before the first word does, too', async () => {
    const config = { providers: { echo: { kind: 'echo', delay_ms: 600_000 } } }
    await withClient({ config }, async (client, gateway) => {
      const controller = new AbortController()
      const headers = { 'x-request-id': 'aborted-early' }
      const reply = client.chat.completions.create(ask, { signal: controller.signal, headers })
      while (gateway.house.account.openRequests === 0) await new Promise((resolve) => setImmediate(resolve))
      controller.abort()
      await assert.rejects(reply, { name: 'Error', message: 'Request was aborted.' })
      await idle(gateway)
      assert.equal((await gateway.house.account.find('aborted-early'))?.status, 'cancelled')
    })
  })
})

describe('a plain client', () => {
  test('gets each word when it is there, not all at the end', async () => {
    // The whole reply takes more than an hour: only an unbuffered stream shows its first words.
    const gateway = await openTestGateway({ config: { providers: { echo: { kind: 'echo', delay_ms: 500 } } } })
    const url = `${await gateway.listen()}/v1/chat/completions`
    const body = JSON.stringify({ ...ask, messages: [{ role: 'user', content: 'word '.repeat(10_000) }], stream: true })
    const client = (await hasCurl()) ? openCurl(url, body) : openNode(url, body)
    let seen = ''
    for await (const chunk of client.output) {
      seen += chunk
      if (seen.split('"content":"word "').length > 2) break
    }
    client.stop()
    await idle(gateway)
    assert.match(seen, /^data: \{"id":"chatcmpl-/)
    assert.doesNotMatch(seen, /\[DONE\]/)
    await gateway.close()
  })

  test('reads an error as JSON', async () => {
    const gateway = await openTestGateway()
    const url = `${await gateway.listen()}/api/v1/chat`
    const client = (await hasCurl()) ? openCurl(url, '{}') : openNode(url, '{}')
    const text = (await Array.fromAsync(client.output)).join('')
    assert.match(JSON.parse(text).error, /'prompt' is missing/)
    await gateway.close()
  })
})

async function clientOf(gateway: TestGateway): Promise<OpenAI> {
  return new OpenAI({ baseURL: `${await gateway.listen()}/v1`, apiKey: 'any', maxRetries: 0 })
}

async function withClient(
  options: TestGatewayOptions,
  work: (client: OpenAI, gateway: TestGateway) => Promise<void>,
): Promise<void> {
  const gateway = await openTestGateway(options)
  try {
    await work(await clientOf(gateway), gateway)
  } finally {
    await gateway.close()
  }
}

async function failure<Fault extends APIError>(
  work: Promise<unknown>,
  kind: abstract new (...parameters: never[]) => Fault,
): Promise<Fault> {
  const error = await work.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  )
  assert.ok(error instanceof kind, String(error))
  return error
}

async function idle({ house }: TestGateway): Promise<void> {
  while (house.account.openRequests > 0) await new Promise((resolve) => setImmediate(resolve))
}

async function hasCurl(): Promise<boolean> {
  const child = spawn('curl', ['--version'], { stdio: 'ignore' })
  const [code] = await Promise.race([once(child, 'exit'), once(child, 'error').then(() => [1])]).catch(() => [1])
  return code === 0
}

function openCurl(url: string, body: string) {
  const options = ['--silent', '--no-buffer', '--header', 'content-type: application/json', '--data-binary', '@-']
  const child = spawn('curl', [...options, url], { stdio: ['pipe', 'pipe', 'ignore'] })
  child.stdin.end(body)
  return { output: child.stdout.setEncoding('utf8'), stop: () => child.kill() }
}

function openNode(url: string, body: string) {
  const call = request(url, { method: 'POST', headers: { 'content-type': 'application/json' } })
  async function* output(): AsyncGenerator<string> {
    const [reply] = await once(call, 'response')
    yield* reply.setEncoding('utf8')
  }
  call.end(body)
  return { output: output(), stop: () => call.destroy() }
}
