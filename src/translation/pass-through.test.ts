import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatewayError } from '../core/errors.ts'
import { parseWhole } from './pass-through.ts'

const identity = { name: 'vendor', url: 'http://x', keyHint: '', secrets: [] }

test('a whole reply', () => {
  assert.deepEqual(parseWhole('{"a":{"b":1}}\n', identity), { a: { b: 1 } })
})

for (const [name, text, code] of [
  ['nothing', '', 'upstream_cut'],
  ['half a reply', '{"a":{"b":"} and', 'upstream_cut'],
  ['a reply that lacks its last brace', '{"a":{"b":1}', 'upstream_failed'],
  ['a page', '<html>busy', 'upstream_failed'],
  ['broken JSON', '{"a":}', 'upstream_failed'],
] as const) {
  test(`${name} is no whole reply`, () => {
    assert.throws(
      () => parseWhole(text, identity),
      (error) => error instanceof GatewayError && error.code === code,
    )
  })
}
