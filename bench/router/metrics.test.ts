import assert from 'node:assert/strict'
import { test } from 'node:test'
import { apgr, auroc, bootstrap, callsAt, cpt, curveOf, dollarsAt, ece, type Judged } from './metrics.ts'

const near = (actual: number | undefined, expected: number) =>
  assert.ok(actual !== undefined && Math.abs(actual - expected) < 1e-9, `${actual} is not ${expected}`)

/** Two prompts that only the strong model can, two that both can. */
const known = (wishes: readonly number[]): readonly Judged[] =>
  [0, 0, 1, 1].map((small, index) => ({ wish: wishes[index] ?? 0, small, strong: 1, smallCost: 0, strongCost: 2 }))

test('a perfect order closes the gap with half of the calls', () => {
  const curve = curveOf(known([4, 3, 2, 1]))
  assert.deepEqual(curve.quality, [0.5, 0.75, 1, 1, 1])
  near(apgr(curve.quality), 0.75)
  near(cpt(curve.quality, 0.5), 0.25)
  near(cpt(curve.quality, 0.95), 0.5)
  near(callsAt(curve.quality, 0.75), 0.25)
  near(dollarsAt(curve, 1), 0.5)
})

test('no order at all is chance, whatever the order of the rows', () => {
  const { quality } = curveOf(known([1, 1, 1, 1]))
  assert.deepEqual(quality, [0.5, 0.625, 0.75, 0.875, 1])
  near(apgr(quality), 0.5)
})

test('the worst order', () => near(apgr(curveOf(known([1, 2, 3, 4])).quality), 0.25))

test('AUROC counts ties half', () => {
  const of = (pairs: readonly (readonly [number, boolean])[]) =>
    auroc(pairs.map(([score, positive]) => ({ score, positive })))
  near(
    of([
      [1, true],
      [0, false],
    ]),
    1,
  )
  near(
    of([
      [1, true],
      [1, false],
    ]),
    0.5,
  )
  near(
    of([
      [3, true],
      [2, false],
      [1, true],
      [0, false],
    ]),
    0.75,
  )
  assert.equal(of([[1, true]]), undefined)
})

test('calibration error', () => {
  near(
    ece(
      [
        { p: 0.5, seen: 0 },
        { p: 0.5, seen: 1 },
      ],
      1,
    ),
    0,
  )
  near(
    ece(
      [
        { p: 0.9, seen: 1 },
        { p: 0.1, seen: 1 },
      ],
      2,
    ),
    0.5,
  )
})

test('a bootstrap of a constant is the constant', () => {
  assert.deepEqual(
    bootstrap([1, 1], ([first = 0]) => first, { resamples: 20, random: () => 0.3 }),
    [1, 1],
  )
})
