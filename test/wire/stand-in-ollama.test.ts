import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import { type ChatResponse, Ollama } from 'ollama'
import { type OllamaStandInOptions, startOllamaStandIn } from '../fixtures/stand-ins/ollama.ts'

const model = 'phi'
const messages = [{ role: 'user', content: 'How are you?' }]
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const tools = [{ type: 'function', function: { name: 'weather', description: 'The weather in a city', parameters } }]
const schema = { type: 'object', properties: { age: { type: 'integer' }, city: { type: 'string' } } }
const png = 'iVBORw0KGgo='

async function start(context: TestContext, options: OllamaStandInOptions = {}) {
  const server = await startOllamaStandIn(options)
  context.after(() => server.close())
  return { server, client: new Ollama({ host: server.url }) }
}

function joined(lines: readonly ChatResponse[]) {
  const all = (textOf: (line: ChatResponse) => string | undefined) => lines.map((line) => textOf(line) ?? '').join('')
  return {
    content: all(({ message }) => message.content),
    thinking: all(({ message }) => message.thinking),
    tool_calls: lines.flatMap(({ message }) => message.tool_calls ?? []),
  }
}

describe('Ollama stand-in: chat and generate', () => {
  test('text, thinking, calls and log-probabilities are the same whole and streamed', async (context) => {
    const { server, client } = await start(context)
    const toolCalls = [
      { id: 'call_1', name: 'weather', arguments: '{"city":"Žďár"}' },
      { id: 'call_2', name: 'weather', arguments: '{"city":"東京"}' },
    ]
    const script = { text: 'Let me look.', reasoning: 'Weather, then.', toolCalls, extra: { body: { x_body: 1 } } }
    server.next(script)
    server.next(script)
    const asked = { model, messages, tools, think: true, logprobs: true, top_logprobs: 2 }
    const whole = await client.chat(asked)
    const lines = await Array.fromAsync(await client.chat({ ...asked, stream: true }))
    const { role, ...said } = whole.message
    assert.equal(role, 'assistant')
    assert.equal(said.content, 'Let me look.')
    assert.deepEqual(said, joined(lines))
    assert.deepEqual(said.tool_calls, [
      { id: 'call_1', function: { index: 0, name: 'weather', arguments: { city: 'Žďár' } } },
      { id: 'call_2', function: { index: 1, name: 'weather', arguments: { city: '東京' } } },
    ])
    assert.equal(whole.logprobs?.length, 3)
    assert.deepEqual(
      lines.flatMap(({ logprobs = [] }) => logprobs),
      whole.logprobs,
    )
    const last = lines.at(-1)
    assert.deepEqual([last?.done_reason, last?.eval_count], [whole.done_reason, whole.eval_count])
    assert.equal(Reflect.get(whole, 'x_body'), 1)
    assert.equal(Reflect.get(last ?? {}, 'x_body'), 1)
  })

  test('generate, whole and streamed', async (context) => {
    const { client } = await start(context, { brain: true })
    const whole = await client.generate({ model, prompt: 'Hi there', think: true })
    const lines = await Array.fromAsync(await client.generate({ model, prompt: 'Hi there', think: true, stream: true }))
    assert.equal(whole.response, 'You said: Hi there')
    assert.equal(whole.thinking, 'Let me think about that.')
    assert.equal(lines.map(({ response }) => response).join(''), whole.response)
    assert.equal(lines.map(({ thinking = '' }) => thinking).join(''), whole.thinking)
    assert.deepEqual(lines.at(-1)?.context, whole.context)
    const seen = await client.generate({ model, prompt: 'What is it?', images: [png] })
    assert.equal(seen.response, 'I see an image (image/png, 8 bytes).')
    assert.equal((await client.generate({ model, prompt: '' })).done_reason, 'load')
  })

  for (const stream of [false, true]) {
    test(`a tool loop, ${stream ? 'streamed' : 'whole'}`, async (context) => {
      const { client } = await start(context, { brain: true })
      const say = async (asked: typeof messages) => {
        if (!stream) return (await client.chat({ model, messages: asked, tools })).message
        return {
          role: 'assistant',
          ...joined(await Array.fromAsync(await client.chat({ model, messages: asked, tools, stream }))),
        }
      }
      const first = await say(messages)
      assert.deepEqual(first.tool_calls?.[0]?.function.arguments, { city: 'Paris' })
      const next = await say([...messages, first, { role: 'tool', content: 'sunny' }])
      assert.equal(next.content, 'The tool said: sunny')
    })
  }

  test('the brain fills in schemas, sees images, and repeats', async (context) => {
    const { client } = await start(context, { brain: true })
    const say = async (asked: object) => (await client.chat({ model, messages, ...asked })).message.content
    assert.deepEqual(JSON.parse(await say({ format: schema })), { age: 1, city: 'Paris' })
    assert.deepEqual(JSON.parse(await say({ format: 'json' })), { said: 'How are you?' })
    const picture = [{ role: 'user', content: 'What is it?', images: [Buffer.from(png, 'base64')] }]
    assert.equal(await say({ messages: picture }), 'I see an image (image/png, 8 bytes).')
    assert.equal(await say({}), 'You said: How are you?')
  })

  test('what it refuses', async (context) => {
    const capabilities = { 'phi:latest': ['completion'], 'minilm:latest': ['embedding'] } as const
    const { client } = await start(context, { models: ['phi:latest', 'minilm:latest'], capabilities })
    const badCall = { role: 'assistant', content: '', tool_calls: [{ function: { name: 'x', arguments: '{}' } }] }
    const refused: [asked: object, status: number, message: RegExp][] = [
      [{ tools }, 400, /^registry\.ollama\.ai\/library\/phi:latest does not support tools$/],
      [{ think: true }, 400, /^"phi" does not support thinking$/],
      [{ model: 'minilm' }, 400, /^"minilm" does not support chat$/],
      [{ model: 'llama9' }, 404, /^model 'llama9' not found$/],
      [{ logprobs: true, top_logprobs: 21 }, 400, /between 0 and 20/],
      [{ messages: [{ role: 'user', content: [{ type: 'text' }] }] }, 400, /cannot unmarshal array/],
      [{ messages: [...messages, badCall] }, 400, /cannot unmarshal string/],
      [{ messages: [{ role: 'user', content: '', images: ['data:image/png;base64,x'] }] }, 400, /illegal base64/],
    ]
    for (const [asked, status, message] of refused) {
      await assert.rejects(client.chat({ model, messages, ...asked }), { status_code: status, message })
    }
  })

  test('an error among the lines', async (context) => {
    const { server, client } = await start(context)
    server.next({ text: 'One two', failure: { kind: 'error-event', afterChunks: 1, error: 'the runner ended' } })
    const stream = await client.chat({ model, messages, stream: true })
    await assert.rejects(Array.fromAsync(stream), /the runner ended/)
  })
})

test('Ollama stand-in: embeddings', async (context) => {
  const { client } = await start(context)
  const { embeddings, prompt_eval_count: count } = await client.embed({ model, input: ['one', 'two'], dimensions: 4 })
  assert.deepEqual(
    embeddings.map(({ length }) => length),
    [4, 4],
  )
  assert.equal(count, 2)
  const { embedding } = await client.embeddings({ model, prompt: 'one' })
  assert.deepEqual(embedding, (await client.embed({ model, input: 'one' })).embeddings[0])
})

test('Ollama stand-in: its models', async (context) => {
  const capabilities = { 'phi:latest': ['completion', 'tools'] } as const
  const { client } = await start(context, { capabilities, contextLength: 2048 })
  const namesOf = ({ models }: Awaited<ReturnType<typeof client.list>>) => models.map(({ name }) => name)
  assert.deepEqual(namesOf(await client.list()), ['phi:latest'])
  assert.deepEqual(namesOf(await client.ps()), [])
  await client.chat({ model, messages, options: { num_ctx: 8192 } })
  const running = await client.ps()
  assert.deepEqual(namesOf(running), ['phi:latest'])
  assert.equal(Reflect.get(running.models[0] ?? {}, 'context_length'), 8192)
  const shown = await client.show({ model })
  assert.deepEqual(shown.capabilities, ['completion', 'tools'])
  assert.equal(Reflect.get(shown.model_info, 'phi2.context_length'), 2048)
  assert.equal((await client.version()).version, '0.13.5')
  assert.equal((await client.pull({ model })).status, 'success')
  const steps = await Array.fromAsync(await client.pull({ model, stream: true }))
  assert.deepEqual(
    steps.map(({ status }) => status),
    ['pulling manifest', 'success'],
  )
})
