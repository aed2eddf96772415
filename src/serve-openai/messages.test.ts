import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { requestHead } from '../../test/fixtures/dialect-calls.ts'
import { GatewayError } from '../core/errors.ts'
import type { Message } from '../core/request.ts'
import { openaiChat } from '../dialects/openai-chat.ts'

const hello = { role: 'user', content: 'hello' }
const text = (words: string) => ({ type: 'text' as const, text: words })
const png = 'data:image/png;base64,iVBORw0KGgo='
const call = (id: string, name = 'f', json = '{"a":1}') => ({
  id,
  type: 'function',
  function: { name, arguments: json },
})

function parse(...messages: readonly object[]) {
  return openaiChat.parse({ model: 'auto', messages }, requestHead())
}

describe('messages in the gateway’s words', () => {
  const cases: readonly { name: string; messages: readonly object[]; expected: readonly Message[] }[] = [
    {
      name: 'developer is system, and stays where it is',
      messages: [hello, { role: 'developer', content: [text('be brief'), text('!')] }],
      expected: [
        { role: 'user', content: [text('hello')] },
        { role: 'system', content: [text('be brief'), text('!')] },
      ],
    },
    {
      name: 'a mark for the prompt cache',
      messages: [{ role: 'user', content: [{ ...text('x'), cache_control: { type: 'ephemeral' } }] }],
      expected: [{ role: 'user', content: [{ ...text('x'), cacheMark: { type: 'ephemeral' } }] }],
    },
    {
      name: 'an image in place and one elsewhere',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: png, detail: 'low' } },
            { type: 'image_url', image_url: { url: 'https://example.com/a.png', detail: 'unheard of' } },
          ],
        },
      ],
      expected: [
        {
          role: 'user',
          content: [
            { type: 'image', source: { kind: 'data', mediaType: 'image/png', data: 'iVBORw0KGgo=' }, detail: 'low' },
            { type: 'image', source: { kind: 'url', url: 'https://example.com/a.png' } },
          ],
        },
      ],
    },
    {
      name: 'sound and documents',
      messages: [
        {
          role: 'user',
          content: [
            { type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } },
            { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
            { type: 'file', file: { file_data: 'data:text/plain;charset=utf-8;base64,aGk=', filename: 'a.txt' } },
            { type: 'file', file: { file_data: 'aGk=', filename: 'b.md' } },
            { type: 'file', file: { file_data: 'JVBERi0=' } },
          ],
        },
      ],
      expected: [
        {
          role: 'user',
          content: [
            { type: 'file', source: { kind: 'data', mediaType: 'audio/mpeg', data: 'AAAA' } },
            { type: 'file', source: { kind: 'data', mediaType: 'audio/wav', data: 'AAAA' } },
            { type: 'file', source: { kind: 'data', mediaType: 'text/plain', data: 'aGk=' }, name: 'a.txt' },
            { type: 'file', source: { kind: 'data', mediaType: 'text/markdown', data: 'aGk=' }, name: 'b.md' },
            { type: 'file', source: { kind: 'data', mediaType: 'application/pdf', data: 'JVBERi0=' } },
          ],
        },
      ],
    },
    {
      name: 'two calls and their results, whose arguments stay text',
      messages: [
        hello,
        {
          role: 'assistant',
          content: null,
          tool_calls: [call('a', 'f', '{"n": 12345678901234567890}'), call('b', 'g')],
        },
        { role: 'tool', tool_call_id: 'b', content: 'second' },
        { role: 'tool', tool_call_id: 'a', content: [text('first')] },
      ],
      expected: [
        { role: 'user', content: [text('hello')] },
        {
          role: 'assistant',
          content: [
            { type: 'tool-call', id: 'a', name: 'f', arguments: '{"n": 12345678901234567890}' },
            { type: 'tool-call', id: 'b', name: 'g', arguments: '{"a":1}' },
          ],
        },
        {
          role: 'tool',
          content: [
            { type: 'tool-result', callId: 'b', name: 'g', content: [text('second')], isError: false },
            { type: 'tool-result', callId: 'a', name: 'f', content: [text('first')], isError: false },
          ],
        },
      ],
    },
    {
      name: 'a custom tool’s call',
      messages: [
        hello,
        {
          role: 'assistant',
          content: '',
          tool_calls: [{ id: 'c', type: 'custom', custom: { name: 'shell', input: 'ls "x"' } }],
        },
        { role: 'tool', tool_call_id: 'c', content: 'x' },
      ],
      expected: [
        { role: 'user', content: [text('hello')] },
        {
          role: 'assistant',
          content: [{ type: 'tool-call', id: 'c', name: 'shell', arguments: String.raw`{"input":"ls \"x\""}` }],
        },
        {
          role: 'tool',
          content: [{ type: 'tool-result', callId: 'c', name: 'shell', content: [text('x')], isError: false }],
        },
      ],
    },
    {
      name: 'functions of old, which have no ids',
      messages: [
        hello,
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{}' } },
        { role: 'function', name: 'f', content: 'one' },
        { role: 'assistant', content: null, function_call: { name: 'f', arguments: '{"a":2}' } },
        { role: 'function', name: 'f', content: 'two' },
      ],
      expected: [
        { role: 'user', content: [text('hello')] },
        { role: 'assistant', content: [{ type: 'tool-call', id: 'unnamed-0', name: 'f', arguments: '{}' }] },
        {
          role: 'tool',
          content: [{ type: 'tool-result', callId: 'unnamed-0', name: 'f', content: [text('one')], isError: false }],
        },
        { role: 'assistant', content: [{ type: 'tool-call', id: 'unnamed-1', name: 'f', arguments: '{"a":2}' }] },
        {
          role: 'tool',
          content: [{ type: 'tool-result', callId: 'unnamed-1', name: 'f', content: [text('two')], isError: false }],
        },
      ],
    },
    {
      name: 'a refusal is what the assistant said',
      messages: [
        hello,
        { role: 'assistant', content: null, refusal: 'No.' },
        { role: 'user', content: 'please' },
        { role: 'assistant', content: [{ type: 'refusal', refusal: 'Never.' }] },
      ],
      expected: [
        { role: 'user', content: [text('hello')] },
        { role: 'assistant', content: [text('No.')] },
        { role: 'user', content: [text('please')] },
        { role: 'assistant', content: [text('Never.')] },
      ],
    },
    {
      name: 'reasoning without a signature',
      messages: [hello, { role: 'assistant', content: 'x', reasoning_content: 'hm' }, hello],
      expected: [
        { role: 'user', content: [text('hello')] },
        { role: 'assistant', content: [{ type: 'reasoning', text: 'hm' }, text('x')] },
        { role: 'user', content: [text('hello')] },
      ],
    },
    {
      name: 'signed and encrypted reasoning, in pieces, beside the plain field',
      messages: [
        hello,
        {
          role: 'assistant',
          content: 'x',
          reasoning: 'hm, so',
          reasoning_details: [
            { type: 'reasoning.text', text: 'hm, ', index: 0 },
            { type: 'reasoning.text', text: 'so', index: 0 },
            { type: 'reasoning.text', signature: 'S', format: 'anthropic-claude-v1', index: 0 },
            { type: 'reasoning.encrypted', data: 'D', format: 'anthropic-claude-v1', index: 1 },
            { type: 'reasoning.text', text: 'another vendor’s', signature: 'T', format: 'google-gemini-v1', index: 2 },
            { type: 'reasoning.encrypted', data: 'E', format: 'openai-responses-v1', index: 3 },
          ],
        },
      ],
      expected: [
        { role: 'user', content: [text('hello')] },
        {
          role: 'assistant',
          content: [
            { type: 'reasoning', text: 'hm, so', signature: 'S' },
            { type: 'reasoning', text: '', redacted: 'D' },
            { type: 'reasoning', text: 'another vendor’s' },
            { type: 'opaque', kind: 'reasoning_details' },
            text('x'),
          ],
        },
      ],
    },
    {
      name: 'what only the vendor understands',
      messages: [
        { role: 'user', content: [text('see'), { type: 'video_url', video_url: { url: 'x' } }] },
        { role: 'assistant', audio: { id: 'audio_1' } },
        { role: 'user', content: [{ type: 'file', file: { file_id: 'file_1' } }] },
        { role: 'critic', content: 'x' },
      ],
      expected: [
        { role: 'user', content: [text('see'), { type: 'opaque', kind: 'video_url' }] },
        { role: 'assistant', content: [{ type: 'opaque', kind: 'audio' }] },
        { role: 'user', content: [{ type: 'opaque', kind: 'file_id' }] },
        { role: 'user', content: [{ type: 'opaque', kind: 'a message of the role critic' }] },
      ],
    },
  ]
  for (const { name, messages, expected } of cases) {
    test(name, () => assert.deepEqual(parse(...messages).messages, expected))
  }

  test('what is opaque must be understood in the last turn, and may be left out of earlier ones', () => {
    const video = { role: 'user', content: [text('see'), { type: 'video_url' }] }
    const { needs } = parse(video, { role: 'assistant', content: 'x' }, video)
    assert.deepEqual(
      needs?.map(({ capability, field, weight }) => [capability, field, weight]),
      [
        ['native', 'messages[0].content', 'may'],
        ['native', 'messages[2].content', 'must'],
      ],
    )
  })
})

describe('messages that are refused', () => {
  const image = (image_url: unknown) => ({ role: 'user', content: [text('x'), { type: 'image_url', image_url }] })
  const cases: readonly { name: string; messages: readonly unknown[]; field: string }[] = [
    { name: 'none', messages: [], field: 'messages' },
    { name: 'a number', messages: [1], field: 'messages[0]' },
    { name: 'a role that is a number', messages: [{ role: 1 }], field: 'messages[0].role' },
    { name: 'null for a user', messages: [{ role: 'user', content: null }], field: 'messages[0].content' },
    { name: 'a part that is a word', messages: [{ role: 'user', content: ['x'] }], field: 'messages[0].content' },
    { name: 'a part without type', messages: [{ role: 'user', content: [{}] }], field: 'messages[0].content[0].type' },
    {
      name: 'a type that cannot be printed',
      messages: [{ role: 'user', content: [{ type: { toString: 1 } }] }],
      field: 'messages[0].content[0].type',
    },
    {
      name: 'text that is a number',
      messages: [hello, { role: 'user', content: [{ type: 'text', text: 1 }] }],
      field: 'messages[1].content[0].text',
    },
    { name: 'no url', messages: [image({})], field: 'messages[0].content[1].image_url.url' },
    { name: 'an empty data URL', messages: [image({ url: 'data:' })], field: 'messages[0].content[1].image_url.url' },
    {
      name: 'a file that is not there',
      messages: [{ role: 'user', content: [{ type: 'file', file: {} }] }],
      field: 'messages[0].content[0].file',
    },
    {
      name: 'a result of no call',
      messages: [hello, { role: 'tool', content: 'x' }],
      field: 'messages[1].tool_call_id',
    },
    {
      name: 'arguments that are an object',
      messages: [hello, { role: 'assistant', tool_calls: [{ id: 'a', function: { name: 'f', arguments: {} } }] }],
      field: 'messages[1].tool_calls[0].function.arguments',
    },
    { name: 'only blanks', messages: [{ role: 'user', content: ' ' }], field: 'messages' },
    { name: 'a system message alone', messages: [{ role: 'system', content: 'x' }], field: 'messages' },
  ]
  for (const { name, messages, field } of cases) {
    test(name, () => {
      assert.throws(
        () => openaiChat.parse({ model: 'auto', messages }, requestHead()),
        (error) => error instanceof GatewayError && error.code === 'invalid_request' && error.field === field,
      )
    })
  }

  test('a prompt over the limit, but not the result of a tool', () => {
    const long = 'x'.repeat(11)
    const head = requestHead({ maxPromptCharacters: 10 })
    const ask = (...messages: readonly object[]) => openaiChat.parse({ model: 'auto', messages }, head)
    assert.throws(
      () => ask(hello, { role: 'user', content: [text('123456'), text('123456')] }),
      (error) =>
        error instanceof GatewayError && error.code === 'prompt_too_long' && error.field === 'messages[1].content',
    )
    ask(
      hello,
      { role: 'assistant', tool_calls: [call('a', 'f', `"${long}"`)] },
      { role: 'tool', tool_call_id: 'a', content: long },
    )
  })
})
