/** The Beta distribution, as far as intervals of rates need it. */

/** Coefficients of the approximation of ln Γ by Lanczos (g = 7, n = 9), good to 15 digits. */
const lanczos: readonly number[] = [
  0.999_999_999_999_809_93, 676.520_368_121_885_1, -1259.139_216_722_402_8, 771.323_428_777_653_13,
  -176.615_029_162_140_59, 12.507_343_278_686_905, -0.138_571_095_265_720_12, 9.984_369_578_019_571_6e-6,
  1.505_632_735_149_311_6e-7,
]

function logGamma(x: number): number {
  const z = x - 1
  const sum = lanczos.slice(1).reduce((total, c, index) => total + c / (z + index + 1), lanczos[0] ?? 0)
  const t = z + 7.5
  return 0.5 * Math.log(2 * Math.PI) + (z + 0.5) * Math.log(t) - t + Math.log(sum)
}

/** P(X <= x) for X ~ Beta(a, b), a and b over 0: the regularised incomplete beta function, by its continued fraction. */
export function betaCdf(x: number, a: number, b: number): number {
  if (x <= 0) return 0
  if (x >= 1) return 1
  const front = Math.exp(logGamma(a + b) - logGamma(a) - logGamma(b) + a * Math.log(x) + b * Math.log1p(-x))
  // The fraction converges fast on one side of the mean only; the other side is its mirror.
  return x < (a + 1) / (a + b + 2) ? (front * fraction(x, a, b)) / a : 1 - (front * fraction(1 - x, b, a)) / b
}

const tiny = 1e-300

/** Lentz's method (Press et al., Numerical Recipes, 6.4). */
function fraction(x: number, a: number, b: number): number {
  const guard = (value: number) => (Math.abs(value) < tiny ? tiny : value)
  let c = 1
  let d = 1 / guard(1 - ((a + b) * x) / (a + 1))
  let result = d
  for (let m = 1; m <= 300; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m))
    d = 1 / guard(1 + even * d)
    c = guard(1 + even / c)
    result *= d * c
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1))
    d = 1 / guard(1 + odd * d)
    c = guard(1 + odd / c)
    const change = d * c
    result *= change
    if (Math.abs(change - 1) < 1e-12) break
  }
  return result
}

/** The x at which P(X <= x) is `p`, to nine digits. */
export function betaQuantile(p: number, a: number, b: number): number {
  let low = 0
  let high = 1
  for (let step = 0; step < 40; step++) {
    const middle = (low + high) / 2
    if (betaCdf(middle, a, b) < p) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Exact bounds for a rate of which `hits` of `n` were seen (Clopper and Pearson 1934); each holds with `confidence`. */
export function clopperPearson(
  hits: number,
  n: number,
  confidence = 0.95,
): { readonly low: number; readonly high: number } {
  const tail = 1 - confidence
  return {
    low: hits <= 0 ? 0 : betaQuantile(tail, hits, n - hits + 1),
    high: hits >= n ? 1 : betaQuantile(confidence, hits + 1, n - hits),
  }
}
