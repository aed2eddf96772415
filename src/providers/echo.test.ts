import assert from 'node:assert/strict'
import { test } from 'node:test'
import { assertError, card, chat, never, openProvider } from '../../test/fixtures/stand-ins/calls.ts'
import type { ContentPart } from '../core/content.ts'
import { MessageBuilder, type ReplyChoice } from '../core/message-builder.ts'
import { type Finish, isContent } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Tool } from '../core/tools.ts'
import { echo } from './echo.ts'

const model = card({ backend: 'local' })

async function ask(
  text: string,
  overrides: Partial<ChatRequest> = {},
): Promise<{ choice: ReplyChoice | undefined; finish: Finish | undefined; pieces: number }> {
  const provider = openProvider(echo, {})
  const builder = new MessageBuilder()
  let pieces = 0
  let finish: Finish | undefined
  for await (const part of provider.send({ request: chat(text, overrides), model }, never)) {
    if (part.type === 'finish') finish = part
    if (!isContent(part)) continue
    pieces++
    builder.add(part)
  }
  return { choice: builder.finish(finish ?? { reason: 'stop' })[0], finish, pieces }
}

function tool(name: string): Tool {
  const properties = { city: { type: 'string' }, days: { type: 'integer', minimum: 1 } }
  return { type: 'function', name, parameters: { type: 'object', properties, required: ['city', 'days'] } }
}

const tools = [tool('get_weather'), tool('mcp__maps.find-2')]
const least = '{"city":"text","days":1}'

const calling: { name: string; text: string; more?: Partial<ChatRequest>; calls: [string, string][] }[] = [
  { name: 'none is mentioned', text: 'Weather?', calls: [] },
  { name: 'one is mentioned', text: 'Please call get_weather now.', calls: [['get_weather', least]] },
  {
    name: 'with arguments, as they were written',
    text: 'call mcp__maps.find-2 {"city": "a}{\\"", "n": 12345678901234567890} please',
    calls: [['mcp__maps.find-2', '{"city": "a}{\\"", "n": 12345678901234567890}']],
  },
  {
    name: 'several',
    text: 'call get_weather {"city":"Rome"} and call mcp__maps.find-2.',
    calls: [
      ['get_weather', '{"city":"Rome"}'],
      ['mcp__maps.find-2', least],
    ],
  },
  {
    name: 'several, one at a time',
    text: 'call get_weather and call mcp__maps.find-2',
    more: { parallelToolCalls: false },
    calls: [['get_weather', least]],
  },
  { name: 'required', text: 'Hi', more: { toolChoice: { type: 'required' } }, calls: [['get_weather', least]] },
  {
    name: 'a chosen one',
    text: 'call get_weather',
    more: { toolChoice: { type: 'tool', name: 'mcp__maps.find-2' } },
    calls: [['mcp__maps.find-2', least]],
  },
  { name: 'forbidden', text: 'call get_weather', more: { toolChoice: { type: 'none' } }, calls: [] },
  { name: 'an unknown one', text: 'call me', calls: [] },
]

for (const { name, text, more, calls } of calling) {
  test(`tool calls: ${name}`, async () => {
    const { choice, finish, pieces } = await ask(text, { tools, ...more })
    const made = (choice?.content ?? []).filter((part) => part.type === 'tool-call')
    assert.deepEqual(
      made.map((call) => [call.name, call.arguments]),
      calls,
    )
    assert.equal(new Set(made.map(({ id }) => id)).size, calls.length)
    assert.ok(made.every(({ id }) => /^call_[0-9a-f]{24}$/.test(id)))
    assert.equal(finish?.reason, calls.length > 0 ? 'tool-calls' : 'stop')
    assert.equal(finish?.usage?.output, pieces)
  })
}

const image: ContentPart = { type: 'image', source: { kind: 'data', mediaType: 'image/png', data: 'aGVsbG8=' } }
const link: ContentPart = { type: 'image', source: { kind: 'url', url: 'https://example.com/cat.png' } }
const file: ContentPart = { type: 'file', source: { kind: 'data', mediaType: 'application/pdf', data: 'aGk' } }
const text: ContentPart = { type: 'text', text: 'Look  at\nthis ' }
const result = (said: string): ContentPart => ({
  type: 'tool-result',
  callId: said,
  name: 'get_weather',
  content: [{ type: 'text', text: said }],
  isError: false,
})

const spoken: { name: string; role?: 'tool'; content: ContentPart[]; expected: string }[] = [
  { name: 'plain text as it is', content: [text], expected: 'Look  at\nthis ' },
  { name: 'an image', content: [text, image], expected: 'Look  at\nthis  [image image/png, 5 bytes]' },
  {
    name: 'images alone',
    content: [image, link],
    expected: '[image image/png, 5 bytes] [image https://example.com/cat.png]',
  },
  { name: 'a document', content: [file], expected: '[file application/pdf, 2 bytes]' },
  {
    name: 'results of tools',
    role: 'tool',
    content: [result('18 degrees'), result('rain')],
    expected: '18 degrees\nrain',
  },
]

for (const { name, role = 'user', content, expected } of spoken) {
  test(`repeats ${name}`, async () => {
    const { choice } = await ask('', { messages: [{ role, content }] })
    assert.deepEqual(choice?.content, [{ type: 'text', text: expected }])
  })
}

test('gives the least that fits a schema, in pieces', async () => {
  const schema = { type: 'object', properties: { kind: { enum: ['a', 'b'] } }, required: ['kind'] }
  const { choice, pieces } = await ask('Hi', { responseFormat: { type: 'json-schema', name: 'kind', schema } })
  assert.deepEqual(choice?.content, [{ type: 'text', text: '{"kind":"a"}' }])
  assert.equal(pieces, 2)
})

test('gives any JSON', async () => {
  const { choice } = await ask('Hi "there"', { responseFormat: { type: 'json' } })
  assert.deepEqual(choice?.content, [{ type: 'text', text: '{"echo":"Hi \\"there\\""}' }])
})

test('is sure of its words, and thinks when asked', async () => {
  const { choice, finish } = await ask('Hello there', { logprobs: { top: 1 }, reasoning: { enabled: true } })
  assert.deepEqual(
    choice?.content.map(({ type }) => type),
    ['reasoning', 'text'],
  )
  assert.deepEqual(choice?.logprobs, [
    { token: 'Hello ', logprob: 0, top: [{ token: 'Hello ', logprob: 0 }] },
    { token: 'there', logprob: 0, top: [{ token: 'there', logprob: 0 }] },
  ])
  assert.deepEqual([finish?.usage?.output, finish?.usage?.reasoning], [2, 6])
})

test('ends at a stop sequence, and at the limit', async () => {
  const stopped = await ask('one two three two', { stop: ['three', 'tw'] })
  assert.deepEqual(stopped.choice?.content, [{ type: 'text', text: 'one ' }])
  assert.deepEqual([stopped.finish?.reason, stopped.finish?.stopSequence], ['stop', 'tw'])
  const cut = await ask('one two three', { stop: ['three'], maxTokens: 1 })
  assert.deepEqual([cut.finish?.reason, cut.finish?.stopSequence], ['length', undefined])
})

test('counts what it will report', async () => {
  const request = chat('one two three')
  const counted = await openProvider(echo, {}).countTokens?.({ request, model }, never)
  assert.equal(counted, (await ask('one two three')).finish?.usage?.input)
})

test('embeds: equal for equal texts, nearer for texts that share words', async () => {
  const provider = openProvider(echo, {})
  const inputs = ['the cat sleeps', 'the cat eats', 'quarterly report numbers', 'the cat sleeps']
  const call = { id: 'e1', dialect: 'native', model: 'auto', inputs, dimensions: 64 }
  const reply = await provider.embed?.({ request: call, model }, never)
  const [first = [], second = [], third = [], fourth] = reply?.vectors ?? []
  const nearness = (other: readonly number[]) =>
    first.reduce((sum, value, index) => sum + value * (other[index] ?? 0), 0)
  assert.deepEqual(first, fourth)
  assert.equal(first.length, 64)
  assert.ok(Math.abs(nearness(first) - 1) < 1e-9)
  assert.ok(nearness(second) > nearness(third))
  assert.equal(reply?.usage?.input, 12)
})

test('fails on demand', async () => {
  const provider = openProvider(echo, { fail_with: 'upstream_failed', fail_after_words: 1 })
  const words: unknown[] = []
  const error = await Array.fromAsync(provider.send({ request: chat('one two'), model }, never), (part) => {
    words.push(part)
  }).catch((error: unknown) => error)
  assertError(error, 'upstream_failed')
  assert.deepEqual(words, [{ type: 'text-delta', text: 'one ' }])
})
