import { toDollars } from '../core/price.ts'
import type { Redis } from '../redis/redis.ts'
import type { BudgetLine } from './lines.ts'
import type { LineState } from './purse.ts'

export interface Alert {
  readonly event: 'budget'
  /** As `whole`, `team:research`, `key:ID`. */
  readonly budget: string
  /** For people. */
  readonly name: string
  readonly period: 'day' | 'month'
  /** Share of the limit that is spent, as configured: 0.8. */
  readonly threshold: number
  readonly spent_dollars: number
  readonly limit_dollars: number
  /** ISO 8601. */
  readonly period_ends: string
}

export interface AlertsOptions {
  /** Shares of a limit, 0 to 1. */
  readonly at: readonly number[]
  /** Undefined without Redis: then every gateway tells by itself. */
  readonly redis: Redis | undefined
  readonly tell: (alert: Alert) => void
}

/** Says once in each period, over all gateways, that a share of a budget is spent. */
export class Alerts {
  readonly #options: AlertsOptions
  /** Told in their periods, with the end of it. */
  readonly #told = new Map<string, number>()

  constructor(options: AlertsOptions) {
    this.#options = options
  }

  saw(line: BudgetLine, { spent }: LineState): void {
    // A limit of nothing is no news.
    if (line.limit <= 0) return
    // What was passed at once is one piece of news: the highest.
    const passed = this.#options.at.filter((share) => spent >= share * line.limit)
    const highest = Math.max(...passed)
    const news = passed.filter((share) => !this.#told.has(nameOf(line, share)))
    for (const share of news) this.#told.set(nameOf(line, share), line.endsAt)
    if (news.includes(highest)) void this.#tell(line, highest, spent)
    if (this.#told.size > 3000) this.#forget()
  }

  async #tell(line: BudgetLine, threshold: number, spent: number): Promise<void> {
    const { redis, tell } = this.#options
    const key = redis?.key(`budgets:told:${nameOf(line, threshold)}`) ?? ''
    const ends = String(line.endsAt)
    const first = await redis?.command(['SET', key, '1', 'NX', 'PXAT', ends])
    // Null: another gateway said so. Undefined: nobody can be asked, and twice is better than never.
    if (first === null) return
    tell({
      event: 'budget',
      budget: line.owner,
      name: line.label,
      period: line.period,
      threshold,
      spent_dollars: toDollars(spent),
      limit_dollars: toDollars(line.limit),
      period_ends: new Date(line.endsAt).toISOString(),
    })
  }

  #forget(): void {
    const now = Date.now()
    for (const [name, endsAt] of this.#told) if (endsAt < now) this.#told.delete(name)
    // More budgets than anybody was thought to have: the oldest may be told again.
    for (const name of this.#told.keys()) if (this.#told.size > 30_000) this.#told.delete(name)
  }
}

function nameOf({ name }: BudgetLine, share: number): string {
  return `${name}:${share}`
}
