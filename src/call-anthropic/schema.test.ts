import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonSchema } from '../core/tools.ts'
import { claudeSchema, schemaAllowance } from './schema.ts'

const string = { type: 'string' }
const object = (properties: Record<string, unknown>, more: Record<string, unknown> = {}) => ({
  type: 'object',
  properties,
  required: Object.keys(properties),
  ...more,
})

const cases: { name: string; schema: JsonSchema; expected: JsonSchema | undefined }[] = [
  {
    name: 'objects are closed, at every depth',
    schema: object({ a: object({ b: string }), c: { type: 'array', items: object({ d: string }) } }),
    expected: object(
      {
        a: object({ b: string }, { additionalProperties: false }),
        c: { type: 'array', items: object({ d: string }, { additionalProperties: false }) },
      },
      { additionalProperties: false },
    ),
  },
  {
    name: 'limits are told in words',
    schema: object({ age: { type: 'integer', minimum: 0, maximum: 9, description: 'In years.' } }),
    expected: object(
      { age: { type: 'integer', description: 'In years.\n(minimum: 0, maximum: 9)' } },
      { additionalProperties: false },
    ),
  },
  {
    name: 'formats and lengths of lists',
    schema: object({ a: { type: 'string', format: 'email' }, b: { type: 'array', items: string, minItems: 3 } }),
    expected: object(
      { a: { type: 'string', format: 'email' }, b: { type: 'array', items: string, description: '(minItems: 3)' } },
      { additionalProperties: false },
    ),
  },
  {
    name: 'one of several becomes any of them',
    schema: { oneOf: [string, { type: 'number' }] },
    expected: { anyOf: [string, { type: 'number' }] },
  },
  {
    name: 'properties may be called like keywords',
    schema: object({ minimum: string, format: string }),
    expected: object({ minimum: string, format: string }, { additionalProperties: false }),
  },
  { name: 'arbitrary keys', schema: { type: 'object', additionalProperties: string }, expected: undefined },
  { name: 'any object', schema: { type: 'object' }, expected: undefined },
  { name: 'anything', schema: {}, expected: undefined },
  { name: 'negations', schema: { type: 'string', not: { const: 'a' } }, expected: undefined },
  {
    name: 'a tree',
    schema: { $ref: '#/$defs/node', $defs: { node: object({ next: { $ref: '#/$defs/node' } }) } },
    expected: undefined,
  },
  {
    name: 'too many optional properties',
    schema: object(Object.fromEntries(Array.from({ length: 25 }, (_, at) => [`p${at}`, string])), { required: [] }),
    expected: undefined,
  },
]

for (const { name, schema, expected } of cases) {
  test(`schema: ${name}`, () => assert.deepEqual(claudeSchema(schema), expected))
}

test('the limits are those of all schemas of a request together', () => {
  const nullable = (count: number) =>
    object(Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, { type: ['string', 'null'] }])))
  const allowed = schemaAllowance()
  assert.notEqual(allowed(nullable(10)), undefined)
  assert.equal(allowed(nullable(10)), undefined)
  // What was not taken uses nothing up.
  assert.notEqual(allowed(nullable(6)), undefined)
  assert.notEqual(schemaAllowance()(nullable(10)), undefined)
})
