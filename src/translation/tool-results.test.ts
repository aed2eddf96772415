import assert from 'node:assert/strict'
import { test } from 'node:test'
import { card } from '../../test/fixtures/stand-ins/calls.ts'
import type { ContentPart } from '../core/content.ts'
import type { Message } from '../core/request.ts'
import { pairToolResults } from './tool-results.ts'

const call = (id: string): ContentPart => ({ type: 'tool-call', id, name: `tool ${id}`, arguments: '{}' })
const text = (value: string) => ({ type: 'text', text: value }) as const
const result = (callId: string, said: string): ContentPart => ({
  type: 'tool-result',
  callId,
  name: '',
  content: [text(said)],
  isError: false,
})
const message = (role: Message['role'], ...content: ContentPart[]): Message => ({ role, content })

/** `assistant: >a >b`, `tool: a=1 b=2`, `user: text` */
function told({ role, content }: Message): string {
  const parts = content.map((part) => {
    if (part.type === 'tool-call') return `>${part.id}`
    if (part.type === 'tool-result')
      return `${part.callId}=${part.content.map((inner) => 'text' in inner && inner.text)}`
    return part.type === 'text' ? part.text : part.type
  })
  return `${role}: ${parts.join(' ')}`
}

const cases: { name: string; messages: Message[]; expected: string[]; warnings?: RegExp[] }[] = [
  {
    name: 'results in messages of their own are one message, in the order of the calls',
    messages: [
      message('user', text('Go')),
      message('assistant', call('a'), call('b')),
      message('tool', result('b', '2')),
      message('tool', result('a', '1')),
      message('user', text('More')),
    ],
    expected: ['user: Go', 'assistant: >a >b', 'tool: a=1 b=2', 'user: More'],
  },
  {
    name: 'neighbours of the assistant are one message',
    messages: [message('assistant', text('Hm')), message('assistant', call('a')), message('tool', result('a', '1'))],
    expected: ['assistant: Hm >a', 'tool: a=1'],
  },
  {
    name: 'a result behind words of the user comes first',
    messages: [message('assistant', call('a')), message('user', text('Wait')), message('tool', result('a', '1'))],
    expected: ['assistant: >a', 'tool: a=1', 'user: Wait'],
  },
  {
    name: 'a missing result',
    messages: [message('assistant', call('a'), call('b')), message('tool', result('b', '2'))],
    expected: ['assistant: >a >b', 'tool: a=[no result] b=2'],
    warnings: [/needs a result for every tool call: 1 were filled in/],
  },
  {
    name: 'a result without a call',
    messages: [message('user', text('Go')), message('tool', result('x', '1')), message('assistant', text('Yes'))],
    expected: ['user: Go', 'user: Result of a tool: 1', 'assistant: Yes'],
    warnings: [/knows no call for 1 tool results: sent as text/],
  },
  {
    name: 'a second result',
    messages: [message('assistant', call('a')), message('tool', result('a', '1'), result('a', '2'))],
    expected: ['assistant: >a', 'tool: a=1', 'user: Result of a tool: 2'],
    warnings: [/sent as text/],
  },
]

for (const { name, messages, expected, warnings = [] } of cases) {
  test(`tool results: ${name}`, () => {
    const paired = pairToolResults(messages, card())
    assert.deepEqual(paired.messages.map(told), expected)
    assert.equal(paired.warnings.length, warnings.length)
    for (const [index, warning] of warnings.entries()) assert.match(paired.warnings[index]?.message ?? '', warning)
  })
}

test('tool results: the name of the tool is told where the dialect did not repeat it', () => {
  const { messages } = pairToolResults([message('assistant', call('a')), message('tool', result('a', '1'))], card())
  const [part] = messages.at(-1)?.content ?? []
  assert.ok(part?.type === 'tool-result')
  assert.equal(part.name, 'tool a')
})
