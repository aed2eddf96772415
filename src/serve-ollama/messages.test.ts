import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { RequestHead } from '../dialects/dialect.ts'
import { conversation } from './messages.ts'

const png = 'iVBORw0KGgo='
const user = { role: 'user', content: 'Hi' }
const callOf = (name: string, more: object = {}) => ({ ...more, function: { name, arguments: { city: 'Paris' } } })

const head: RequestHead = {
  requestId: 'r1',
  headers: {},
  maxPromptCharacters: 100,
  path: '/api/chat',
  query: '',
  bodyText: '{}',
}

type OllamaMessage = Parameters<typeof conversation>[0][number]

function messagesOf(...messages: readonly OllamaMessage[]) {
  return conversation(messages, head)
}

describe('messages', () => {
  test('system, images, thoughts', () => {
    assert.deepEqual(
      messagesOf(
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'What is it?', images: [png] },
        { role: 'assistant', content: 'A dot.', thinking: 'Hm.' },
        { role: 'USER', content: '' },
      ),
      [
        { role: 'system', content: [{ type: 'text', text: 'Be brief.' }] },
        {
          role: 'user',
          content: [
            { type: 'image', source: { kind: 'data', mediaType: 'image/png', data: png } },
            { type: 'text', text: 'What is it?' },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'reasoning', text: 'Hm.' },
            { type: 'text', text: 'A dot.' },
          ],
        },
        { role: 'user', content: [{ type: 'text', text: '' }] },
      ],
    )
  })

  test('an unknown role is for models of the same dialect alone', () => {
    const [control] = messagesOf({ role: 'control', content: 'thinking' }, user)
    assert.deepEqual(control, { role: 'user', content: [{ type: 'opaque', kind: "role 'control'" }] })
    assert.equal(messagesOf({ role: '__proto__', content: '' }, user)[0]?.role, 'user')
  })

  test('images stand where other APIs have none', () => {
    const [system, , assistant] = messagesOf({ role: 'system', content: 'Look.', images: [png] }, user, {
      role: 'assistant',
      content: '',
      images: [png],
    })
    const opaque = (role: string) => ({ type: 'opaque', kind: `images of role '${role}'` })
    assert.deepEqual(system?.content, [{ type: 'text', text: 'Look.' }, opaque('system')])
    assert.deepEqual(assistant?.content, [opaque('assistant')])
  })

  const results: readonly { name: string; calls: ReturnType<typeof callOf>[]; results: object[]; ids: string[] }[] = [
    {
      name: 'by id',
      calls: [callOf('a', { id: 'x' }), callOf('b', { id: 'y' })],
      results: [{ tool_call_id: 'y' }, { tool_call_id: 'x' }],
      ids: ['y', 'x'],
    },
    {
      name: 'by name',
      calls: [callOf('a'), callOf('b')],
      results: [{ tool_name: 'b' }, { tool_name: 'a' }],
      ids: ['unnamed-1', 'unnamed-0'],
    },
    {
      name: 'by order, where one tool was called twice',
      calls: [callOf('a'), callOf('a')],
      results: [{ tool_name: 'a' }, { tool_name: 'a' }],
      ids: ['unnamed-0', 'unnamed-1'],
    },
    {
      name: 'by order, where nothing is said',
      calls: [callOf('a'), callOf('b')],
      results: [{}, {}],
      ids: ['unnamed-0', 'unnamed-1'],
    },
    {
      name: 'by order, where only results have ids',
      calls: [callOf('a'), callOf('b')],
      results: [{ tool_call_id: 'p' }, { tool_call_id: 'q' }],
      ids: ['unnamed-0', 'unnamed-1'],
    },
    {
      name: 'by name, where only calls have ids',
      calls: [callOf('a', { id: 'x' })],
      results: [{ tool_name: 'a' }],
      ids: ['x'],
    },
    { name: 'a result of no call', calls: [callOf('a', { id: 'x' })], results: [{ tool_call_id: 'z' }], ids: ['z'] },
  ]
  for (const { name, calls, results: given, ids } of results) {
    test(`results are matched with calls: ${name}`, () => {
      const messages = messagesOf(
        user,
        { role: 'assistant', content: '', tool_calls: calls },
        ...given.map((fields) => ({ role: 'tool', content: '22 degrees', ...fields })),
      )
      const found = messages.flatMap(({ content }) =>
        content.flatMap((part) => (part.type === 'tool-result' ? [part.callId] : [])),
      )
      assert.deepEqual(found, ids)
    })
  }

  test('a call and its result', () => {
    const [, call, result] = messagesOf(
      user,
      { role: 'assistant', content: '', tool_calls: [callOf('weather')] },
      { role: 'tool', content: '22 degrees', tool_name: 'weather' },
    )
    const id = 'unnamed-0'
    assert.deepEqual(call?.content, [{ type: 'tool-call', id, name: 'weather', arguments: '{"city":"Paris"}' }])
    const content = [{ type: 'text', text: '22 degrees' }]
    assert.deepEqual(result, {
      role: 'tool',
      content: [{ type: 'tool-result', callId: id, name: 'weather', content, isError: false }],
    })
  })
})
