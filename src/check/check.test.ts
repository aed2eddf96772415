import assert from 'node:assert/strict'
import { describe, test } from 'node:test'
import fc from 'fast-check'
import type { OutputPart } from '../core/content.ts'
import type { ReplyChoice } from '../core/message-builder.ts'
import type { ChatRequest } from '../core/request.ts'
import { checkReply } from './check.ts'

const ask = (prompt: string, more: Partial<ChatRequest> = {}): ChatRequest => ({
  id: 'r1',
  dialect: 'native',
  model: 'auto',
  messages: [{ role: 'user', content: [{ type: 'text', text: prompt }] }],
  stream: false,
  caching: 'off',
  ...more,
})
const say = (text: string, more: Partial<ReplyChoice> = {}): ReplyChoice => ({
  content: [{ type: 'text', text }],
  reason: 'stop',
  ...more,
})
const call = (name: string, json: string): OutputPart => ({ type: 'tool-call', id: 'c1', name, arguments: json })
const tools = [
  {
    type: 'function' as const,
    name: 'weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
]
const schema = {
  type: 'object',
  properties: { name: { type: 'string' }, age: { type: 'integer', minimum: 0 }, kind: { enum: ['a', 'b'] } },
  required: ['name', 'age'],
  additionalProperties: false,
}
const wantsSchema = { responseFormat: { type: 'json-schema' as const, name: 'x', schema } }
const sentence = 'The old harbour of the town lies behind the mill and is used by fishing boats. '

const cases: readonly {
  readonly name: string
  readonly request?: ChatRequest
  readonly reply: ReplyChoice
  readonly partial?: boolean
  readonly found: readonly string[]
}[] = [
  { name: 'a plain answer', reply: say('Paris is the capital of France.'), found: [] },
  { name: 'nothing', reply: say('  \n'), found: ['empty fatal'] },
  { name: 'nothing yet', reply: say(''), partial: true, found: [] },
  {
    name: 'only a call',
    reply: say('', { content: [call('weather', '{"city":"Rome"}')] }),
    request: ask('x', { tools }),
    found: [],
  },
  { name: 'cut at the model’s own limit', reply: say('Once upon', { reason: 'length' }), found: ['cut doubt'] },
  {
    name: 'cut where the caller wanted a few words',
    request: ask('x', { maxTokens: 8 }),
    reply: say('Once upon', { reason: 'length' }),
    found: [],
  },
  { name: 'an open block', reply: say('```js\nlet a = 1'), found: ['cut doubt'] },
  { name: 'a loop of words', reply: say(`Well, ${'I think that '.repeat(60)}`), found: ['repetition fatal'] },
  { name: 'a loop of a letter', reply: say(`Aa${'a'.repeat(300)}`), found: ['repetition fatal'] },
  {
    name: 'lines that begin alike',
    reply: say(Array.from({ length: 30 }, (_, i) => `- item ${i}: the price is ${i * 7} euros`).join('\n')),
    found: [],
  },
  {
    name: 'a refrain that was asked for',
    request: ask('Write a song with a refrain'),
    reply: say(`${'la la la sing with me now my dear friend '.repeat(3)}${sentence.repeat(2)}`),
    found: [],
  },
  { name: 'a refusal', reply: say("I'm sorry, but I can't help with that."), found: ['refusal fatal'] },
  {
    name: 'a refusal in German',
    request: ask('Wie ist das Wetter?'),
    reply: say('Es tut mir leid, aber ich kann das nicht beantworten.'),
    found: ['refusal fatal'],
  },
  {
    name: 'a letter that declines',
    request: ask('Write a letter that declines politely'),
    reply: say("I'm sorry, but I cannot accept your offer."),
    found: [],
  },
  { name: 'a doubt', reply: say("I'm not sure, but it may be Lyon."), found: ['hedging doubt'] },
  {
    name: 'JSON that was asked for',
    request: ask('x', wantsSchema),
    reply: say('{"name":"A","age":3,"kind":"a"}'),
    found: [],
  },
  { name: 'no JSON', request: ask('x', wantsSchema), reply: say('name: A'), found: ['invalid-json fatal'] },
  {
    name: 'a field that is missing',
    request: ask('x', wantsSchema),
    reply: say('{"name":"A"}'),
    found: ['invalid-json fatal'],
  },
  {
    name: 'a wrong type',
    request: ask('x', wantsSchema),
    reply: say('{"name":"A","age":"3"}'),
    found: ['invalid-json fatal'],
  },
  {
    name: 'a value out of the list',
    request: ask('x', wantsSchema),
    reply: say('{"name":"A","age":3,"kind":"c"}'),
    found: ['invalid-json fatal'],
  },
  {
    name: 'a field too many',
    request: ask('x', wantsSchema),
    reply: say('{"name":"A","age":3,"x":1}'),
    found: ['invalid-json fatal'],
  },
  { name: 'a block of broken JSON', reply: say('```json\n{"a": }\n```'), found: ['invalid-json doubt'] },
  { name: 'JavaScript that parses', reply: say('```js\nconst a = [1, 2].map((x) => x * 2)\n```'), found: [] },
  { name: 'a module', reply: say("```js\nimport fs from 'node:fs'\nawait fs.x()\n```"), found: [] },
  { name: 'JavaScript that does not', reply: say('```js\nconst a = (1, 2\n```'), found: ['invalid-code doubt'] },
  { name: 'Python', reply: say('```python\ndef f(x):\n    return "(" + str(x)  # :)\n```'), found: [] },
  { name: 'Python with a bracket too few', reply: say('```python\nprint((1)\n```'), found: ['invalid-code doubt'] },
  {
    name: 'another language than the user’s',
    request: ask('Was ist die Hauptstadt von Frankreich, und wie groß ist sie?'),
    reply: say(sentence),
    found: ['wrong-language doubt'],
  },
  {
    name: 'another language that was asked for',
    request: ask('Übersetze ins Englische: Der alte Hafen der Stadt liegt hinter der Mühle.'),
    reply: say(sentence),
    found: [],
  },
  {
    name: 'the question said back',
    request: ask('What is the capital of the country France?'),
    reply: say('What is the capital of the country France?'),
    found: ['echo doubt'],
  },
  {
    name: 'the question said back, and an answer',
    request: ask('What is the capital of the country France?'),
    reply: say(`What is the capital of the country France? ${sentence}`),
    found: [],
  },
  {
    name: 'a tool that was not offered',
    request: ask('x', { tools }),
    reply: say('', { content: [call('news', '{}')] }),
    found: ['invalid-tool-call fatal'],
  },
  {
    name: 'a call without what it needs',
    request: ask('x', { tools }),
    reply: say('', { content: [call('weather', '{}')] }),
    found: ['invalid-tool-call fatal'],
  },
  {
    name: 'arguments that are no JSON',
    request: ask('x', { tools }),
    reply: say('', { content: [call('weather', '{city')] }),
    found: ['invalid-tool-call fatal'],
  },
]

describe('what is wrong with a reply', () => {
  for (const { name, request = ask('What is the capital of France?'), reply, partial = false, found } of cases) {
    test(name, () => {
      const { findings } = checkReply(request, reply, { partial })
      assert.deepEqual(
        findings.map((finding) => `${finding.name} ${finding.weight}`),
        found,
      )
    })
  }

  test('nothing that a model says makes it fail, and no words of it are told', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', maxLength: 400 }), fc.boolean(), (text, partial) => {
        const { findings } = checkReply(ask('Say QQQQ', wantsSchema), say(`QZQZ${text}`), { partial })
        assert.ok(findings.every(({ detail }) => !detail.includes('QZQZ')))
      }),
      { numRuns: 300, seed: 5 },
    )
  })
})

describe('confidence', () => {
  const tokens = (logprobs: readonly number[]) => logprobs.map((logprob, index) => ({ token: `t${index}`, logprob }))
  const confidence = (logprobs: readonly number[]) =>
    checkReply(ask('x'), say('text', { logprobs: tokens(logprobs) }), { partial: false }).confidence

  test('is absent where the server tells none', () => assert.equal(confidence([]), undefined))

  test('mean, lowest, and the worst eight tokens in a row', () => {
    const told = confidence([...Array(8).fill(-0.1), ...Array(8).fill(-1), ...Array(8).fill(-0.1)])
    assert.deepEqual(
      [told?.mean, told?.lowest, told?.lowestWindow, told?.tokens].map((value) => Number(value?.toFixed(6))),
      [-0.4, -1, -1, 24],
    )
  })

  test('what servers write for impossible is bounded, and over certain is certain', () => {
    const told = confidence([Number.NEGATIVE_INFINITY, 0.5])
    assert.deepEqual([told?.lowest, told?.mean], [-20, -10])
  })

  test('the margin to the next token, where alternatives are told', () => {
    const top = [
      { token: 'a', logprob: -0.1 },
      { token: 'b', logprob: -2.1 },
    ]
    const reply = say('a', { logprobs: [{ token: 'a', logprob: -0.1, top }] })
    assert.equal(checkReply(ask('x'), reply, { partial: false }).confidence?.margin, 2)
  })
})
