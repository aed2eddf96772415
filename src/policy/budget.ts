import { type Period, periodOf } from '../core/period.ts'

export interface BudgetOptions {
  readonly dollars: number
  readonly period: Period
  /** What the ledger says was spent in the present period before. */
  readonly spent?: number
  readonly now?: () => number
}

export interface Reservation {
  /** Dollars that the call did cost. */
  readonly settle: (dollars: number) => void
}

/** Being ahead of the plan by this share of the budget, a call of usual cost must turn a bad reply into a good one. */
const fullAhead = 0.1
/** What of a day's share may be spent ahead, so that a busy morning is not starved. */
const leadDays = 0.25
const slow = 0.02
const dayMs = 86_400_000

/**
 * Spreads dollars over a period. While spending is ahead of the plan, a call must gain more quality for its dollars, in
 * proportion to how far ahead it is; what is left at the end of a period is never spent in a rush. What a call may cost
 * is reserved before it is made and settled after it, so that calls at the same time do not spend the same dollar.
 */
export class BudgetPacer {
  readonly #dollars: number
  readonly #period: Period
  readonly #now: () => number
  #start: number
  #end: number
  #spent: number
  #reserved = 0
  /** Dollars of a usual call. */
  #usual = 0

  constructor({ dollars, period, spent = 0, now = Date.now }: BudgetOptions) {
    this.#dollars = dollars
    this.#period = period
    this.#now = now
    const { start, end } = periodOf(period, now())
    this.#start = start
    this.#end = end
    this.#spent = spent
  }

  get spent(): number {
    this.#turn()
    return this.#spent
  }

  /** Dollars that are neither spent nor promised. */
  get left(): number {
    this.#turn()
    return Math.max(0, this.#dollars - this.#spent - this.#reserved)
  }

  get endsAt(): number {
    this.#turn()
    return this.#end
  }

  /** How much a call must gain in chance to be worth its dollars now: 0 while spending is within the plan. */
  worth(dollars: number): number {
    this.#turn()
    const length = this.#end - this.#start
    const planned = Math.min(1, (this.#now() - this.#start + leadDays * dayMs) / length)
    const ahead = (this.#spent + this.#reserved) / Math.max(this.#dollars, 1e-12) - planned
    if (ahead <= 0 || dollars <= 0) return 0
    return (ahead / fullAhead) * (this.#usual > 0 ? dollars / this.#usual : 1)
  }

  /** At least so much was spent, by whomever. */
  catchUp(dollars: number): void {
    this.#turn()
    this.#spent = Math.max(this.#spent, dollars)
  }

  /** Undefined where so much is not left. */
  reserve(dollars: number): Reservation | undefined {
    if (dollars > this.left) return undefined
    this.#reserved += dollars
    let open = true
    return {
      settle: (cost) => {
        if (!open) return
        open = false
        this.#reserved = Math.max(0, this.#reserved - dollars)
        this.#turn()
        this.#spent += cost
        if (cost > 0) this.#usual = this.#usual === 0 ? cost : this.#usual + slow * (cost - this.#usual)
      },
    }
  }

  #turn(): void {
    const now = this.#now()
    if (now < this.#end) return
    const { start, end } = periodOf(this.#period, now)
    this.#start = start
    this.#end = end
    this.#spent = 0
  }
}
