import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { completionOf } from './json-completion.ts'

const ajv = new Ajv2020({ strict: false })
formats.default(ajv)

const cases = [
  {
    name: 'an object',
    schema: {
      type: 'object',
      properties: {
        name: { type: 'string', minLength: 3 },
        age: { type: 'integer' },
        price: { type: 'number' },
        mood: { enum: ['happy', 'sad', 'sadder'] },
        on: { type: 'date', format: 'date' },
        tags: { type: 'array', items: { type: 'string' }, minItems: 2 },
        free: { type: 'boolean' },
        home: { anyOf: [{ type: 'null' }, { $ref: '#/$defs/place' }] },
      },
      required: ['name', 'age', 'mood', 'tags', 'home'],
      $defs: { place: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] } },
    },
    value:
      '{"name": "Žo\\"e 🐎\\n", "age": -12, "price": -1.5e+3, "mood": "sadder", "tags": ["a", "b", "c"], "free": false, "home": {"city": "Roma"}}',
  },
  {
    name: 'a choice of objects',
    schema: {
      oneOf: [
        { type: 'object', properties: { kind: { const: 'a' }, x: { type: 'integer' } }, required: ['kind', 'x'] },
        { type: 'object', properties: { kind: { const: 'b' }, y: { type: 'string' } }, required: ['kind', 'y'] },
      ],
    },
    value: '{"kind": "b", "y": "yes"}',
  },
  { name: 'any object', schema: { type: 'object' }, value: '{"a": [1, {"b": null}], "c": true}' },
  {
    name: 'a tuple of dates',
    schema: {
      type: 'array',
      prefixItems: [
        { type: 'string', format: 'date' },
        { type: 'string', format: 'uuid' },
      ],
      minItems: 2,
      items: false,
    },
    value: '["2025-11-27", "fedcba98-7654-4321-8fed-cba987654321"]',
  },
]

for (const { name, schema, value } of cases) {
  const usable = { ...schema, ...('properties' in schema && { properties: { ...schema.properties, on: {} } }) }
  test(`wherever it is cut: ${name}`, () => {
    for (let length = 0; length <= value.length; length++) {
      // Not between the halves of one character: no token is half of one.
      const begun = value.slice(0, length)
      if (!begun.isWellFormed()) continue
      const whole = begun + completionOf(begun, usable)
      assert.doesNotThrow(() => JSON.parse(whole), whole)
      assert.ok(ajv.validate(usable, JSON.parse(whole)), `${whole}: ${ajv.errorsText()}`)
    }
  })
}

test('what is complete stays', () => {
  assert.equal(completionOf('{"a": 1}', { type: 'object' }), '')
})

test('what left its schema becomes JSON at least', () => {
  const whole = `{"b": [1, "x${completionOf('{"b": [1, "x', { type: 'object', properties: { a: { type: 'string' } } })}`
  assert.deepEqual(JSON.parse(whole), { b: [1, 'x'] })
})

const endless = { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }
const cutShort = [
  { name: 'a list of a billion', schema: { type: 'array', items: {}, minItems: 1_000_000_000 }, text: '[1' },
  { name: 'references in a circle', schema: endless, text: '{"a": [1' },
  { name: 'a choice of itself', schema: { type: 'object', anyOf: [{ $ref: '#' }] }, text: '{"a": [1' },
  { name: 'itself and more', schema: { type: 'object', allOf: [{ $ref: '#' }] }, text: '{"a": [1' },
]

for (const { name, schema, text } of cutShort) {
  test(`becomes JSON in little space: ${name}`, () => {
    const whole = text + completionOf(text, schema)
    JSON.parse(whole)
    assert.ok(whole.length < 1_000_000, `${whole.length} characters`)
  })
}
