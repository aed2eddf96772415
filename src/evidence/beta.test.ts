import assert from 'node:assert/strict'
import { test } from 'node:test'
import { betaCdf, betaQuantile, clopperPearson } from './beta.ts'

const near = (actual: number, expected: number, within = 1e-6) =>
  assert.ok(Math.abs(actual - expected) < within, `${actual} is not ${expected}`)

/** Closed forms: Beta(1, b) and Beta(a, 1) are powers, Beta(2, 2) is a cubic. */
const cdfs: readonly (readonly [x: number, a: number, b: number, expected: number])[] = [
  [0.3, 1, 1, 0.3],
  [0.3, 1, 5, 1 - 0.7 ** 5],
  [0.9, 7, 1, 0.9 ** 7],
  [0.25, 2, 2, 3 * 0.25 ** 2 - 2 * 0.25 ** 3],
  [0.5, 300, 300, 0.5],
  [0, 2, 3, 0],
  [1, 2, 3, 1],
]
for (const [x, a, b, expected] of cdfs) {
  test(`P(X <= ${x}) for Beta(${a}, ${b})`, () => near(betaCdf(x, a, b), expected))
}

test('a quantile undoes the distribution', () => {
  for (const [a, b] of [
    [0.5, 0.5],
    [3, 9],
    [200, 11],
    [1, 1000],
  ] as const) {
    for (const p of [0.025, 0.5, 0.975]) near(betaCdf(betaQuantile(p, a, b), a, b), p)
  }
})

test('exact bounds of rates', () => {
  // The rule of three, exactly: with no hit in n the upper bound is 1 - 0.05^(1/n).
  near(clopperPearson(0, 59).high, 1 - 0.05 ** (1 / 59))
  assert.deepEqual(clopperPearson(0, 10).low, 0)
  assert.deepEqual(clopperPearson(10, 10).high, 1)
  // Two-sided 95 % for 7 of 20 is 0.1539 to 0.5922 in the tables.
  const { low, high } = clopperPearson(7, 20, 0.975)
  near(low, 0.1539, 1e-4)
  near(high, 0.5922, 1e-4)
})
