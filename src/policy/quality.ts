/** A request that was weighed, as the pacer remembers it. */
export interface Seen {
  /** Chance that the local reply is good enough, after look 2 where it was looked at. */
  readonly local: number
  readonly strong: number
}

/** A local reply that shipped and was compared with the strong model's: what both were worth, and had been thought to. */
export interface Audit {
  readonly local: number
  readonly strong: number
  readonly claimed: number
  readonly claimedStrong: number
}

export interface QualityPacerOptions {
  /** Share of the strong model's quality to keep, over 0, at most 1. */
  readonly target: number
  /** Requests that the threshold is chosen from: the newest. */
  readonly remembered?: number
  /** Comparisons that correct it: the newest. */
  readonly audited?: number
}

/** Fewer requests than these say too little about the traffic. */
const fewest = 40
/** Requests between two choices of the threshold: it must not flap. */
const settled = 16
/** Of the way to a new threshold, so much at once. */
const step = 0.5
/** How sure the measured loss must be before it loosens the threshold: one standard error. */
const caution = 1.5

/**
 * Chooses how much worse than the strong model's a local reply's chance may be, so that the quality over many requests
 * is the target's share of the strong model's. From the recent traffic it computes which replies would ship at each
 * allowance, and what that would cost in quality by their chances; from comparisons by chance it learns how far those
 * chances are wrong, and corrects.
 */
export class QualityPacer {
  readonly #target: number
  readonly #remembered: number
  readonly #audited: number
  readonly #seen: Seen[] = []
  readonly #audits: Audit[] = []
  #since = 0
  #allowance: number | undefined

  constructor({ target, remembered = 1000, audited = 200 }: QualityPacerOptions) {
    this.#target = target
    this.#remembered = remembered
    this.#audited = audited
  }

  /** Largest difference of chances with which a local reply may ship. */
  allowance(strong: number): number {
    return this.#allowance ?? (1 - this.#target) * strong
  }

  /** Comparisons that it has to go by. */
  get audits(): number {
    return this.#audits.length
  }

  saw(seen: Seen): void {
    this.#seen.push(seen)
    if (this.#seen.length > this.#remembered) this.#seen.shift()
    this.#since++
    if (this.#since < settled || this.#seen.length < fewest) return
    this.#since = 0
    const wanted = this.#choose()
    this.#allowance = this.#allowance === undefined ? wanted : this.#allowance + step * (wanted - this.#allowance)
  }

  audit(audit: Audit): void {
    this.#audits.push(audit)
    if (this.#audits.length > this.#audited) this.#audits.shift()
  }

  #choose(): number {
    const bias = this.#bias()
    const strong = mean(this.#seen.map((seen) => seen.strong))
    const least = this.#target * strong
    // Shipping in the order of the difference: the quality falls with each that is worse than the strong model's.
    const gains = this.#seen
      .map(({ local, strong: best }) => ({ gain: best - local, loss: best - local + bias }))
      .sort((a, b) => a.gain - b.gain)
    let quality = strong
    // Nobody has to be worse than what is asked of everybody together.
    let allowance = gains[0] === undefined ? 0 : Math.min(0, gains[0].gain) - 1e-6
    for (const { gain, loss } of gains) {
      quality -= Math.max(loss, Math.min(gain, 0)) / this.#seen.length
      if (quality < least) break
      allowance = gain
    }
    return allowance
  }

  /** How much worse shipped replies are than their chances said, upper bound; without comparisons a little. */
  #bias(): number {
    const n = this.#audits.length
    if (n < 10) return 0.02
    const errors = this.#audits.map(
      ({ local, strong, claimed, claimedStrong }) => strong - local - (claimedStrong - claimed),
    )
    const average = mean(errors)
    const spread = Math.sqrt(mean(errors.map((error) => (error - average) ** 2)) / n)
    return average + caution * spread
  }
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)
}
