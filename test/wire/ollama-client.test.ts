import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import { Ollama, type Tool } from 'ollama'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'
import { type OpenaiScript, startOpenaiStandIn } from '../fixtures/stand-ins/openai.ts'
import type { StandIn } from '../fixtures/stand-ins/stand-in.ts'

const png = 'iVBORw0KGgo='
const messages = [{ role: 'user', content: 'one two three' }]
const ask = { model: 'gpt', messages }
const weather: Tool = {
  type: 'function',
  function: {
    name: 'weather',
    description: 'The weather in a city',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
}
const schema = { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] }

/** The package names its error class, and does not export it. */
function refusal(status: number, words: RegExp) {
  return (error: Error & { status_code?: number }) => {
    assert.deepEqual([error.name, error.status_code], ['ResponseError', status])
    assert.match(error.message, words)
    return true
  }
}

describe('the ollama package', () => {
  let server: StandIn<OpenaiScript>
  let gateway: TestGateway
  let client: Ollama
  before(async () => {
    server = await startOpenaiStandIn({ apiKey: '', brain: true, models: ['gpt-test', 'embed-test'] })
    const config = {
      providers: { cloud: { kind: 'openai-compatible', base_url: `${server.url}/v1` } },
      models: {
        gpt: {
          provider: 'cloud',
          id: 'gpt-test',
          max_complexity: 1,
          price: { input: 1, output: 2 },
          context_tokens: 100_000,
          capabilities: ['tools', 'images', 'json-schema', 'logprobs', 'reasoning'],
        },
        vectors: {
          provider: 'cloud',
          id: 'embed-test',
          auto: false,
          price: { input: 1, output: 2 },
          capabilities: ['embeddings'],
        },
      },
    }
    gateway = await openTestGateway({ config })
    // Equal questions get other answers here.
    client = new Ollama({ host: await gateway.listen(), headers: { 'cache-control': 'no-store' } })
  })
  after(async () => {
    try {
      await gateway.close()
    } finally {
      await server.close()
    }
  })

  const sent = () => server.requests.at(-1)?.body

  test('a chat, whole', async () => {
    // The package writes into what it is given.
    const reply = await client.chat({ ...ask })
    assert.equal(reply.message.content, 'You said: one two three')
    assert.equal(reply.message.role, 'assistant')
    assert.deepEqual([reply.model, reply.done, reply.done_reason], ['gpt', true, 'stop'])
    assert.ok(reply.eval_count > 0 && reply.prompt_eval_count > 0 && reply.total_duration > 0)
    assert.equal(sent().model, 'gpt-test')
  })

  test('a chat, streamed', async () => {
    const parts = await Array.fromAsync(await client.chat({ ...ask, model: 'auto:latest', stream: true }))
    assert.equal(parts.map(({ message }) => message.content).join(''), 'You said: one two three')
    assert.deepEqual(
      parts.map(({ done }) => done),
      parts.map((_, index) => index === parts.length - 1),
    )
    assert.ok(parts.every(({ model }) => model === 'auto:latest'))
    assert.ok((parts.at(-1)?.eval_count ?? 0) > 0)
  })

  test('without a word about it, a chat is streamed', async () => {
    const reply = await gateway.post('/api/chat', ask)
    assert.match(String(reply.headers['content-type']), /^application\/x-ndjson/)
    assert.equal(reply.headers['x-hybrid-model'], 'gpt')
    assert.ok(reply.body.trimEnd().split('\n').length > 1)
  })

  test('options reach the model under its own names', async () => {
    const options = { temperature: 0.5, top_p: 0.9, seed: 7, num_predict: 50, stop: ['xyz'], num_ctx: 4096 }
    await client.chat({ ...ask, options })
    const { temperature, top_p, seed, stop } = sent()
    assert.deepEqual({ temperature, top_p, seed, stop }, { temperature: 0.5, top_p: 0.9, seed: 7, stop: ['xyz'] })
    assert.ok([sent().max_tokens, sent().max_completion_tokens].includes(50))
  })

  test('a loop of tools, streamed and whole', async () => {
    const parts = await Array.fromAsync(await client.chat({ ...ask, tools: [weather], stream: true }))
    const calls = parts.flatMap(({ message }) => message.tool_calls ?? [])
    assert.deepEqual(
      calls.map((call) => call.function.name),
      ['weather'],
    )
    assert.deepEqual(calls[0]?.function.arguments, { city: 'Paris' })
    assert.equal(parts.at(-1)?.done_reason, 'stop')

    const whole = await client.chat({ ...ask, tools: [weather] })
    const history = [...messages, whole.message, { role: 'tool', content: '22 degrees', tool_name: 'weather' }]
    const { message } = await client.chat({ ...ask, messages: history, tools: [weather] })
    assert.match(message.content, /The tool said: .*22 degrees/)
  })

  test('a loop of tools without ids', async () => {
    const history = [
      ...messages,
      {
        role: 'assistant',
        content: '',
        tool_calls: [
          { function: { name: 'weather', arguments: { city: 'Paris' } } },
          { function: { name: 'weather', arguments: { city: 'Rome' } } },
        ],
      },
      { role: 'tool', content: '22 degrees', tool_name: 'weather' },
      { role: 'tool', content: '30 degrees', tool_name: 'weather' },
    ]
    const { message } = await client.chat({ ...ask, messages: history, tools: [weather] })
    assert.match(message.content, /22 degrees; 30 degrees/)
  })

  test('parallel calls', async () => {
    server.next({
      toolCalls: [
        { name: 'weather', arguments: '{"city":"Paris"}' },
        { name: 'weather', arguments: '{"city":"東京"}' },
      ],
    })
    const parts = await Array.fromAsync(await client.chat({ ...ask, model: 'gpt', tools: [weather], stream: true }))
    const calls = parts.flatMap(({ message }) => message.tool_calls ?? [])
    assert.deepEqual(
      calls.map((call) => call.function.arguments.city),
      ['Paris', '東京'],
    )
  })

  test('images', async () => {
    const looked = await client.chat({ ...ask, messages: [{ role: 'user', content: 'Look!', images: [png] }] })
    assert.equal(looked.message.content, 'I see an image (image/png, 8 bytes).')
    const bytes = new Uint8Array(Buffer.from(png, 'base64'))
    const generated = await client.generate({ model: 'gpt', prompt: 'Look!', images: [bytes] })
    assert.equal(generated.response, 'I see an image (image/png, 8 bytes).')
  })

  test('the form of the reply', async () => {
    const strict = await client.chat({ ...ask, format: schema })
    assert.equal(typeof JSON.parse(strict.message.content).name, 'string')
    const loose = await client.chat({ ...ask, format: 'json' })
    assert.equal(typeof JSON.parse(loose.message.content), 'object')
  })

  test('thinking', async () => {
    server.next({ reasoning: 'Let me see.', text: 'Done.' })
    const whole = await client.chat({ ...ask, think: true })
    assert.deepEqual([whole.message.thinking, whole.message.content], ['Let me see.', 'Done.'])
    server.next({ reasoning: 'Let me see.', text: 'Done.' })
    const parts = await Array.fromAsync(
      await client.generate({ model: 'gpt', prompt: 'x', think: 'high', stream: true }),
    )
    assert.equal(parts.map(({ thinking }) => thinking ?? '').join(''), 'Let me see.')
    assert.equal(parts.map(({ response }) => response).join(''), 'Done.')
  })

  test('a prompt, whole and streamed', async () => {
    const whole = await client.generate({ model: 'gpt', prompt: 'one two', system: 'Be brief.' })
    assert.deepEqual([whole.response, whole.done_reason], ['You said: one two', 'stop'])
    assert.equal(sent().messages[0].content, 'Be brief.')
    const parts = await Array.fromAsync(await client.generate({ model: 'auto', prompt: 'one two', stream: true }))
    assert.equal(parts.map(({ response }) => response).join(''), 'You said: one two')
  })

  test('nothing to answer brings a model into memory, and runs nothing', async () => {
    const before = server.requests.length
    const chat = await client.chat({ model: 'gpt' })
    const generate = await client.generate({ model: 'auto', prompt: '' })
    const unload = await client.generate({ model: 'gpt', prompt: '', keep_alive: 0 })
    const streamed = await Array.fromAsync(await client.chat({ model: 'gpt', messages: [], stream: true }))
    const reasons = [chat, generate, unload, ...streamed].map(({ done_reason }) => done_reason)
    assert.deepEqual(reasons, ['load', 'load', 'unload', 'load'])
    await assert.rejects(client.chat({ model: 'nobody' }), refusal(404, /^model 'nobody' not found/))
    assert.equal(server.requests.length, before)
  })

  test('vectors', async () => {
    const { embeddings, model } = await client.embed({ model: 'vectors', input: ['one', 'two'] })
    assert.deepEqual([embeddings.length, model], [2, 'vectors'])
    assert.ok(embeddings.every((vector) => vector.length > 0))
    const { embedding } = await client.embeddings({ model: 'vectors:latest', prompt: 'one' })
    assert.deepEqual(embedding, embeddings[0])
    await assert.rejects(client.embed({ model: 'vectors', input: '' }), refusal(400, /^input/))
  })

  test('models', async () => {
    const { models } = await client.list()
    assert.deepEqual(
      models.map(({ name }) => name),
      ['auto:latest', 'baseline:latest', 'gpt:latest', 'vectors:latest'],
    )
    const gpt = await client.show({ model: 'gpt:latest' })
    assert.deepEqual(gpt.capabilities, ['completion', 'tools', 'vision', 'thinking'])
    assert.equal(Reflect.get(gpt.model_info, 'hybrid.context_length'), 100_000)
    assert.ok((await client.show({ model: 'auto' })).capabilities.includes('tools'))
    assert.deepEqual((await client.show({ model: 'vectors' })).capabilities, ['embedding'])
    assert.ok((await client.ps()).models.length > 0)
    assert.match((await client.version()).version, /^0\.\d+\.\d+$/)
  })

  test('pull succeeds for what is there', async () => {
    assert.equal((await client.pull({ model: 'gpt' })).status, 'success')
    const steps = await Array.fromAsync(await client.pull({ model: 'gpt', stream: true }))
    assert.deepEqual(steps, [{ status: 'success' }])
  })

  const refused: readonly { name: string; status: number; words: RegExp; run: () => Promise<unknown> }[] = [
    {
      name: 'an unknown model',
      status: 404,
      words: /^model 'nobody' not found/,
      run: () => client.chat({ ...ask, model: 'nobody' }),
    },
    {
      name: 'an unknown model, streamed',
      status: 404,
      words: /^model 'nobody' not found/,
      run: () => client.generate({ model: 'nobody', prompt: 'x', stream: true }),
    },
    {
      name: 'a model that is not shown',
      status: 404,
      words: /^model 'nobody' not found/,
      run: () => client.show({ model: 'nobody' }),
    },
    {
      name: 'a field of the wrong type',
      status: 400,
      words: /^options\.seed: must be a number/,
      run: () => client.chat({ ...ask, options: { seed: 'x' as unknown as number } }),
    },
    {
      name: 'a gap to fill',
      status: 400,
      words: /suffix/,
      run: () => client.generate({ model: 'gpt', prompt: 'a', suffix: 'b' }),
    },
    {
      name: 'a pull of what is not configured',
      status: 400,
      words: /hybrid models pull/,
      run: () => client.pull({ model: 'x' }),
    },
    {
      name: 'deleting',
      status: 400,
      words: /hybrid\.yaml/,
      run: () => client.delete({ model: 'gpt' }),
    },
    {
      name: 'copying',
      status: 400,
      words: /hybrid\.yaml/,
      run: () => client.copy({ source: 'gpt', destination: 'x' }),
    },
    { name: 'creating', status: 400, words: /hybrid\.yaml/, run: () => client.create({ model: 'x', from: 'gpt' }) },
    { name: 'pushing', status: 400, words: /hybrid\.yaml/, run: () => client.push({ model: 'gpt' }) },
  ]
  for (const { name, status, words, run } of refused) {
    test(`refused: ${name}`, () => assert.rejects(run, refusal(status, words)))
  }

  test('a reply that breaks off ends with an error', async () => {
    server.next({ text: 'one two three four', failure: { kind: 'cut', afterChunks: 2 } })
    const stream = await client.chat({ ...ask, stream: true })
    await assert.rejects(Array.fromAsync(stream), /cut|ended|broke|closed|lost/i)
  })

  test('hanging up reaches the model', async () => {
    const before = server.hangUps.length
    server.next({ text: 'one two three four', failure: { kind: 'hang', afterChunks: 2 } })
    const stream = await client.chat({ ...ask, stream: true })
    await assert.rejects(async () => {
      for await (const _ of stream) stream.abort()
    }, /abort/i)
    await server.hungUp(before + 1)
  })
})

describe('a model that is slow', () => {
  test('blanks keep the line open, and the client reads past them', async () => {
    const gateway = await openTestGateway({
      heartbeatMs: 5,
      config: {
        providers: { slow: { kind: 'echo', delay_ms: 40 } },
        models: { parrot: { provider: 'slow', id: 'parrot', max_complexity: 1 } },
      },
    })
    try {
      let text = ''
      const client = new Ollama({
        host: await gateway.listen(),
        fetch: async (...call) => {
          const response = await fetch(...call)
          text = await response.clone().text()
          return response
        },
      })
      const parts = await Array.fromAsync(await client.chat({ model: 'parrot', messages, stream: true }))
      assert.equal(parts.map(({ message }) => message.content).join(''), 'one two three')
      assert.match(text, /^ +\{/)
    } finally {
      await gateway.close()
    }
  })
})
