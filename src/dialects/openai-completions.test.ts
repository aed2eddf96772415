import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import { answerFacts, eventData, requestHead, written } from '../../test/fixtures/dialect-calls.ts'
import { receipt } from '../../test/fixtures/receipt.ts'
import { GatewayError } from '../core/errors.ts'
import type { ContentDelta } from '../core/reply.ts'
import { openaiCompletions } from './openai-completions.ts'

const ask = { model: 'auto', prompt: 'Once' }

function parse(fields: object) {
  return openaiCompletions.parse({ ...ask, ...fields }, requestHead())
}

const delta: ContentDelta = {
  type: 'text-delta',
  text: ' upon',
  logprobs: [
    { token: ' up', logprob: -0.5, top: [{ token: ' up', logprob: -0.5 }] },
    { token: 'on', logprob: -1, top: [] },
  ],
}
const logprobs = (offset: number) => ({
  tokens: [' up', 'on'],
  token_logprobs: [-0.5, -1],
  top_logprobs: [{ ' up': -0.5 }, {}],
  text_offset: [offset, offset + 3],
})

describe('a request', () => {
  test('the prompt is what a user says, and the reply has sixteen tokens', () => {
    const { messages, maxTokens, dialect } = parse({})
    assert.deepEqual(messages, [{ role: 'user', content: [{ type: 'text', text: 'Once' }] }])
    assert.deepEqual([dialect, maxTokens], ['openai-completions', 16])
  })

  test('a list of one prompt, and what else it may ask for', () => {
    const { messages, maxTokens, stop, logprobs, choices, user } = parse({
      prompt: ['Twice'],
      max_tokens: 3,
      stop: ['.'],
      logprobs: 2,
      n: 2,
      user: 'ann',
    })
    assert.deepEqual(messages[0]?.content, [{ type: 'text', text: 'Twice' }])
    assert.deepEqual([maxTokens, stop, logprobs, choices, user], [3, ['.'], { top: 2 }, 2, 'ann'])
  })

  test('a gap must be filled by a model that can; the best of several is left out where nobody can', () => {
    const needs = parse({ suffix: 'the end', best_of: 3 }).needs ?? []
    assert.deepEqual(
      needs.map(({ capability, field, weight }) => [capability, field, weight]),
      [
        ['native', 'suffix', 'must'],
        ['native', 'best_of', 'prefer'],
      ],
    )
    assert.equal(parse({ suffix: '', best_of: 1 }).needs, undefined)
  })

  const nativePrompts = [
    { name: 'several', prompt: ['a', 'b'], advice: /send a request for each/ },
    { name: 'tokens', prompt: [1, 2], advice: /send text/ },
    { name: 'lists of tokens', prompt: [[1], [2]], advice: /send text/ },
  ]
  for (const { name, prompt, advice } of nativePrompts) {
    test(`prompts for a server of the same API alone: ${name}`, () => {
      const [need] = parse({ prompt }).needs ?? []
      assert.deepEqual([need?.capability, need?.field, need?.weight], ['native', 'prompt', 'must'])
      assert.match(need?.advice ?? '', advice)
    })
  }

  const refused = [
    { name: 'none', prompt: undefined },
    { name: 'a blank one', prompt: ' ' },
    { name: 'none of several', prompt: [] },
    { name: 'an empty list of tokens', prompt: [[]] },
    { name: 'texts and tokens', prompt: ['a', 1] },
    { name: 'a number', prompt: 1 },
  ]
  for (const { name, prompt } of refused) {
    test(`prompts that are refused: ${name}`, () => {
      assert.throws(
        () => parse({ prompt }),
        (error) =>
          error instanceof GatewayError &&
          error.code === 'invalid_request' &&
          error.field?.startsWith('prompt') === true,
      )
    })
  }
})

describe('a reply', () => {
  const choice = {
    content: [{ type: 'text' as const, text: ' upon' }],
    reason: 'length' as const,
    logprobs: delta.logprobs ?? [],
  }

  const cases = [
    { name: 'plain', fields: {}, text: ' upon', expected: null },
    { name: 'with probabilities', fields: { logprobs: 1 }, text: ' upon', expected: logprobs(0) },
    { name: 'after its prompt', fields: { logprobs: 1, echo: true }, text: 'Once upon', expected: logprobs(4) },
  ]
  for (const { name, fields, text, expected } of cases) {
    test(`whole, ${name}`, () => {
      const body = openaiCompletions.whole(
        { facts: answerFacts, choices: [choice], receipt: receipt({}) },
        parse(fields),
      )
      const { choices, id, object } = body as Readonly<Record<string, unknown>>
      assert.deepEqual([id, object], ['cmpl-id', 'text_completion'])
      assert.deepEqual(choices, [{ text, index: 0, logprobs: expected, finish_reason: 'length' }])
    })

    test(`streamed, ${name}`, () => {
      const writer = openaiCompletions.frames(parse({ ...fields, stream_options: { include_usage: true } }))
      const events = eventData(written(writer, [delta], { reason: 'length', receipt: receipt({}) }))
      const chunks = events.slice(0, -1) as { choices: Readonly<Record<string, unknown>>[]; usage: object | null }[]
      const choices = chunks.flatMap(({ choices }) => choices)
      assert.equal(choices.map(({ text }) => text).join(''), text)
      assert.deepEqual(choices.find(({ logprobs }) => logprobs !== null)?.logprobs ?? null, expected)
      assert.deepEqual(choices.at(-1), { text: '', index: 0, logprobs: null, finish_reason: 'length' })
      assert.deepEqual(chunks.at(-1)?.choices, [])
      assert.ok(chunks.at(-1)?.usage)
      assert.equal(events.at(-1), '[DONE]')
    })
  }
})
