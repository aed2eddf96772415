import assert from 'node:assert/strict'
import { test } from 'node:test'
import { argumentsSignature, signatureOf } from './schema-signature.ts'

const names = Array.from({ length: 60 }, (_, index) => `property${index}`)
const greedy = {
  'members that are all itself': { properties: Object.fromEntries(names.map((name) => [name, { $ref: '#' }])) },
  'choices that are all itself': { anyOf: names.map(() => ({ anyOf: names.map(() => ({ $ref: '#' })) })) },
  'lists within lists': JSON.parse(`${'{"type":"array","items":'.repeat(4000)}{}${'}'.repeat(4000)}`),
  'a long choice in many places': {
    properties: Object.fromEntries(names.map((name) => [name, { $ref: '#/$defs/long' }])),
    $defs: { long: { enum: ['x'.repeat(50_000)] } },
  },
}

for (const [name, schema] of Object.entries(greedy)) {
  test(`told in little space: ${name}`, () => {
    assert.ok(signatureOf(schema).length < 200_000)
    assert.ok(argumentsSignature(schema).length < 200_000)
  })
}

test('nothing is left out of what is long but sensible', () => {
  const many = Array.from({ length: 1000 }, (_, index) => [
    `property${index}`,
    { type: 'string', description: 'What.' },
  ])
  const told = argumentsSignature({ properties: Object.fromEntries(many), required: ['property999'] })
  assert.ok(told.endsWith('property999: string (What.)}'))
})
