import assert from 'node:assert/strict'
import { test } from 'node:test'
import { defaultStrength, defaultWeights } from './check-weights.ts'
import { dot, fitLogistic, type Observation, sigmoid } from './logistic.ts'

/** Numbers from 0 to 1, always the same ones. */
function drawn(seed: number): () => number {
  let state = seed
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 4_294_967_296
  }
}

/** Replies of a model that is right far more seldom than the shipped weights believe, whatever it is sure of. */
function replies(seed: number, count: number): readonly Observation[] {
  const next = drawn(seed)
  return Array.from({ length: count }, () => {
    const surprise = 4 * (next() + next()) - 6
    const x = [1, next() - 0.5, surprise, -0.5, -1.3, 3 * next() - 3, 0, 0, 0]
    return { x, y: Number(next() < sigmoid(-0.6 - 0.2 * surprise)), weight: 1 }
  })
}

/** At the maximum of a concave function its slope is nothing. */
function steepest(beta: readonly number[], observations: readonly Observation[]): number {
  const slopes = beta.map((value, i) =>
    observations.reduce(
      (sum, { x, y, weight }) => sum + weight * (y - sigmoid(dot(beta, x))) * (x[i] ?? 0),
      (defaultStrength[i] ?? 1) * ((defaultWeights[i] ?? 0) - value),
    ),
  )
  return Math.max(...slopes.map(Math.abs))
}

test('a fit ends at the maximum, however far from its prior that is', () => {
  for (const count of [20, 60, 200, 400]) {
    for (let seed = 1; seed <= 40; seed++) {
      const observations = replies(seed, count)
      const beta = fitLogistic(observations, defaultWeights, defaultStrength)
      const slope = steepest(beta, observations)
      assert.ok(slope < 1e-4, `${count} replies of seed ${seed}: slope ${slope} at ${beta.join(' ')}`)
    }
  }
})

test('nothing seen leaves the prior as it is', () => {
  assert.deepEqual(fitLogistic([], defaultWeights, defaultStrength), [...defaultWeights])
})

test('features that never vary, and outcomes that are all alike, have a maximum too', () => {
  const observations = Array.from({ length: 50 }, () => ({ x: [1, 2, 100], y: 1, weight: 1 }))
  const beta = fitLogistic(observations, [0, 0, 0], [1, 1, 1])
  assert.ok(
    beta.every(Number.isFinite) && sigmoid(dot(beta, [1, 2, 100])) > 0.95,
    `${beta.join(' ')} after 50 times the same`,
  )
})
