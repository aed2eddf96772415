import assert from 'node:assert/strict'
import { test } from 'node:test'
import { integersBetween } from './integers.ts'

/** What an expression of literals, classes, groups and repetitions means to a regular expression. */
function asPattern(expression: string): RegExp {
  return new RegExp(`^(?:${expression.replaceAll(/[" ]/g, '')})$`)
}

const ranges: [low: number, high: number][] = [
  [0, 0],
  [1, 7],
  [0, 120],
  [7, 1234],
  [-5, 5],
  [-120, -7],
  [99, 101],
  [190, 1010],
  [-1, 0],
]

for (const [low, high] of ranges) {
  test(`integers from ${low} to ${high}`, () => {
    const pattern = asPattern(integersBetween(low, high))
    for (let value = -1500; value <= 1500; value++) {
      assert.equal(pattern.test(String(value)), value >= low && value <= high, `${value}: ${pattern}`)
    }
    for (const odd of ['-0', '00', '01', '']) assert.ok(!pattern.test(odd))
  })
}

test('open ranges end where numbers are no longer exact', () => {
  const above = asPattern(integersBetween(12, Number.POSITIVE_INFINITY))
  assert.ok(above.test('12') && above.test('9007199254740991') && !above.test('11') && !above.test('9007199254740993'))
  const below = asPattern(integersBetween(Number.NEGATIVE_INFINITY, -3))
  assert.ok(below.test('-3') && below.test('-4000') && !below.test('-2') && !below.test('0'))
})
