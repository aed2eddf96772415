import assert from 'node:assert/strict'
import { test } from 'node:test'
import { editFields } from './json-splice.ts'

const cases: { name: string; text: string; edits: Record<string, unknown>; expected: string }[] = [
  {
    name: 'replaces a value and leaves every other byte',
    text: '{ "model" : "auto",\n\t"big": 12345678901234567890, "one": 1.0,"10":1,"2":2 }',
    edits: { model: 'claude' },
    expected: '{ "model" : "claude",\n\t"big": 12345678901234567890, "one": 1.0,"10":1,"2":2 }',
  },
  {
    name: 'looks at the top only',
    text: '{"a":{"model":"inner","b":["model","}",{"model":1}]},"model":"outer"}',
    edits: { model: 'x' },
    expected: '{"a":{"model":"inner","b":["model","}",{"model":1}]},"model":"x"}',
  },
  {
    name: 'strings with quotes, braces and backslashes',
    text: '{"text":"\\"model\\":\\\\","model":"a\\"b","c":"]}"}',
    edits: { model: 'x' },
    expected: '{"text":"\\"model\\":\\\\","model":"x","c":"]}"}',
  },
  { name: 'a key with escapes', text: '{"mod\\u0065l":"a"}', edits: { model: 'x' }, expected: '{"mod\\u0065l":"x"}' },
  {
    name: 'every one of a repeated key',
    text: '{"model":"a","model":"b"}',
    edits: { model: 'x' },
    expected: '{"model":"x","model":"x"}',
  },
  { name: 'adds', text: '{"a":1 }', edits: { stream: true, b: undefined }, expected: '{"a":1,"stream":true}' },
  { name: 'adds to an empty object', text: ' { } ', edits: { a: [1] }, expected: ' {"a":[1]} ' },
  { name: 'removes the first', text: '{"a":1, "b":2}', edits: { a: undefined }, expected: '{"b":2}' },
  { name: 'removes the last', text: '{"a":1, "b":2 }', edits: { b: undefined }, expected: '{"a":1 }' },
  { name: 'removes the only one', text: '{"a":null}', edits: { a: undefined }, expected: '{}' },
  { name: 'removes two', text: '{"a":1,"b":2,"c":3}', edits: { a: undefined, c: undefined }, expected: '{"b":2}' },
  { name: 'removes all', text: '{"a":1,"b":2}', edits: { a: undefined, b: undefined }, expected: '{}' },
]

for (const { name, text, edits, expected } of cases) {
  test(`edit fields: ${name}`, () => {
    const edited = editFields(text, edits)
    assert.equal(edited, expected)
    JSON.parse(edited)
  })
}
