import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GatewayError } from '../core/errors.ts'
import { routingWishOf } from './routing-wish.ts'

test('headers become a wish', () => {
  assert.equal(routingWishOf({ 'x-hybrid-quality': '' }), undefined)
  const headers = {
    'x-hybrid-policy': 'Local-Only',
    'x-hybrid-quality': ' 0.95 ',
    'x-hybrid-max-cost': '0',
    'x-hybrid-max-latency': '2.5',
  }
  assert.deepEqual(routingWishOf(headers), { mode: 'local-only', quality: 0.95, maxCost: 0, maxLatency: 2.5 })
})

const wrong: readonly (readonly [name: string, value: string])[] = [
  ['x-hybrid-policy', 'locally'],
  ['x-hybrid-quality', '0'],
  ['x-hybrid-quality', '95'],
  ['x-hybrid-quality', 'NaN'],
  ['x-hybrid-max-cost', '-1'],
  ['x-hybrid-max-cost', '1e3'],
  ['x-hybrid-max-latency', '0'],
]
for (const [name, value] of wrong) {
  test(`${name}: ${value} is refused by name`, () => {
    assert.throws(
      () => routingWishOf({ [name]: value }),
      (error) => error instanceof GatewayError && error.field === name && error.code === 'invalid_request',
    )
  })
}
