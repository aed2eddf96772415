import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import type { TaskKind } from '../core/evidence.ts'
import type { ChatRequest, Message } from '../core/request.ts'
import { profile } from './profile.ts'

const said = (role: Message['role'], text: string): Message => ({ role, content: [{ type: 'text', text }] })
const ask = (text: string, more: Partial<ChatRequest> = {}): ChatRequest => ({
  id: 'r1',
  dialect: 'native',
  model: 'auto',
  messages: [said('user', text)],
  stream: false,
  caching: 'off',
  ...more,
})
const passage = 'The ship left the harbour at noon with forty people on board, and came back two days later.'

const kinds: readonly (readonly [task: TaskKind, text: string])[] = [
  ['chat', 'Hello, how are you?'],
  ['fact', 'What is the capital of Norway?'],
  ['explain', 'Explain how a refrigerator works.'],
  ['arithmetic', 'A baker sells 12 cakes a day for 4 dollars each. How much does he earn in 5 days?'],
  ['mathematics', 'Solve the equation x^2 - 7x + 12 = 0.'],
  ['code', 'Write a Python function that removes duplicates from a list.'],
  ['extract', `Extract all dates from this text: ${passage}`],
  ['classify', 'Is the sentiment of this review positive or negative? The soup was cold.'],
  ['summarize', `Summarize the following text: ${passage} ${passage}`],
  ['translate', `Translate to French: ${passage}`],
  ['rewrite', `Rewrite this more politely: ${passage}`],
  ['write', 'Write a poem about the sea.'],
  [
    'choice',
    'Which gas is needed to breathe?\nA. Oxygen\nB. Helium\nC. Neon\nD. Argon\nAnswer with the correct letter.',
  ],
  ['fact', 'Was ist die Hauptstadt von Norwegen?'],
  ['translate', 'Übersetze ins Englische: Das Schiff verließ den Hafen.'],
  ['write', 'Escribe un poema sobre el mar.'],
  ['code', 'Écris une fonction Python qui trie une liste.'],
  ['translate', '翻译成英文：今天天气很好。'],
  ['summarize', 'Резюме: кратко перескажи текст.'],
]

describe('the kind of task', () => {
  for (const [task, text] of kinds) {
    test(`${task}: ${text.slice(0, 40)}`, () => assert.equal(profile.read(ask(text)).cell.task, task))
  }

  test('tools that are offered make it a task for tools', () => {
    const tools = [{ type: 'function' as const, name: 'f', parameters: { type: 'object' } }]
    assert.equal(profile.read(ask('Hello', { tools })).cell.task, 'tools')
  })
})

describe('only what the user says counts', () => {
  const question = said('user', 'What is the capital of Norway?')
  const usual = profile.read(ask('What is the capital of Norway?'))

  test('not the system prompt', () => {
    const noise = said('system', 'Prove theorems. Write code. Analyze, design and implement. '.repeat(100))
    assert.deepEqual(profile.read(ask('', { messages: [noise, question] })), usual)
  })

  test('not what a tool said', () => {
    const call = { role: 'assistant', content: [{ type: 'tool-call', id: 'a', name: 'f', arguments: '{}' }] } as const
    const result = {
      role: 'tool',
      content: [{ type: 'tool-result', id: 'a', name: 'f', content: [{ type: 'text', text: 'def f(x): return x' }] }],
    } as unknown as Message
    const { cell } = profile.read(ask('', { messages: [question, call, result] }))
    assert.deepEqual([cell.task, cell.turn], ['fact', 'tool'])
  })

  for (const word of ['Continue', 'yes!', 'weiter', 'Go on.', '继续', 'продолжай']) {
    test(`"${word}" inherits the task of its thread`, () => {
      const messages = [
        said('user', 'Write a Python function that sorts a list.'),
        said('assistant', 'def'),
        said('user', word),
      ]
      const { cell } = profile.read(ask('', { messages }))
      assert.deepEqual([cell.task, cell.turn], ['code', 'follow-up'])
    })
  }
})

test('long texts are read at both ends only', () => {
  const middle = (filler: string) =>
    `${'Summarize the following text. '.repeat(110)}${filler}${' The end of the story.'.repeat(80)}`
  const a = profile.read(ask(middle('x '.repeat(20_000))))
  const b = profile.read(ask(middle('def f(x): return x; '.repeat(2000))))
  assert.equal(a.cell.length, 'long')
  assert.deepEqual(a.cell, b.cell)
})

test('difficulty is bounded, and 0 for nothing', () => {
  for (const text of ['', ' ', 'x', '# '.repeat(50_000), 'prove '.repeat(5000), '🙂'.repeat(5000)]) {
    const { difficulty, familiarity, certainty } = profile.read(ask(text))
    assert.ok(Math.abs(difficulty) <= 1 && familiarity >= 0 && familiarity <= 1 && certainty >= 0, text.slice(0, 20))
  }
})

test('a longer word problem is harder', () => {
  const step = 'Then she buys 3 more apples for 2 dollars each and gives 4 to her brother. '
  const at = (steps: number) => profile.read(ask(`Anna has 12 apples. ${step.repeat(steps)}How many apples are left?`))
  assert.equal(at(1).cell.task, 'arithmetic')
  assert.ok(at(4).difficulty > at(1).difficulty)
})
