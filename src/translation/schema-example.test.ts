import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Ajv2020 } from 'ajv/dist/2020.js'
import formats from 'ajv-formats'
import { exampleOf } from './schema-example.ts'

const cases = [
  { name: 'required only', schema: { type: 'object', properties: { a: { type: 'string' }, b: {} }, required: ['a'] } },
  { name: 'nothing required', schema: { type: 'object', properties: { a: { type: 'string' } } } },
  { name: 'a required property that no one describes', schema: { type: 'object', required: ['a'] } },
  { name: 'the least number of properties', schema: { type: 'object', minProperties: 2, additionalProperties: true } },
  { name: 'const', schema: { const: { a: [1] } } },
  { name: 'enum', schema: { enum: ['x', 'y'] } },
  { name: 'several types', schema: { type: ['null', 'integer'] } },
  { name: 'only null', schema: { type: 'null' } },
  { name: 'items without a type', schema: { items: { type: 'integer' }, minItems: 2 } },
  { name: 'a tuple', schema: { type: 'array', prefixItems: [{ type: 'string' }, { type: 'boolean' }], minItems: 3 } },
  { name: 'lengths', schema: { type: 'string', minLength: 6, maxLength: 7 } },
  { name: 'a short string', schema: { type: 'string', maxLength: 2 } },
  { name: 'an integer above', schema: { type: 'integer', exclusiveMinimum: 3 } },
  { name: 'an integer below', schema: { type: 'integer', maximum: -2 } },
  { name: 'a fraction', schema: { type: 'number', minimum: 0.2, maximum: 0.7 } },
  { name: 'steps', schema: { type: 'integer', minimum: 4, multipleOf: 7 } },
  { name: 'anyOf', schema: { anyOf: [{ type: 'null' }, { type: 'boolean' }] } },
  { name: 'oneOf beside properties', schema: { properties: { a: { const: 1 } }, oneOf: [{ required: ['a'] }] } },
  {
    name: 'allOf with a reference',
    schema: {
      allOf: [{ $ref: '#/$defs/named' }, { properties: { age: { type: 'integer' } }, required: ['age'] }],
      $defs: { named: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] } },
    },
  },
  {
    name: 'a list that refers to itself',
    schema: {
      $defs: {
        node: {
          type: 'object',
          properties: { next: { anyOf: [{ $ref: '#/$defs/node' }, { type: 'null' }] } },
          required: ['next'],
        },
      },
      $ref: '#/$defs/node',
    },
  },
  ...['date-time', 'date', 'email', 'ipv4', 'ipv6', 'uri', 'uuid', 'hostname', 'duration'].map((format) => ({
    name: `the format ${format}`,
    schema: { type: 'string', format },
  })),
]

for (const { name, schema } of cases) {
  test(`example: ${name}`, () => {
    const ajv = new Ajv2020({ strict: false })
    formats.default(ajv)
    const example = exampleOf(schema)
    assert.ok(ajv.validate(schema, example), `${JSON.stringify(example)}: ${ajv.errorsText()}`)
  })
}

test('a schema that nothing can satisfy still ends', () => {
  const schema = { $ref: '#/$defs/a', $defs: { a: { $ref: '#/$defs/a' } } }
  assert.equal(exampleOf(schema), null)
})

const names = Array.from({ length: 8 }, (_, index) => `property${index}`)
const greedy = {
  'a tree that branches at each level': {
    type: 'object',
    properties: Object.fromEntries(names.map((name) => [name, { $ref: '#' }])),
    required: names,
  },
  'lists of lists of lists': {
    type: 'array',
    minItems: 10_000,
    items: { type: 'array', minItems: 10_000, items: { type: 'array', minItems: 10_000 } },
  },
  'many long strings': { type: 'array', minItems: 10_000, items: { type: 'string', minLength: 10_000 } },
}

for (const [name, schema] of Object.entries(greedy)) {
  test(`an example stays small: ${name}`, () => {
    const { length } = JSON.stringify(exampleOf(schema))
    assert.ok(length < 2_000_000, `${length} characters`)
  })
}
