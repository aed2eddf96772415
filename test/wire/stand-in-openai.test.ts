import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import OpenAI, { BadRequestError, NotFoundError } from 'openai'
import { zodResponseFormat } from 'openai/helpers/zod'
import { z } from 'zod'
import { failure } from '../fixtures/failure.ts'
import { type OpenaiStandInOptions, startOpenaiStandIn } from '../fixtures/stand-ins/openai.ts'

const model = 'gpt-test'
const messages = [{ role: 'user', content: 'How are you?' }] as const
const ask = { model, messages: [...messages] }
const weather = {
  name: 'weather',
  description: 'The weather in a city',
  parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
}
const chatTools: OpenAI.ChatCompletionTool[] = [{ type: 'function', function: weather }]
const parallel = [
  { name: 'weather', arguments: '{"city":"Žďár nad Sázavou"}' },
  { name: 'weather', arguments: '{"city":"東京"}' },
]
const Person = z.object({ name: z.string(), age: z.int().min(18), tags: z.array(z.string()) })
const png = 'iVBORw0KGgo='
const picture = `data:image/png;base64,${png}`

async function start(context: TestContext, options: OpenaiStandInOptions = {}) {
  const server = await startOpenaiStandIn(options)
  context.after(() => server.close())
  const apiKey = 'sk-test-key-0123456789'
  return { server, client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 }) }
}

describe('OpenAI stand-in: chat completions', () => {
  test('a whole reply, with what the script adds', async (context) => {
    const { server, client } = await start(context)
    server.next({
      text: 'Žluťoučký kůň.',
      finishReason: 'length',
      usage: {
        prompt_tokens: 10,
        completion_tokens: 3,
        total_tokens: 13,
        prompt_tokens_details: { cached_tokens: 8 },
      },
      extra: { body: { x_body: 1 }, message: { x_message: 2 } },
      headers: { 'x-ratelimit-remaining-requests': '41' },
    })
    const { data, response } = await client.chat.completions.create(ask).withResponse()
    assert.equal(data.choices[0]?.message.content, 'Žluťoučký kůň.')
    assert.equal(data.choices[0].finish_reason, 'length')
    assert.equal(data.usage?.prompt_tokens_details?.cached_tokens, 8)
    assert.equal(Reflect.get(data, 'x_body'), 1)
    assert.equal(Reflect.get(data.choices[0].message, 'x_message'), 2)
    assert.equal(response.headers.get('x-ratelimit-remaining-requests'), '41')
    assert.equal(JSON.parse(server.requests[0]?.text ?? '').model, model)
  })

  test('choices, log-probabilities and usage are the same whole and streamed', async (context) => {
    const { client } = await start(context, { script: { text: 'One two' } })
    const asked = { ...ask, n: 2, logprobs: true, top_logprobs: 3 }
    const whole = await client.chat.completions.create(asked)
    const streamed = await client.chat.completions
      .stream({ ...asked, stream_options: { include_usage: true } })
      .finalChatCompletion()
    assert.deepEqual(
      whole.choices.map(({ message }) => message.content),
      ['One two', 'One two (2)'],
    )
    assert.equal(whole.choices[0]?.logprobs?.content?.[0]?.top_logprobs.length, 3)
    for (const [index, { message, logprobs, finish_reason }] of whole.choices.entries()) {
      const other = streamed.choices[index]
      assert.deepEqual(other?.message.content, message.content)
      assert.deepEqual(other?.logprobs, logprobs)
      assert.equal(other?.finish_reason, finish_reason)
    }
    assert.deepEqual(streamed.usage, whole.usage)
  })

  test('parallel calls are the same whole and streamed', async (context) => {
    const { server, client } = await start(context)
    const script = { text: 'Let me look.', toolCalls: parallel }
    server.next(script)
    server.next(script)
    const whole = await client.chat.completions.create({ ...ask, tools: chatTools })
    const streamed = await client.chat.completions.stream({ ...ask, tools: chatTools }).finalChatCompletion()
    for (const { choices } of [whole, streamed]) {
      const calls = choices[0]?.message.tool_calls ?? []
      assert.deepEqual(
        calls.map((call) => call.type === 'function' && call.function.arguments),
        parallel.map((call) => call.arguments),
      )
      assert.equal(new Set(calls.map(({ id }) => id)).size, 2)
      assert.equal(choices[0]?.message.content, 'Let me look.')
      assert.equal(choices[0]?.finish_reason, 'tool_calls')
    }
  })

  test('a call is streamed as OpenAI does it', async (context) => {
    const { server, client } = await start(context)
    server.next({ toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{"city":"Brno"}' }] })
    const chunks = await Array.fromAsync(await client.chat.completions.create({ ...ask, stream: true }))
    const deltas = chunks.map(({ choices: [choice] }) => choice?.delta)
    assert.deepEqual(deltas, [
      { role: 'assistant', content: null, refusal: null },
      { tool_calls: [{ index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"city"' } }] },
      { tool_calls: [{ index: 0, function: { arguments: ':"Brno"' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '}' } }] },
      {},
    ])
  })

  test('reasoning, refusal and an unknown event', async (context) => {
    const { server, client } = await start(context)
    server.next({ text: 'Hi.', reasoning: 'Say hi.', extra: { event: { type: 'x_event', choices: [] } } })
    const chunks = await Array.fromAsync(await client.chat.completions.create({ ...ask, stream: true }))
    const reasoning = chunks.map(({ choices: [choice] }) => Reflect.get(choice?.delta ?? {}, 'reasoning_content') ?? '')
    assert.equal(reasoning.join(''), 'Say hi.')
    assert.equal(Reflect.get(chunks[1] ?? {}, 'type'), 'x_event')
    server.next({ refusal: 'I will not.' })
    const refused = await client.chat.completions.stream(ask).finalChatCompletion()
    assert.equal(refused.choices[0]?.message.refusal, 'I will not.')
  })

  for (const stream of [false, true]) {
    test(`a tool loop by itself, ${stream ? 'streamed' : 'whole'}`, async (context) => {
      const { server, client } = await start(context, { brain: true })
      const asked: string[] = []
      const tool = {
        type: 'function',
        function: {
          ...weather,
          parse: JSON.parse,
          function: ({ city }: { city: string }) => {
            asked.push(city)
            return 'sunny'
          },
        },
      } as const
      const runner = stream
        ? client.chat.completions.runTools({ ...ask, stream, tools: [tool] })
        : client.chat.completions.runTools({ ...ask, tools: [tool] })
      assert.equal(await runner.finalContent(), 'The tool said: sunny')
      assert.deepEqual(asked, ['Paris'])
      assert.equal(server.requests.length, 2)
    })
  }

  test('the brain fills in schemas, sees images, and repeats', async (context) => {
    const { client } = await start(context, { brain: true })
    const parsed = await client.chat.completions.parse({
      ...ask,
      response_format: zodResponseFormat(Person, 'person'),
    })
    assert.deepEqual(parsed.choices[0]?.message.parsed, { name: 'text', age: 18, tags: [] })
    const image = { type: 'image_url', image_url: { url: picture } } as const
    const seen = await client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: [{ type: 'text', text: 'What is it?' }, image] }],
    })
    assert.equal(seen.choices[0]?.message.content, 'I see an image (image/png, 8 bytes).')
    const { choices } = await client.chat.completions.create(ask)
    assert.equal(choices[0]?.message.content, 'You said: How are you?')
    const forced = await client.chat.completions.create({
      ...ask,
      tools: [...chatTools, { type: 'function', function: { name: 'now' } }],
      tool_choice: { type: 'function', function: { name: 'now' } },
    })
    const call = forced.choices[0]?.message.tool_calls?.[0]
    assert.deepEqual(call?.type === 'function' && call.function, { name: 'now', arguments: '{}' })
  })

  test('calls and their results must match', async (context) => {
    const { client } = await start(context)
    const call = { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{}' } } as const
    const called: OpenAI.ChatCompletionMessageParam[] = [...messages, { role: 'assistant', tool_calls: [call] }]
    const stray: OpenAI.ChatCompletionMessageParam = { role: 'tool', tool_call_id: 'call_2', content: '' }
    for (const [wrong, message] of [
      [called, /did not have response messages: call_1/],
      [[...called, stray], /must be a response to a preceeding message/],
    ] as const) {
      const error = await failure(client.chat.completions.create({ model, messages: [...wrong] }), BadRequestError)
      assert.match(error.message, message)
    }
  })
})

describe('OpenAI stand-in: the rest', () => {
  test('completions, whole and streamed', async (context) => {
    const { client } = await start(context, { brain: true })
    const asked = { model, prompt: ['one', 'two'], echo: true, logprobs: 2 }
    const whole = await client.completions.create(asked)
    const chunks = await Array.fromAsync(await client.completions.create({ ...asked, stream: true }))
    for (const { index, text, logprobs } of whole.choices) {
      const parts = chunks.flatMap(({ choices }) => choices.filter((choice) => choice.index === index))
      assert.equal(text, `${asked.prompt[index]}You said: one`)
      assert.equal(parts.map((part) => part.text).join(''), text)
      assert.equal(Object.keys(logprobs?.top_logprobs?.[0] ?? {}).length, 2)
      assert.equal(parts.at(-1)?.finish_reason, 'stop')
    }
  })

  test('embeddings: base64 by default, floats, dimensions, several inputs', async (context) => {
    const { server, client } = await start(context)
    const asked = { model, input: ['a horse', 'the horse', 'tax law'], dimensions: 64 }
    const packed = await client.embeddings.create(asked)
    const floats = await client.embeddings.create({ ...asked, encoding_format: 'float' })
    assert.deepEqual(
      server.requests.map(({ body }) => body.encoding_format),
      ['base64', 'float'],
    )
    assert.deepEqual(packed.data, floats.data)
    const [a, b, c] = floats.data.map(({ embedding }) => embedding)
    assert.ok(a && b && c)
    assert.equal(a.length, 64)
    const near = (one: number[], other: number[]) => one.reduce((sum, x, index) => sum + x * (other[index] ?? 0), 0)
    assert.ok(near(a, b) > near(a, c))
    assert.ok(Math.abs(near(a, a) - 1) < 1e-6)
  })

  test('models, and what is not there', async (context) => {
    const { server, client } = await start(context, { models: ['gpt-test', 'org/model'] })
    const ids = (await Array.fromAsync(client.models.list())).map(({ id }) => id)
    assert.deepEqual(ids, ['gpt-test', 'org/model'])
    assert.equal((await client.models.retrieve('org/model')).id, 'org/model')
    assert.equal((await failure(client.models.retrieve('gpt-9'), NotFoundError)).code, 'model_not_found')
    assert.equal((await failure(client.files.list().then(Boolean), NotFoundError)).code, 'unknown_url')
    await client.get('/models?limit=2&after=x')
    assert.equal(server.requests.at(-1)?.query, 'limit=2&after=x')
  })
})
