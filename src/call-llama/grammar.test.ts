import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { JsonSchema } from '../core/tools.ts'
import { rootGrammar, schemaGrammar } from './grammar.ts'

/** The rules below the built-in ones, without what they have in common. */
const cases: { name: string; schema: JsonSchema; value: string; rules?: string[]; ignored?: string[] }[] = [
  { name: 'anything', schema: {}, value: 'value' },
  { name: 'a string', schema: { type: 'string' }, value: 'string' },
  { name: 'a constant', schema: { const: 'a"\\b' }, value: String.raw`"\"a\\\"\\\\b\""` },
  {
    name: 'a choice',
    schema: { enum: ['a', 1, null] },
    value: 'rule-0',
    rules: [String.raw`rule-0 ::= "\"a\"" | "1" | "null"`],
  },
  {
    name: 'types',
    schema: { type: ['string', 'null'] },
    value: 'rule-0',
    rules: ['rule-0 ::= string | null'],
  },
  { name: 'no more than nothing', schema: { type: 'object', additionalProperties: false }, value: '"{}"' },
  { name: 'any object', schema: { type: 'object' }, value: 'object' },
  {
    name: 'lengths',
    schema: { type: 'string', minLength: 1, maxLength: 5 },
    value: 'rule-0',
    rules: ['rule-0 ::= "\\"" character{1,5} "\\""'],
  },
  {
    name: 'a list',
    schema: { type: 'array', items: { type: 'boolean' }, minItems: 1, maxItems: 3 },
    value: 'rule-0',
    rules: ['rule-0 ::= "[" blank boolean ("," blank boolean){0,2} blank "]"'],
  },
  {
    name: 'optional members',
    schema: { properties: { a: { type: 'null' }, b: { type: 'null' }, c: { type: 'null' } }, required: ['b'] },
    value: 'rule-5',
    rules: [
      'rule-0 ::= "\\"a\\"" ":" blank null',
      'rule-1 ::= "\\"b\\"" ":" blank null',
      'rule-2 ::= "\\"c\\"" ":" blank null',
      'rule-3 ::= ("," blank rule-2)?',
      'rule-4 ::= "," blank rule-1 rule-3',
      'rule-5 ::= "{" blank (rule-0 rule-4 | rule-1 rule-3) blank "}"',
    ],
  },
  {
    name: 'a schema within itself',
    schema: { $ref: '#/$defs/list', $defs: { list: { type: 'array', items: { $ref: '#/$defs/list' } } } },
    value: 'rule-0',
    rules: ['rule-0 ::= rule-1', 'rule-1 ::= "[" blank (rule-0 ("," blank rule-0)*)? blank "]"'],
  },
  { name: 'what it cannot say', schema: { type: 'string', pattern: 'a' }, value: 'string', ignored: ['pattern'] },
  {
    name: 'a format it does not know',
    schema: { type: 'string', format: 'iri' },
    value: 'string',
    ignored: ['format iri'],
  },
  { name: 'bounds of fractions', schema: { type: 'number', maximum: 3 }, value: 'number', ignored: ['maximum'] },
]

for (const { name, schema, value, rules = [], ignored = [] } of cases) {
  test(`grammar: ${name}`, () => {
    assert.deepEqual(schemaGrammar(schema), { value, rules, ignored })
  })
}

const unsayable: [string, JsonSchema][] = [
  ['a reference to another file', { $ref: 'https://example.com/a.json' }],
  ['a reference to nothing', { $ref: '#/$defs/a' }],
  ['bounds that leave nothing', { type: 'integer', minimum: 3, maximum: 2 }],
  [
    'a schema that is too large',
    { type: 'array', prefixItems: Array.from({ length: 1100 }, (_, index) => ({ enum: [index] })) },
  ],
  ['a choice that is too long', { enum: Array.from({ length: 20_000 }, (_, index) => `value${index}`) }],
  ['a constant that is too long', { const: 'x'.repeat(200_000) }],
  ['a choice of itself', { type: 'object', anyOf: [{ $ref: '#' }] }],
  ['itself and more', { type: 'object', allOf: [{ $ref: '#' }] }],
]

for (const [name, schema] of unsayable) {
  test(`no grammar: ${name}`, () => assert.equal(schemaGrammar(schema), undefined))
}

test('every rule that is used is there', () => {
  const schema = {
    type: 'object',
    properties: { when: { type: 'string', format: 'date-time' }, more: { anyOf: [{ type: 'number' }, {}] } },
  }
  const grammar = rootGrammar(schemaGrammar(schema) ?? { value: '', rules: [] })
  const names = new Set(grammar.split('\n').map((rule) => rule.split(' ::= ')[0]))
  const bare = grammar.replaceAll(/"(?:[^"\\]|\\.)*"|\[(?:[^\]\\]|\\.)*\]|\{[\d,]*\}/g, '')
  for (const [used] of bare.matchAll(/[a-z][a-z\d-]*/g)) assert.ok(names.has(used), used)
})
