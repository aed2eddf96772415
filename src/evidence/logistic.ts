/** One observation: its features, what was seen (0 to 1) and how much it counts. */
export interface Observation {
  readonly x: readonly number[]
  readonly y: number
  readonly weight: number
}

const mostSteps = 50
/** A share of a step so short that there is nothing left to gain. */
const shortest = 1e-6
/** What sums lose in their last digits. */
const rounding = 1e-12

export function sigmoid(logit: number): number {
  return 1 / (1 + Math.exp(-logit))
}

export function logit(p: number): number {
  const kept = Math.min(Math.max(p, 1e-6), 1 - 1e-6)
  return Math.log(kept / (1 - kept))
}

/**
 * Coefficients of a logistic regression that are drawn towards `prior`, each with its own strength (the precision of a
 * Gaussian prior): the maximum of the posterior, by Newton's method. Few observations move the prior little.
 *
 * The posterior is concave, but a whole step overshoots where observations far from the border leave the slope flat, and
 * then goes back and forth for ever. So a step that is no improvement is halved.
 */
export function fitLogistic(
  observations: readonly Observation[],
  prior: readonly number[],
  strength: readonly number[],
): readonly number[] {
  const size = prior.length
  let beta = [...prior]
  let best = logPosterior(beta, { observations, prior, strength })
  for (let step = 0; step < mostSteps; step++) {
    const gradient = prior.map((mean, i) => (strength[i] ?? 1) * (mean - (beta[i] ?? 0)))
    const hessian = prior.map((_, i) => prior.map((__, j) => (i === j ? (strength[i] ?? 1) : 0)))
    for (const { x, y, weight } of observations) {
      const p = sigmoid(dot(beta, x))
      const slope = weight * Math.max(p * (1 - p), 1e-6)
      const error = weight * (y - p)
      for (let i = 0; i < size; i++) {
        const xi = x[i] ?? 0
        if (xi === 0) continue
        gradient[i] = (gradient[i] ?? 0) + error * xi
        const row = hessian[i] ?? []
        for (let j = 0; j < size; j++) row[j] = (row[j] ?? 0) + slope * xi * (x[j] ?? 0)
      }
    }
    const change = solve(hessian, gradient)
    let scale = 1
    let next = moved(beta, change, scale)
    let value = logPosterior(next, { observations, prior, strength })
    while (value < best - rounding * (1 + Math.abs(best)) && scale > shortest) {
      scale /= 2
      next = moved(beta, change, scale)
      value = logPosterior(next, { observations, prior, strength })
    }
    if (scale <= shortest) break
    beta = next
    best = value
    if (scale * Math.max(...change.map(Math.abs)) < 1e-7) break
  }
  return beta
}

function moved(beta: readonly number[], change: readonly number[], scale: number): number[] {
  return beta.map((value, i) => value + scale * (change[i] ?? 0))
}

interface Fit {
  readonly observations: readonly Observation[]
  readonly prior: readonly number[]
  readonly strength: readonly number[]
}

function logPosterior(beta: readonly number[], { observations, prior, strength }: Fit): number {
  let sum = 0
  for (const { x, y, weight } of observations) {
    const z = dot(beta, x)
    // y ln p + (1 - y) ln (1 - p), without a logarithm of nothing.
    sum += weight * (y * z - Math.max(z, 0) - Math.log1p(Math.exp(-Math.abs(z))))
  }
  prior.forEach((mean, i) => {
    sum -= ((strength[i] ?? 1) * ((beta[i] ?? 0) - mean) ** 2) / 2
  })
  return sum
}

export function dot(a: readonly number[], b: readonly number[]): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += (a[i] ?? 0) * (b[i] ?? 0)
  return sum
}

/** Solves `matrix` x = `right` for a symmetric positive definite matrix, by Cholesky's decomposition. */
function solve(matrix: readonly (readonly number[])[], right: readonly number[]): readonly number[] {
  const size = right.length
  const lower: number[][] = right.map(() => right.map(() => 0))
  const at = (i: number, j: number) => lower[i]?.[j] ?? 0
  const set = (i: number, j: number, value: number) => {
    const row = lower[i]
    if (row !== undefined) row[j] = value
  }
  for (let i = 0; i < size; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = matrix[i]?.[j] ?? 0
      for (let k = 0; k < j; k++) sum -= at(i, k) * at(j, k)
      set(i, j, i === j ? Math.sqrt(Math.max(sum, 1e-12)) : sum / at(j, j))
    }
  }
  const half: number[] = []
  for (let i = 0; i < size; i++) {
    let sum = right[i] ?? 0
    for (let k = 0; k < i; k++) sum -= at(i, k) * (half[k] ?? 0)
    half.push(sum / at(i, i))
  }
  const result: number[] = right.map(() => 0)
  for (let i = size - 1; i >= 0; i--) {
    let sum = half[i] ?? 0
    for (let k = i + 1; k < size; k++) sum -= at(k, i) * (result[k] ?? 0)
    result[i] = sum / at(i, i)
  }
  return result
}
