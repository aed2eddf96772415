/** Checks that are looked back at. */
const remembered = 200
/** The bound is passed when chance would hardly bring so many wrong ones. */
const chanceOfAlarm = 0.05

/**
 * Counts the hits that were checked against a fresh answer, and says when too many were wrong: when so many would come
 * with a probability of less than 5 % if the share of wrong hits were within the bound (binomial test).
 */
export class Watch {
  readonly #bound: number
  #checks: boolean[] = []

  /** `bound`: the largest share of wrong hits that is tolerated, 0 to 1. */
  constructor(bound: number) {
    this.#bound = bound
  }

  get checked(): number {
    return this.#checks.length
  }

  get wrong(): number {
    return this.#checks.filter((wrong) => wrong).length
  }

  /** True where the bound is passed. */
  saw(wrong: boolean): boolean {
    this.#checks = [...this.#checks, wrong].slice(-remembered)
    return this.wrong > 0 && tail(this.wrong, this.checked, this.#bound) < chanceOfAlarm
  }

  forget(): void {
    this.#checks = []
  }
}

/** The probability of at least `count` of `all`, each with probability `p`. */
function tail(count: number, all: number, p: number): number {
  let term = (1 - p) ** all
  let below = 0
  for (let k = 0; k < count; k++) {
    below += term
    term *= ((all - k) / (k + 1)) * (p / (1 - p))
  }
  return Math.max(0, 1 - below)
}
