import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { request } from 'node:http'
import { after, before, describe, test } from 'node:test'
import Anthropic from '@anthropic-ai/sdk'
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  RateLimitError,
  UnprocessableEntityError,
} from 'openai'
import { openTestGateway, type TestGateway, type TestGatewayOptions } from '../fixtures/gateway.ts'
import { startAnthropicStandIn } from '../fixtures/stand-ins/anthropic.ts'
import { startOpenaiStandIn } from '../fixtures/stand-ins/openai.ts'

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

describe('tools, schemas and choices with the openai package', () => {
  let gateway: TestGateway
  let client: OpenAI
  before(async () => {
    gateway = await openTestGateway()
    client = await clientOf(gateway)
  })
  after(() => gateway.close())

  const city = { type: 'object', properties: { city: { type: 'string', enum: ['Paris'] } }, required: ['city'] }
  const weather = { type: 'function' as const, function: { name: 'weather', parameters: city } }
  const time = { type: 'function' as const, function: { name: 'time' } }
  const user = (content: string) => [{ role: 'user' as const, content }]

  test('parallel calls, their results, and the last word', async () => {
    const tools = [weather, time]
    const asked = user('call weather {"city": "Oslo"} and call time {}')
    const { choices } = await client.chat.completions.create({ model: 'auto', messages: asked, tools })
    const message = choices[0]?.message
    const calls = message?.tool_calls?.filter((call) => call.type === 'function') ?? []
    assert.deepEqual(
      calls.map(({ function: { name, arguments: json } }) => [name, json]),
      [
        ['weather', '{"city": "Oslo"}'],
        ['time', '{}'],
      ],
    )
    assert.deepEqual([message?.content, choices[0]?.finish_reason], [null, 'tool_calls'])
    assert.ok(message)

    const results = calls.map(({ id, function: { name } }) => ({
      role: 'tool' as const,
      tool_call_id: id,
      content: `${name} is fine`,
    }))
    const last = await client.chat.completions.create({
      model: 'auto',
      messages: [...asked, message, ...results],
      tools,
    })
    assert.match(last.choices[0]?.message.content ?? '', /weather is fine\s+time is fine/)
    assert.equal(last.choices[0]?.finish_reason, 'stop')
  })

  test('the stream helper puts calls together', async () => {
    const messages = user('call weather {"city": "Oslo"} and call time {}')
    const stream = client.chat.completions.stream({ model: 'auto', messages, tools: [weather, time] })
    const { choices } = await stream.finalChatCompletion()
    const calls = choices[0]?.message.tool_calls?.filter((call) => call.type === 'function') ?? []
    assert.deepEqual(
      calls.map(({ function: { name, arguments: json } }) => [name, json]),
      [
        ['weather', '{"city": "Oslo"}'],
        ['time', '{}'],
      ],
    )
    assert.equal(new Set(calls.map(({ id }) => id)).size, 2)
    assert.equal(choices[0]?.finish_reason, 'tool_calls')
  })

  for (const stream of [false, true]) {
    test(`the tool runner, ${stream ? 'streamed' : 'whole'}`, async () => {
      const cities: string[] = []
      const run = ({ city }: { city: string }) => {
        cities.push(city)
        return `sunny in ${city}`
      }
      const tool = {
        type: 'function' as const,
        function: { ...weather.function, description: 'x', function: run, parse: JSON.parse },
      }
      const body = { model: 'auto', messages: user('call weather {"city": "Oslo"}'), tools: [tool] }
      const runner = stream
        ? client.chat.completions.runTools({ ...body, stream })
        : client.chat.completions.runTools(body)
      assert.equal(await runner.finalContent(), 'sunny in Oslo')
      assert.deepEqual(cities, ['Oslo'])
    })
  }

  test('a tool that must be called', async () => {
    const choice = { type: 'function' as const, function: { name: 'weather' } }
    const { choices } = await client.chat.completions.create({ ...ask, tools: [time, weather], tool_choice: choice })
    const [call] = choices[0]?.message.tool_calls ?? []
    assert.ok(call?.type === 'function')
    assert.deepEqual([call.function.name, JSON.parse(call.function.arguments)], ['weather', { city: 'Paris' }])
  })

  test('a custom tool gets its input as text, whole and streamed', async () => {
    const tools = [{ type: 'custom' as const, custom: { name: 'shell' } }]
    const body = { model: 'auto', messages: user('call shell {"input": "ls \\"x\\""}'), tools }
    const whole = await client.chat.completions.create(body)
    const streamed = await client.chat.completions.stream(body).finalChatCompletion()
    for (const { choices } of [whole, streamed]) {
      const [call] = choices[0]?.message.tool_calls ?? []
      assert.ok(call?.type === 'custom')
      assert.deepEqual(call.custom, { name: 'shell', input: 'ls "x"' })
    }
  })

  test('a function of old, whole and streamed', async () => {
    const body = { model: 'auto', messages: user('call weather {"city": "Oslo"}'), functions: [weather.function] }
    const whole = await client.chat.completions.create(body)
    const streamed = await client.chat.completions.stream(body).finalChatCompletion()
    for (const { choices } of [whole, streamed]) {
      assert.deepEqual(choices[0]?.message.function_call, { name: 'weather', arguments: '{"city": "Oslo"}' })
      assert.equal(choices[0].finish_reason, 'function_call')
    }
  })

  test('a reply that follows a schema', async () => {
    const format = { type: 'json_schema' as const, json_schema: { name: 'city', schema: city, strict: true } }
    const completion = await client.chat.completions.parse({ ...ask, response_format: format })
    assert.deepEqual(completion.choices[0]?.message.parsed, { city: 'Paris' })
    const stream = client.chat.completions.stream({ ...ask, response_format: format })
    assert.deepEqual((await stream.finalChatCompletion()).choices[0]?.message.parsed, { city: 'Paris' })
  })

  test('several choices, whole and streamed', async () => {
    const { choices, usage } = await client.chat.completions.create({ ...ask, n: 3 })
    assert.deepEqual(
      choices.map(({ index, message }) => [index, message.content]),
      [0, 1, 2].map((index) => [index, 'one two three']),
    )
    assert.equal(usage?.completion_tokens, 9)
    const streamed = await client.chat.completions.stream({ ...ask, n: 2 }).finalChatCompletion()
    assert.deepEqual(
      streamed.choices.map(({ message, finish_reason }) => [message.content, finish_reason]),
      [0, 1].map(() => ['one two three', 'stop']),
    )
  })

  test('probabilities, whole and streamed', async () => {
    const body = { ...ask, logprobs: true, top_logprobs: 1 }
    const whole = await client.chat.completions.create(body)
    const streamed = await client.chat.completions.stream(body).finalChatCompletion()
    for (const { choices } of [whole, streamed]) {
      const tokens = choices[0]?.logprobs?.content ?? []
      assert.equal(tokens.map(({ token }) => token).join(''), 'one two three')
      assert.deepEqual(tokens[0]?.bytes, [...Buffer.from(tokens[0]?.token ?? '')])
      assert.equal(tokens[0]?.top_logprobs.length, 1)
    }
  })

  test('thoughts come beside the content', async () => {
    const { choices } = await client.chat.completions.create({ ...ask, reasoning_effort: 'low' })
    const message = choices[0]?.message as { content: string; reasoning_content?: string } | undefined
    assert.equal(message?.content, 'one two three')
    assert.ok(message.reasoning_content)
  })

  test('an image', async () => {
    const url = 'data:image/png;base64,iVBORw0KGgo='
    const content = [{ type: 'image_url' as const, image_url: { url } }]
    const { choices } = await client.chat.completions.create({ ...ask, messages: [{ role: 'user', content }] })
    assert.match(choices[0]?.message.content ?? '', /image\/png/)
  })

  test('what no model here can do is a BadRequestError', async () => {
    const modalities: ('text' | 'audio')[] = ['text', 'audio']
    const body = { ...ask, modalities, audio: { voice: 'alloy' as const, format: 'wav' as const } }
    const error = await failure(client.chat.completions.create(body), BadRequestError)
    assert.deepEqual([error.code, error.param], ['unsupported', 'modalities'])
  })
})

describe('the rest of the API with the openai package', () => {
  let gateway: TestGateway
  let client: OpenAI
  before(async () => {
    gateway = await openTestGateway()
    client = await clientOf(gateway)
  })
  after(() => gateway.close())

  test('legacy completions, whole and streamed', async () => {
    const body = { model: 'auto', prompt: 'one two', echo: true, logprobs: 1 }
    const { choices, object, usage } = await client.completions.create(body)
    assert.deepEqual(
      [object, choices[0]?.text, choices[0]?.finish_reason],
      ['text_completion', 'one twoone two', 'stop'],
    )
    assert.equal(choices[0]?.logprobs?.text_offset?.[0], 'one two'.length)
    assert.equal(usage?.completion_tokens, 2)
    const chunks = await Array.fromAsync(await client.completions.create({ ...body, stream: true }))
    assert.equal(chunks.map(({ choices: [choice] }) => choice?.text ?? '').join(''), 'one twoone two')
    assert.equal(chunks.at(-1)?.choices[0]?.finish_reason, 'stop')
  })

  test('vectors, in both encodings', async () => {
    const body = { model: 'parrot', input: ['one', 'two', 'one'], dimensions: 8 }
    const plain = await client.embeddings.create({ ...body, encoding_format: 'float' })
    // The package asks for base64 by itself, and decodes it.
    const packed = await client.embeddings.create(body)
    assert.deepEqual(
      plain.data.map(({ index, embedding }) => [index, embedding.length]),
      [0, 1, 2].map((index) => [index, 8]),
    )
    assert.deepEqual(plain.data[0]?.embedding, plain.data[2]?.embedding)
    for (const [index, { embedding }] of packed.data.entries()) {
      assert.deepEqual(embedding, plain.data[index]?.embedding.map(Math.fround))
    }
    assert.deepEqual([plain.model, plain.usage.prompt_tokens], ['parrot', 3])
  })

  test('one model, and one that is not there', async () => {
    const { id, object } = await client.models.retrieve('parrot')
    assert.deepEqual([id, object], ['parrot', 'model'])
    const error = await failure(client.models.retrieve('meta/llama'), NotFoundError)
    assert.deepEqual([error.code, error.param], ['model_not_found', 'model'])
  })

  test('the same list in Anthropic’s form, for its package', async () => {
    const anthropic = new Anthropic({ baseURL: addressOf(client), apiKey: 'any', maxRetries: 0 })
    const listed = await Array.fromAsync(anthropic.models.list())
    assert.deepEqual(
      listed.map(({ id, type }) => [id, type]),
      ['auto', 'baseline', 'parrot'].map((id) => [id, 'model']),
    )
    assert.equal((await anthropic.models.retrieve('parrot')).display_name, 'parrot')
  })
})

describe('models elsewhere with the openai package', () => {
  const weather = {
    type: 'function' as const,
    function: { name: 'weather', parameters: { type: 'object', properties: { city: { type: 'string' } } } },
  }
  const environment = { CLAUDE_KEY: 'sk-ant-test-key-0123456789', OPENAI_KEY: 'sk-test-key-0123456789' }

  for (const stream of [false, true]) {
    test(`Claude gets its signed thoughts back, ${stream ? 'streamed' : 'whole'}`, async (context) => {
      const standIn = await startAnthropicStandIn({ brain: true, checksSignatures: true })
      context.after(() => standIn.close())
      const config = {
        providers: { claude: { kind: 'anthropic', api_key: 'env:CLAUDE_KEY', base_url: standIn.url } },
        models: { claude: { provider: 'claude', id: 'claude-test', max_complexity: 1, price: 'unknown' } },
      }
      await withClient({ config, environment }, async (client) => {
        const messages: OpenAI.ChatCompletionMessageParam[] = [{ role: 'user', content: 'How is the weather?' }]
        const body = { model: 'claude', tools: [weather], reasoning_effort: 'medium' as const }
        const ask = () =>
          stream
            ? client.chat.completions.stream({ ...body, messages }).finalChatCompletion()
            : client.chat.completions.create({ ...body, messages })

        const message = (await ask()).choices[0]?.message
        const [call] = message?.tool_calls ?? []
        assert.ok(message && call?.type === 'function')
        const { reasoning_details: details } = message as { reasoning_details?: readonly { signature?: string }[] }
        assert.ok(details?.[0]?.signature)
        messages.push(message, { role: 'tool', tool_call_id: call.id, content: 'sunny' })
        assert.equal((await ask()).choices[0]?.message.content, 'The tool said: sunny')

        const sent = standIn.requests.at(-1)?.body.messages
        assert.equal(sent[1].content[0].type, 'thinking')
      })
    })
  }

  test('what only OpenAI understands gets there, and back', async (context) => {
    const standIn = await startOpenaiStandIn({
      script: {
        text: 'Hello there.',
        extra: { message: { audio: { id: 'audio_1' } }, body: { service_tier: 'flex' } },
      },
    })
    context.after(() => standIn.close())
    const config = {
      providers: { openai: { kind: 'openai-compatible', api_key: 'env:OPENAI_KEY', base_url: `${standIn.url}/v1` } },
      models: { far: { provider: 'openai', id: 'gpt-test', max_complexity: 1, price: 'unknown' } },
    }
    await withClient({ config, environment }, async (client) => {
      const { choices, service_tier: tier } = await client.chat.completions.create({
        model: 'far',
        modalities: ['text', 'audio'],
        service_tier: 'flex',
        messages: [{ role: 'user', content: [{ type: 'file', file: { file_id: 'file-1' } }] }],
      })
      assert.deepEqual([choices[0]?.message.audio?.id, tier], ['audio_1', 'flex'])
      const sent = standIn.requests.at(-1)?.body
      assert.deepEqual([sent.model, sent.modalities], ['gpt-test', ['text', 'audio']])
      assert.deepEqual(sent.messages[0].content, [{ type: 'file', file: { file_id: 'file-1' } }])
    })
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

function addressOf({ baseURL }: OpenAI): string {
  return baseURL.replace(/\/v1$/, '')
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
