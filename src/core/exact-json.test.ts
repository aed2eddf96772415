import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseExactly } from './exact-json.ts'

test('numbers come back as they were written', () => {
  const text = '{"big":12345678901234567890,"f":[1.50,-0,1e400],"plain":1,"text":"1.0"}'
  assert.equal(JSON.stringify(parseExactly(text)), text)
})

test('a number alone is no object', () => {
  for (const text of ['1.0', '12345678901234567890', '-0']) assert.equal(typeof parseExactly(text), 'number')
})

test('what is no JSON throws', () => {
  assert.throws(() => parseExactly('{'), SyntaxError)
})
