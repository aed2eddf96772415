import assert from 'node:assert/strict'
import { describe, type TestContext, test } from 'node:test'
import OpenAI, { APIError, BadRequestError } from 'openai'
import { zodTextFormat } from 'openai/helpers/zod'
import { z } from 'zod'
import { failure } from '../fixtures/failure.ts'
import { type OpenaiStandInOptions, startOpenaiStandIn } from '../fixtures/stand-ins/openai.ts'

const model = 'gpt-test'
const parameters = { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] }
const tools: OpenAI.Responses.FunctionTool[] = [{ type: 'function', name: 'weather', parameters, strict: false }]
const parallel = [
  { name: 'weather', arguments: '{"city":"Žďár nad Sázavou"}' },
  { name: 'weather', arguments: '{"city":"東京"}' },
]
const Person = z.object({ name: z.string(), age: z.int().min(18), tags: z.array(z.string()) })
const picture = 'data:image/png;base64,iVBORw0KGgo='

async function start(context: TestContext, options: OpenaiStandInOptions = {}) {
  const server = await startOpenaiStandIn(options)
  context.after(() => server.close())
  const apiKey = 'sk-test-key-0123456789'
  return { server, client: new OpenAI({ baseURL: `${server.url}/v1`, apiKey, maxRetries: 0 }) }
}

function callsIn({ output }: OpenAI.Responses.Response): OpenAI.Responses.ResponseFunctionToolCall[] {
  return output.filter((item) => item.type === 'function_call')
}

describe('OpenAI stand-in: responses', () => {
  test('reasoning, text and calls are the same whole and streamed', async (context) => {
    const { server, client } = await start(context)
    const script = { text: 'Let me look.', reasoning: 'Weather, then.', toolCalls: parallel }
    server.next(script, '/v1/responses')
    server.next(script, '/v1/responses')
    const whole = await client.responses.create({ model, input: 'Hi', tools })
    const streamed = await client.responses.stream({ model, input: 'Hi', tools }).finalResponse()
    const typesOf = ({ output }: OpenAI.Responses.Response) => output.map(({ type }) => type)
    assert.deepEqual(typesOf(whole), ['reasoning', 'message', 'function_call', 'function_call'])
    assert.deepEqual(typesOf(streamed), typesOf(whole))
    for (const response of [whole, streamed]) {
      assert.equal(response.output_text, 'Let me look.')
      assert.equal(response.status, 'completed')
      assert.deepEqual(
        callsIn(response).map((call) => call.arguments),
        parallel.map((call) => call.arguments),
      )
    }
    assert.deepEqual(streamed.usage, whole.usage)
  })

  test('the events are in the documented order, and numbered', async (context) => {
    const { server, client } = await start(context)
    const toolCalls = [{ name: 'now', arguments: '{}' }]
    server.next({ text: 'Hi.', reasoning: 'Hm.', toolCalls }, '/v1/responses')
    const events = await Array.fromAsync(await client.responses.create({ model, input: 'Hi', stream: true }))
    assert.deepEqual(
      events.map(({ type }) => type.replace('response.', '')),
      [
        'created',
        'in_progress',
        'output_item.added',
        'reasoning_summary_part.added',
        'reasoning_summary_text.delta',
        'reasoning_summary_text.done',
        'reasoning_summary_part.done',
        'output_item.done',
        'output_item.added',
        'content_part.added',
        'output_text.delta',
        'output_text.done',
        'content_part.done',
        'output_item.done',
        'output_item.added',
        'function_call_arguments.delta',
        'function_call_arguments.done',
        'output_item.done',
        'completed',
      ],
    )
    assert.deepEqual(
      events.map((event) => 'sequence_number' in event && event.sequence_number),
      events.map((_, index) => index),
    )
  })

  test('refused, incomplete, and an error among the events', async (context) => {
    const { server, client } = await start(context)
    server.next({ refusal: 'I will not.' }, '/v1/responses')
    const refused = await client.responses.stream({ model, input: 'Hi' }).finalResponse()
    const [item] = refused.output
    assert.equal(item?.type === 'message' && item.content[0]?.type, 'refusal')
    server.next({ text: 'One', finishReason: 'length' }, '/v1/responses')
    const cut = await client.responses.create({ model, input: 'Hi' })
    assert.deepEqual([cut.status, cut.incomplete_details?.reason], ['incomplete', 'max_output_tokens'])
    const error = { code: 'server_error', message: 'Something broke' }
    server.next({ text: 'One two', failure: { kind: 'error-event', afterChunks: 1, error } }, '/v1/responses')
    const stream = client.responses.stream({ model, input: 'Hi' }).finalResponse()
    assert.match((await failure(stream, APIError)).message, /Something broke/)
  })

  test('a tool loop by itself, which goes on from the response before', async (context) => {
    const { client } = await start(context, { brain: true })
    const asked = { model, tools }
    const first = await client.responses.create({ ...asked, input: 'The weather?', reasoning: { summary: 'auto' } })
    const [call] = callsIn(first)
    assert.equal(call?.arguments, '{"city":"Paris"}')
    const output = { type: 'function_call_output', call_id: call.call_id, output: 'sunny' } as const
    const next = await client.responses
      .stream({ ...asked, previous_response_id: first.id, input: [output] })
      .finalResponse()
    assert.equal(next.output_text, 'The tool said: sunny')
    const whole = await client.responses.create({
      ...asked,
      input: [{ role: 'user', content: 'The weather?' }, ...callsIn(first), output],
    })
    assert.equal(whole.output_text, 'The tool said: sunny')
    const wrong = client.responses.create({ ...asked, previous_response_id: first.id, input: 'And now?' })
    assert.match((await failure(wrong, BadRequestError)).message, /No tool output found for function call/)
    const stray = client.responses.create({ ...asked, input: [output] })
    assert.match((await failure(stray, BadRequestError)).message, /No tool call found/)
  })

  test('the brain fills in schemas and sees images', async (context) => {
    const { client } = await start(context, { brain: true })
    const format = zodTextFormat(Person, 'person')
    const parsed = await client.responses.parse({ model, input: 'Who?', text: { format } })
    assert.deepEqual(parsed.output_parsed, { name: 'text', age: 18, tags: [] })
    const image = { type: 'input_image', image_url: picture, detail: 'auto' } as const
    const seen = await client.responses.create({ model, input: [{ role: 'user', content: [image] }] })
    assert.equal(seen.output_text, 'I see an image (image/png, 8 bytes).')
  })
})
