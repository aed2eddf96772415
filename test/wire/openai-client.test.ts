import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import OpenAI, { APIUserAbortError, AuthenticationError, RateLimitError, UnprocessableEntityError } from 'openai'
import { openTestGateway, type TestGateway } from '../fixtures/gateway.ts'

const messages = [{ role: 'user' as const, content: 'one two three' }]

describe('the openai client', () => {
  let gateway: TestGateway
  let client: OpenAI
  before(async () => {
    gateway = await openTestGateway()
    client = connect(await gateway.listen())
  })
  after(() => gateway.close())

  test('a whole answer', async () => {
    const reply = await client.chat.completions.create({ model: 'auto', messages })
    assert.equal(reply.choices[0]?.message.content, 'one two three')
    assert.equal(reply.choices[0]?.finish_reason, 'stop')
    assert.deepEqual([reply.model, reply.usage?.total_tokens], ['parrot', 6])
    assert.ok(reply._request_id)
  })

  test('a stream, with usage at its end', async () => {
    const options = { include_usage: true }
    const stream = await client.chat.completions.create({
      model: 'auto',
      messages,
      stream: true,
      stream_options: options,
    })
    const chunks = await Array.fromAsync(stream)
    assert.equal(chunks.map(({ choices }) => choices[0]?.delta.content ?? '').join(''), 'one two three')
    assert.equal(chunks.at(-1)?.usage?.completion_tokens, 3)
  })

  test('the stream helper', async () => {
    const final = await client.chat.completions.stream({ model: 'parrot', messages }).finalChatCompletion()
    assert.equal(final.choices[0]?.message.content, 'one two three')
  })

  test('the list of models', async () => {
    const models = await Array.fromAsync(client.models.list())
    assert.deepEqual(
      models.map(({ id }) => id),
      ['auto', 'baseline', 'parrot'],
    )
  })

  test('an unknown model', async () => {
    await assert.rejects(client.chat.completions.create({ model: 'gpt-9', messages }), UnprocessableEntityError)
  })

  test('hanging up in the middle of a stream is accounted for', async () => {
    const slow = await openTestGateway({ config: { providers: { echo: { kind: 'echo', delay_ms: 50 } } } })
    const content = Array.from({ length: 200 }, (_, index) => `w${index}`).join(' ')
    const request = { model: 'auto', messages: [{ role: 'user' as const, content }], stream: true as const }
    const stream = await connect(await slow.listen()).chat.completions.create(request, {
      headers: { 'x-request-id': 'leaver' },
    })
    for await (const { choices } of stream) if (choices[0]?.delta.content) break
    let row = await slow.house.account.find('leaver')
    while (row?.status === 'open') {
      await new Promise((next) => setTimeout(next, 10))
      row = await slow.house.account.find('leaver')
    }
    assert.deepEqual([row?.status, row?.estimated], ['cancelled', true])
    await slow.close()
  })

  test('giving up before the first word', async () => {
    const slow = await openTestGateway({ config: { providers: { echo: { kind: 'echo', delay_ms: 60_000 } } } })
    const controller = new AbortController()
    const { completions } = connect(await slow.listen()).chat
    const asked = completions.create({ model: 'auto', messages }, { signal: controller.signal })
    setTimeout(() => controller.abort(), 100)
    await assert.rejects(asked, APIUserAbortError)
    await slow.close()
  })
})

test('a wrong key', async () => {
  const gateway = await openTestGateway({ environment: { HYBRID_API_KEY: 'sesame' } })
  const url = await gateway.listen()
  await assert.rejects(connect(url).chat.completions.create({ model: 'auto', messages }), AuthenticationError)
  const reply = await connect(url, 'sesame').chat.completions.create({ model: 'auto', messages })
  assert.equal(reply.model, 'parrot')
  await gateway.close()
})

test('too many requests', async () => {
  const gateway = await openTestGateway({ config: { limits: { rate: '1/hour' } } })
  const { completions } = connect(await gateway.listen()).chat
  await completions.create({ model: 'auto', messages })
  await assert.rejects(completions.create({ model: 'auto', messages }), RateLimitError)
  await gateway.close()
})

function connect(url: string, apiKey = 'unused'): OpenAI {
  return new OpenAI({ baseURL: `${url}/v1`, apiKey, maxRetries: 0 })
}
