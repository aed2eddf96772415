import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { ChatRequest } from '../core/request.ts'
import { readFacts } from '../signals/index.ts'
import { heuristicComplexity } from './heuristic.ts'

const medium =
  'Please tell me everything that you know about the history of the lighthouse at the end of our little town. '
const long = medium.repeat(5)

/**
 * Worked by hand from the table: length (under 100 characters 0.1, to 500 0.3, over 500 0.5), complex keywords (0.1
 * each, at most 0.3), else simple keywords (-0.1), code (0.3 for two signs or more), question (-0.1) or creative (0.2).
 */
const cases: readonly { prompt: string; sum: string; expected: number }[] = [
  { prompt: 'hi', sum: '0.1', expected: 0.1 },
  { prompt: 'Hello there, how are you today?', sum: '0.1 - 0.1', expected: 0 },
  { prompt: 'What is the capital of France?', sum: '0.1 - 0.1 - 0.1, clipped', expected: 0 },
  { prompt: 'List three fruits.', sum: '0.1 - 0.1', expected: 0 },
  { prompt: 'Tell me a joke about cats', sum: '0.1', expected: 0.1 },
  { prompt: 'Design a logo', sum: '0.1 + 0.1', expected: 0.2 },
  { prompt: 'Design and implement a parser', sum: '0.1 + 0.2', expected: 0.3 },
  { prompt: 'Analyze, design, implement and refactor it', sum: '0.1 + 0.3 at most', expected: 0.4 },
  { prompt: 'Create a poem', sum: '0.1 + 0.2', expected: 0.3 },
  { prompt: 'Build a shed', sum: '0.1 + 0.1 (build) + 0.2 (creative)', expected: 0.4 },
  { prompt: 'Build, design and develop a comprehensive plan', sum: '0.1 + 0.3 + 0.2', expected: 0.6 },
  { prompt: 'What does this do: def f(x): return x', sum: '0.1 + 0.3, no question mark', expected: 0.4 },
  { prompt: 'What does this do? def f(x): return x', sum: '0.1 + 0.3 - 0.1', expected: 0.3 },
  { prompt: 'It came from Mars', sum: '0.1, one sign of code is none', expected: 0.1 },
  { prompt: 'Why? When? Where?', sum: '0.1, three question marks are no simple question', expected: 0.1 },
  { prompt: medium, sum: '0.3', expected: 0.3 },
  { prompt: `${medium}What is it?`, sum: '0.3 - 0.1 - 0.1', expected: 0.1 },
  { prompt: `${medium}Optimize and debug it.`, sum: '0.3 + 0.2', expected: 0.5 },
  { prompt: long, sum: '0.5', expected: 0.5 },
  { prompt: `${long}Summarize this`, sum: '0.5 - 0.1', expected: 0.4 },
  {
    prompt: `${long}Design, implement and debug: create function main() { import x }`,
    sum: '0.5 + 0.3 + 0.3 + 0.2, clipped',
    expected: 1,
  },
]

for (const { prompt, sum, expected } of cases) {
  test(`${prompt.slice(-50)} = ${sum}`, () => {
    assert.equal(heuristicComplexity(readFacts(request(prompt))).value, expected)
  })
}

test('the borders of the length factor', () => {
  const points = [99, 100, 500, 501].map((length) => heuristicComplexity(readFacts(request('x'.repeat(length)))).value)
  assert.deepEqual(points, [0.1, 0.3, 0.3, 0.5])
})

test('the reasoning is one sentence with the score first', () => {
  const { reasoning } = heuristicComplexity(readFacts(request('How are you?')))
  assert.equal(reasoning, 'Complexity 0.00: short prompt, simple question')
})

test('only the last user turn is scored', () => {
  const messages = [
    { role: 'system' as const, content: [{ type: 'text' as const, text: long }] },
    { role: 'user' as const, content: [{ type: 'text' as const, text: 'Design and implement everything' }] },
    { role: 'assistant' as const, content: [{ type: 'text' as const, text: '```class X { function y() }```' }] },
    { role: 'user' as const, content: [{ type: 'text' as const, text: 'thanks' }] },
  ]
  assert.equal(heuristicComplexity(readFacts({ ...request(''), messages })).value, 0.1)
})

function request(text: string): ChatRequest {
  return {
    id: 'test',
    dialect: 'native',
    model: 'auto',
    messages: [{ role: 'user', content: [{ type: 'text', text }] }],
    stream: false,
    caching: 'use',
  }
}
