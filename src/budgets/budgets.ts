import { randomUUID } from 'node:crypto'
import { GatewayError } from '../core/errors.ts'
import type { KeyHolder } from '../core/key-holder.ts'
import { type NanoDollars, toDollars } from '../core/price.ts'
import { Alerts, type AlertsOptions } from './alerts.ts'
import { type BudgetLine, type BudgetTerms, configuredLines, linesOf, linesOfOwner } from './lines.ts'
import { memoryPurse } from './memory.ts'
import { type Held, type LineState, leaseMs, type Purse, type Taken, type Wanted } from './purse.ts'
import type { SharedPurse } from './redis.ts'
import { Truth, type TruthOptions } from './truth.ts'
import { Turns } from './turns.ts'

export interface BudgetsOptions extends Pick<TruthOptions, 'spent' | 'teamOf'> {
  readonly terms: BudgetTerms
  /** How long a call waits for what is promised to others. */
  readonly waitMs: number
  /** Counts for this gateway alone. */
  readonly alone?: Purse
  /** Undefined where there is no Redis. */
  readonly shared: SharedPurse | undefined
  /** How many gateways share the budgets. */
  readonly gateways: () => number
  /** Tells all gateways that Redis forgot everything. */
  readonly announce?: () => Promise<void>
  readonly alerts: AlertsOptions
  readonly now?: () => number
}

export interface Purchase {
  readonly holder: KeyHolder | undefined
  /** The most that the call can cost. */
  readonly amount: NanoDollars
  /** The most that it can cost where its reply is kept short. */
  readonly lesser: NanoDollars
}

/** What was set aside for a call. */
export interface Reservation {
  /** One of the two amounts. */
  readonly amount: NanoDollars
  /** It did cost so much. Called once or several times; the first word counts. */
  readonly settle: (cost: NanoDollars) => void
}

export interface BudgetReport {
  readonly line: BudgetLine
  /** Undefined where nothing was spent yet. */
  readonly state: LineState | undefined
}

/** Why a call is not paid for: spent until the period ends, or promised to others at the moment. */
export class BudgetError extends GatewayError {
  readonly line: BudgetLine

  constructor(code: 'budget_spent' | 'rate_limited', line: BudgetLine, message: string, retryAfterSeconds: number) {
    super(code, message, { retryAfterSeconds })
    this.line = line
  }
}

/** After Redis forgot everything, so long is waited for what other gateways hold: they must connect again first. */
const gatherMs = 1500
const pollMs = 100
const lookMs = 60_000

/**
 * Dollars that keys, teams and the whole may spend in a day and a month. What a call can cost is taken out of all of them
 * before it is made, and set right after it; over all gateways where they share a Redis, which counts. While that does
 * not answer, each gateway spends its share of what was left.
 */
export class Budgets {
  readonly #options: BudgetsOptions
  readonly #now: () => number
  readonly #alone: Purse
  readonly #truth: Truth
  readonly #alerts: Alerts
  readonly #turns = new Turns()
  #gathering: Promise<void> | undefined
  /** Reservations of calls that run. */
  readonly #held = new Map<string, Held>()
  readonly #settling = new Set<Promise<void>>()
  readonly #timers: readonly NodeJS.Timeout[]

  constructor(options: BudgetsOptions) {
    const { now = Date.now, shared, spent, teamOf } = options
    this.#options = options
    this.#now = now
    this.#alone = options.alone ?? memoryPurse(now)
    this.#truth = new Truth({ shared, alone: this.#alone, spent, teamOf })
    this.#alerts = new Alerts(options.alerts)
    this.#timers = [
      setInterval(() => void this.stay(), leaseMs / 6).unref(),
      setInterval(() => void this.look().catch(() => {}), lookMs).unref(),
    ]
  }

  /** Calls that run and are paid for out of a budget. */
  get running(): number {
    return this.#held.size
  }

  /** True where a budget pays for what this holder asks. */
  pays(holder: KeyHolder | undefined): boolean {
    return linesOf(this.#options.terms, holder, this.#now()).length > 0
  }

  /** Sets aside what a call may cost; undefined where no budget pays for it. Throws `BudgetError`. */
  async reserve(purchase: Purchase, signal?: AbortSignal): Promise<Reservation | undefined> {
    const lines = linesOf(this.#options.terms, purchase.holder, this.#now())
    if (lines.length === 0) return undefined
    const wanted = { id: randomUUID(), amount: Math.ceil(purchase.amount), lesser: Math.ceil(purchase.lesser) }
    const first = await this.#take(lines, wanted)
    if (!('promised' in first)) return first

    const turn = this.#turns.join(lines.map(({ name }) => name).join())
    const until = performance.now() + this.#options.waitMs
    try {
      while (performance.now() < until && signal?.aborted !== true) {
        const mine = await turn.wait(Math.min(pollMs, Math.max(1, until - performance.now())))
        if (!mine) continue
        const taken = await this.#take(lines, { ...wanted, id: randomUUID() })
        if (!('promised' in taken)) return taken
      }
    } finally {
      turn.leave()
    }
    const { promised } = first
    const words = `what is left of the budget of ${promised.label} (${termsOf(promised)}) is promised to calls that run: wait, or set a smaller max_tokens`
    throw new BudgetError('rate_limited', promised, words, 5)
  }

  /** Every budget that is configured or belongs to one of these holders, with what is known of it. */
  async report(holders: readonly Pick<KeyHolder, 'id' | 'name' | 'budgets'>[]): Promise<readonly BudgetReport[]> {
    const { terms, shared } = this.#options
    const now = this.#now()
    const lines = [
      ...configuredLines(terms, now),
      ...holders.flatMap(({ id, name, budgets }) =>
        linesOfOwner(`key:${id}`, `key ${name}`, budgets ?? terms.keys, now),
      ),
    ]
    const states = (await shared?.look(lines)) ?? lines.map((line) => this.#truth.known(line))
    return lines.map((line, index) => ({ line, state: states[index] }))
  }

  /** The budgets of the whole and of teams, for gauges. */
  standing(): readonly BudgetReport[] {
    return configuredLines(this.#options.terms, this.#now()).map((line) => ({ line, state: this.#truth.known(line) }))
  }

  /** Says of every call that runs that it does; nothing that a gateway holds lapses while it lives. */
  async stay(): Promise<void> {
    await this.#options.shared?.stay([...this.#held.values()])
    await this.#truth.carryOver()
  }

  /** Redis forgot everything: tells it what this gateway knows. */
  async recall(): Promise<void> {
    await this.stay()
    await this.#truth.recall()
  }

  /** Compares what is counted with the ledger. */
  async look(): Promise<void> {
    await this.#truth.look(this.#now())
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer)
    await Promise.all(this.#settling)
    await this.#truth.carryOver()
  }

  async #take(lines: readonly BudgetLine[], wanted: Wanted): Promise<Reservation | { readonly promised: BudgetLine }> {
    const { shared } = this.#options
    for (let attempt = 0; attempt < 5; attempt++) {
      const isSent = shared?.answers() === true
      const taken = await shared?.take(lines, wanted)
      if (taken === undefined) {
        // It may have been heard all the same: whatever it set aside is given back.
        if (isSent) this.#truth.owe({ lines, id: wanted.id, amount: wanted.amount }, 0)
        return await this.#takeAlone(lines, wanted)
      }
      if (taken.type === 'forgotten') await this.#gather()
      else if (taken.type === 'unknown')
        await this.#truth.tell(
          taken.lines.flatMap((at) => lines[at] ?? []),
          false,
        )
      else return this.#weigh(lines, wanted, taken, false)
    }
    throw new GatewayError('ledger_unavailable', 'what was spent of the budget cannot be told at the moment', {
      retryAfterSeconds: 5,
    })
  }

  /** Without the others: all of the budget where there is no Redis, else a share of what was left. */
  async #takeAlone(lines: readonly BudgetLine[], wanted: Wanted) {
    const { shared, gateways } = this.#options
    const own =
      shared === undefined
        ? lines
        : await Promise.all(
            lines.map(async (line) => ({
              ...line,
              limit: await this.#truth.shareOf(line, gateways()),
              name: `share:${line.name}`,
            })),
          )
    for (let attempt = 0; attempt < 3; attempt++) {
      const taken = await this.#alone.take(own, wanted)
      if (taken.type === 'unknown') {
        const unknown = taken.lines.flatMap((at) => own[at] ?? [])
        if (shared === undefined) await this.#truth.tell(unknown, true)
        else await Promise.all(unknown.map((line) => this.#alone.raise(line, 0)))
      } else if (taken.type !== 'forgotten') return this.#weigh(own, wanted, taken, true, lines)
    }
    throw new Error('a line of a budget stays unknown')
  }

  #weigh(
    counted: readonly BudgetLine[],
    { id }: Wanted,
    taken: Exclude<Taken, { type: 'unknown' | 'forgotten' }>,
    alone: boolean,
    lines = counted,
  ): Reservation | { readonly promised: BudgetLine } {
    const shares = alone && this.#options.shared !== undefined
    if (!shares) this.#saw(lines, taken.states)
    if (taken.type !== 'taken') {
      const line = lines[taken.line]
      if (line === undefined) throw new Error('a purse refused a line that was not asked for')
      if (taken.type === 'promised') return { promised: line }
      throw this.#spentError(line, shares)
    }
    const held: Held = { lines: counted, id, amount: taken.amount }
    const whole: Held = { ...held, lines }
    if (!alone) this.#held.set(id, held)
    let open = true
    return {
      amount: taken.amount,
      settle: (cost) => {
        if (!open) return
        open = false
        this.#held.delete(id)
        const nano = Math.max(0, Math.round(cost))
        const settling = this.#settle(held, whole, nano, alone).finally(() => {
          this.#settling.delete(settling)
          this.#turns.wake()
        })
        this.#settling.add(settling)
      },
    }
  }

  async #settle(held: Held, whole: Held, cost: NanoDollars, alone: boolean): Promise<void> {
    const { shared } = this.#options
    const lines = whole.lines as readonly BudgetLine[]
    if (alone) {
      const states = await this.#alone.settle(held, cost)
      if (shared === undefined) return this.#saw(lines, states)
      this.#truth.add(lines, cost)
      this.#truth.owe({ ...whole, amount: 0 }, cost)
      return
    }
    const states = await shared?.settle(held, cost)
    if (states !== undefined) return this.#saw(lines, states)
    this.#truth.add(lines, cost)
    this.#truth.owe(held, cost)
  }

  #gather(): Promise<void> {
    this.#gathering ??= this.#gatherOnce().finally(() => {
      this.#gathering = undefined
    })
    return this.#gathering
  }

  async #gatherOnce(): Promise<void> {
    const { announce, shared, gateways } = this.#options
    await announce?.()
    await this.recall()
    if (gateways() > 1) await new Promise((resolve) => setTimeout(resolve, gatherMs))
    await shared?.remember()
  }

  #saw(lines: readonly BudgetLine[], states: readonly LineState[]): void {
    for (const [index, line] of lines.entries()) {
      const state = states[index]
      if (state === undefined) continue
      this.#truth.saw(line, state)
      this.#alerts.saw(line, state)
    }
  }

  #spentError(line: BudgetLine, share = false): BudgetError {
    const until = new Date(line.endsAt).toISOString().slice(0, 16).replace('T', ' ')
    const words = share
      ? `this gateway's share of the budget of ${line.label} (${termsOf(line)}) is spent; Redis, which counts the whole, does not answer`
      : `the budget of ${line.label} (${termsOf(line)}) is spent until ${until} UTC`
    const seconds = share ? 5 : Math.max(1, Math.ceil((line.endsAt - this.#now()) / 1000))
    return new BudgetError('budget_spent', line, words, seconds)
  }
}

function termsOf({ limit, period }: BudgetLine): string {
  return `$${toDollars(limit)} a ${period}`
}
