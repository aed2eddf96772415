import assert from 'node:assert/strict'
import { test } from 'node:test'
import { chat } from '../../test/fixtures/stand-ins/calls.ts'
import type { ReplyPart } from '../core/reply.ts'
import type { FunctionTool } from '../core/tools.ts'
import { CallReader } from './calls.ts'
import { turnsOf } from './conversation.ts'
import { planReply } from './plan.ts'
import { callGrammar } from './tools.ts'
import { ReplyWriter } from './writer.ts'

const weather: FunctionTool = {
  type: 'function',
  name: 'get_weather',
  description: 'Weather of\na city.',
  parameters: {
    type: 'object',
    properties: {
      city: { type: 'string', description: 'where' },
      units: { type: 'array', items: { enum: ['c', 'f'] } },
      near: { type: 'object', properties: { km: { type: ['integer', 'null'] } } },
    },
    required: ['city'],
  },
}

/** Joins the calls that the deltas begin and continue. */
function calls(parts: readonly ReplyPart[]) {
  return parts.flatMap((part) => {
    if (part.type !== 'tool-call') return []
    const pieces = parts.flatMap((delta) =>
      delta.type === 'tool-call-delta' && delta.index === part.index ? [delta.arguments] : [],
    )
    return [[part.name, pieces.join('')]]
  })
}

const oneCall = '{"name": "get_weather", "arguments": {"city": "a}\\"{", "n": [1, {}]}}'
const readings = [
  { name: 'one call', text: oneCall, expected: 1 },
  { name: 'a list', text: `[${oneCall}, ${oneCall}]`, expected: 2 },
]

for (const { name, text, expected } of readings) {
  for (const size of [1, 3, 1000]) {
    test(`reads ${name} in pieces of ${size}`, () => {
      const reader = new CallReader([weather])
      const deltas = (text.match(new RegExp(`.{1,${size}}`, 'gs')) ?? []).flatMap((piece) => reader.push(piece))
      assert.deepEqual(
        calls(deltas),
        Array.from({ length: expected }, () => ['get_weather', '{"city": "a}\\"{", "n": [1, {}]}']),
      )
      assert.ok(reader.done)
      assert.deepEqual(reader.cut(), [])
    })
  }
}

test('a call that is cut off becomes whole', () => {
  const reader = new CallReader([weather])
  const deltas = [...reader.push('{"name": "get_weather", "arguments": {"ci'), ...reader.cut()]
  assert.deepEqual(calls(deltas), [['get_weather', '{"city": "text"}']])
})

test('a call that has not begun is none', () => {
  const reader = new CallReader([weather])
  assert.deepEqual([...reader.push('{"name": "get_wea'), ...reader.cut()], [])
})

const begun = [
  { text: '', parallel: false, root: /^root ::= \[ \\n\]\? \("\{\\"name\\": " call\)$/ },
  { text: '\n{"na', parallel: false, root: /^root ::= \("me\\": " call\)$/ },
  { text: '[', parallel: true, root: /^root ::= \("\{\\"name\\": " call \(", " .* call\)\{0,7\} "\]"\)$/ },
]

for (const { text, parallel, root } of begun) {
  test(`the grammar goes on after '${text.replace('\n', '\\n')}'`, () => {
    const found = callGrammar({ tools: [weather], forced: false, parallel }, text)
    assert.match(found?.grammar.split('\n')[0] ?? '', root)
  })
}

test('what cannot become a call has no grammar', () => {
  assert.equal(callGrammar({ tools: [weather], forced: false, parallel: false }, 'Hm'), undefined)
})

test('many schemas together make no grammar that takes long to read', () => {
  const choice = { enum: Array.from({ length: 4000 }, (_, index) => `value${index}`) }
  const parameters = { type: 'object', properties: { choice }, required: ['choice'] }
  const tools = Array.from({ length: 20 }, (_, index) => ({ ...weather, name: `tool${index}`, parameters }))
  const found = callGrammar({ tools, forced: false, parallel: false }, '')
  assert.ok((found?.grammar.length ?? 0) < 150_000)
  assert.equal(found?.ignored.includes('the schema of tool0'), false)
  assert.ok(found?.ignored.includes('the schema of tool19'))
  assert.match(found?.grammar ?? '', /tool19/)
})

test('tools, calls and results as turns', () => {
  const text = (said: string) => ({ type: 'text', text: said }) as const
  const request = chat('', {
    tools: [weather],
    messages: [
      { role: 'system', content: [text('Be brief.')] },
      { role: 'user', content: [text('Weather?')] },
      {
        role: 'assistant',
        content: [text('Well.'), { type: 'tool-call', id: 'c1', name: 'get_weather', arguments: '{"city": "Rome"}' }],
      },
      {
        role: 'tool',
        content: [{ type: 'tool-result', callId: 'c1', name: '', content: [text('Rain')], isError: false }],
      },
      { role: 'user', content: [text('And now?')] },
    ],
  })
  const [system, ...turns] = turnsOf(request, planReply(request).offered)
  assert.equal(
    system?.text,
    `Be brief.

You can call these tools:
Weather of a city. <tool_call>
{"name": "get_weather", "arguments": {city: string (where), units?: ("c" | "f")[], near?: {km?: integer | null}}}
</tool_call>
Reply with the call that fits, or just answer if no tool is needed.`,
  )
  assert.deepEqual(turns, [
    { role: 'user', text: 'Weather?' },
    {
      role: 'assistant',
      text: 'Well.\n<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>',
    },
    { role: 'user', text: '<tool_response>\nRain\n</tool_response>\nAnd now?' },
  ])
})

test('the system prompt is the same whatever is chosen, as the model remembers it', () => {
  const prompts = [undefined, { type: 'required' }, { type: 'tool', name: 'get_weather' }] as const
  const texts = prompts.map((toolChoice) => {
    const request = chat('Hi', { tools: [weather], ...(toolChoice !== undefined && { toolChoice }) })
    return turnsOf(request, planReply(request).offered)[0]?.text
  })
  assert.equal(new Set(texts).size, 1)
})

async function write(pieces: readonly string[], stops: readonly string[] = []) {
  const { offered, grammars } = planReply(chat('Hi', { tools: [weather] }))
  const writer = new ReplyWriter({ offered, grammars, stopTexts: ['<|end|>'], stops })
  const parts: ReplyPart[] = []
  const asked: string[] = []
  // No model here, hence no grammar: what the pieces hold is what a grammar would have let through.
  const make = async (text: string) => {
    asked.push(text)
    return {} as never
  }
  await writer.begin(make)
  for (const text of pieces) {
    parts.push(...writer.push({ text, logprobs: [] }))
    if (writer.wants !== undefined) await writer.hold(make)
    if (writer.done) break
  }
  parts.push(...writer.end(false))
  const said = parts.map((part) => (part.type === 'text-delta' ? part.text : '')).join('')
  return { parts, said, finish: writer.finish(false), asked }
}

test('text alone', async () => {
  const { said, finish, asked } = await write(['Hello <to', 'ol> there', '<|en', 'd|> more'])
  assert.equal(said, 'Hello <tool> there')
  assert.deepEqual(finish, { reason: 'stop' })
  assert.deepEqual(asked, [])
})

test('text, then a call whose mark comes in pieces', async () => {
  const { said, parts, finish, asked } = await write(['I look. <tool', '_call', '>\n', `${oneCall}`, '\n</tool_call>'])
  assert.equal(said, 'I look. ')
  assert.equal(calls(parts).length, 1)
  assert.deepEqual(finish, { reason: 'tool-calls' })
  assert.equal(asked.length, 1)
})

test('a mark without a call', async () => {
  const { said, parts, finish } = await write(['Look: <tool_call>Hm', ' and so on'])
  assert.equal(said, 'Look: ')
  assert.deepEqual(calls(parts), [])
  assert.deepEqual(finish, { reason: 'stop' })
})

test('the stop sequence of the caller is named, that of the template is not', async () => {
  assert.deepEqual((await write(['one two'], ['two'])).finish, { reason: 'stop', stopSequence: 'two' })
  assert.deepEqual((await write(['one <|end|>'], ['two'])).finish, { reason: 'stop' })
})

test('a reply that shall be JSON may still begin with a call', () => {
  const { grammars } = planReply(chat('Hi', { tools: [weather], responseFormat: { type: 'json' } }))
  assert.match(grammars?.[0] ?? '', /^root ::= object \| "<tool_call>"\n/)
  assert.match(planReply(chat('Hi', { responseFormat: { type: 'json' } })).grammars?.[0] ?? '', /^root ::= object\n/)
})

test('nothing is said behind what cannot become a call', async () => {
  const offered = { tools: [weather], forced: false, parallel: false }
  const writer = new ReplyWriter({ offered, grammars: undefined, stopTexts: [], stops: [] })
  const said = (text: string) => [...writer.push({ text, logprobs: [] })].map((part) => 'text' in part && part.text)
  assert.deepEqual(said('Well, <tool_call>Hm'), ['Well, '])
  assert.equal(await writer.hold(async () => undefined), undefined)
  assert.equal(writer.done, true)
  assert.deepEqual(said('!'), [])
})
