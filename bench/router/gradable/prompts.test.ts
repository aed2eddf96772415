import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Gradable, gradablePrompts, isRight } from './prompts.ts'

const prompts = gradablePrompts()
const like = (more: Partial<Gradable>): Gradable => ({
  id: '',
  category: 'fact',
  language: 'en',
  prompt: '',
  accepted: [],
  rejected: [],
  ...more,
})

test('there are 500 prompts of five kinds in four languages, all different in themselves', () => {
  assert.ok(prompts.length >= 500, String(prompts.length))
  assert.equal(new Set(prompts.map(({ id }) => id)).size, prompts.length)
  for (const language of ['en', 'de', 'fr', 'es']) {
    const kinds = new Set(prompts.filter((prompt) => prompt.language === language).map(({ category }) => category))
    assert.equal(kinds.size, 5)
  }
})

test('no placeholder is left, and what is wanted never stands in a fact’s question', () => {
  for (const { prompt, category, accepted } of prompts) {
    assert.doesNotMatch(prompt, /\{[a-z]\w*\}/)
    if (category === 'fact')
      assert.ok(
        !accepted.some((word) =>
          prompt
            .toLowerCase()
            .split(/[^\p{L}\p{N}]+/u)
            .includes(word.toLowerCase()),
        ),
        prompt,
      )
  }
})

const grades: readonly (readonly [right: boolean, prompt: Gradable, reply: string])[] = [
  [true, like({ accepted: ['Paris'] }), 'The capital of France is **Paris**.'],
  [true, like({ accepted: ['París'] }), 'La capital es Paris'],
  [false, like({ accepted: ['42'] }), 'It is 142.'],
  [true, like({ accepted: ['1200'] }), 'They paid 1,200 dollars.'],
  [false, like({ accepted: ['positive'], rejected: ['negative'] }), 'positive or negative'],
  [true, like({ accepted: ['maria@example.org'] }), 'It is maria@example.org.'],
  [
    true,
    like({ json: { name: 'Maria Lopez', city: 'Madrid' } }),
    '```json\n{"name": "Maria Lopez", "city": "Madrid"}\n```',
  ],
  [false, like({ json: { name: 'Maria Lopez' } }), '{"name": "Maria"}'],
  [false, like({ json: { name: 'Maria Lopez' } }), 'Maria Lopez'],
]
for (const [right, prompt, reply] of grades) {
  test(`${right ? 'right' : 'wrong'}: ${reply.slice(0, 40)}`, () => assert.equal(isRight(prompt, reply), right))
}
