import assert from 'node:assert/strict'
import { test } from 'node:test'
import { holdsAnswer, readVerdict } from './grade.ts'

const verdicts: readonly (readonly [text: string, expected: ReturnType<typeof readVerdict>])[] = [
  ['A: yes, B: no', { a: true, b: false }],
  ['**A**: No\n**B**: Yes', { a: false, b: true }],
  ['Answer A: yes. Answer B: yes.', { a: true, b: true }],
  ['A is fine, I think', undefined],
  ['', undefined],
]
for (const [text, expected] of verdicts) {
  test(`the verdict of ${JSON.stringify(text)}`, () => assert.deepEqual(readVerdict(text), expected))
}

const answers: readonly (readonly [text: string, answer: string, expected: boolean])[] = [
  ['The capital of France is **Paris**.', 'paris', true],
  ['It is 142.', '42', false],
  ['42', '42', true],
  ['C) Tokyo!', 'Tokyo', true],
  ['anything', '', false],
]
for (const [text, answer, expected] of answers) {
  test(`${JSON.stringify(text)} ${expected ? 'holds' : 'does not hold'} ${JSON.stringify(answer)}`, () => {
    assert.equal(holdsAnswer(text, [answer]), expected)
  })
}
