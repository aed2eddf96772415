/** A request that both models answered: what each reply was worth, 0 to 1, and what had been thought of it. */
export interface Compared {
  /** Chance that the local reply is good enough, by evidence that has not seen this label. */
  readonly pLocal: number
  readonly pStrong: number
  readonly local: number
  readonly strong: number
}

export interface OperatingPoint {
  /** A local reply ships where pStrong - pLocal is at most this; under every difference, -1, where none may ship. */
  readonly allowance: number
  /** Share of the strong model's mean score that is kept with it, less the margin. */
  readonly quality: number
  /** Share of the requests whose local reply ships. */
  readonly shipped: number
}

export interface OperatingPointOptions {
  readonly samples: readonly Compared[]
  /** Share of the strong model's mean score to keep, over 0, at most 1. */
  readonly target: number
  /** Standard errors of the loss that are kept as a margin. */
  readonly caution?: number
}

/** Comparisons that the claimed chances count as: so many errors of 0.5 make as sure as a calibration that is off by 0.11. */
const strength = 20

/**
 * The largest allowance that keeps the target on these comparisons, with a margin. What shipping costs is what the
 * chances claim, corrected by what was seen as far as there is enough of it (the mean of a normal posterior); the margin
 * is that posterior's standard deviation. So few labels rest on the chances and keep far off, many speak for
 * themselves. Undefined without samples.
 */
export function operatingPoint({ samples, target, caution = 1.5 }: OperatingPointOptions): OperatingPoint | undefined {
  const n = samples.length
  if (n === 0) return undefined
  const claimed = sum(samples, ({ pStrong }) => pStrong) / n
  const best = (claimed * strength + sum(samples, ({ strong }) => strong)) / (strength + n)
  const nothing: OperatingPoint = { allowance: -1, quality: 1, shipped: 0 }
  if (best <= 0) return nothing

  let found = nothing
  let [claims, errors, variance, shipped] = [0, 0, 0, 0]
  // Who is the same to the allowance ships together.
  const groups = [...Map.groupBy(samples, ({ pLocal, pStrong }) => pStrong - pLocal)].sort(([a], [b]) => a - b)
  for (const [difference, group] of groups) {
    for (const { pLocal, pStrong, local, strong } of group) {
      shipped++
      claims += difference
      errors += strong - local - difference
      variance += pLocal * (1 - pLocal) + pStrong * (1 - pStrong)
    }
    const trust = shipped / (shipped + strength)
    const loss = claims + trust * errors + caution * Math.sqrt(variance * trust)
    const quality = 1 - loss / n / best
    if (quality < target) break
    found = { allowance: difference, quality, shipped: shipped / n }
  }
  return found
}

function sum(samples: readonly Compared[], of: (sample: Compared) => number): number {
  return samples.reduce((total, sample) => total + of(sample), 0)
}
