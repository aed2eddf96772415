import { randomUUID } from 'node:crypto'
import { GatewayError } from '../core/errors.ts'
import type { NanoDollars } from '../core/price.ts'
import type { BudgetLine } from './lines.ts'
import type { Held, Line, LineState, Purse } from './purse.ts'
import type { SharedPurse } from './redis.ts'

export interface TruthOptions {
  readonly shared: SharedPurse | undefined
  readonly alone: Purse
  /** Nano-dollars in the ledger since a time, by id of the key; '' is the sum. */
  readonly spent: (since: number) => Promise<ReadonlyMap<string, NanoDollars>>
  /** Team of a key, also of one that was revoked; empty for none. */
  readonly teamOf: (id: string) => string
}

interface Known {
  readonly line: BudgetLine
  readonly state: LineState
  /** What the ledger had more than was counted, at the last look. */
  readonly missing: NanoDollars
}

/** What lapsed is in the ledger after so long: a row that a gateway left open is closed within a minute. */
const lapsedMs = 180_000
const dayMs = 86_400_000
const mostKnown = 20_000
const mostOwed = 10_000

/** What was spent, as far as it is known here: last seen, told by the ledger, and owed to the shared count. */
export class Truth {
  readonly #options: TruthOptions
  readonly #known = new Map<string, Known>()
  /** What Redis was not told yet, or not for sure. */
  #owed: { readonly held: Held; readonly cost: NanoDollars }[] = []
  #paying: Promise<void> | undefined
  /** Questions that are being answered, by the time since which. */
  readonly #asked = new Map<number, Promise<ReadonlyMap<string, NanoDollars>>>()
  /** Fixed when Redis went away: what is spent of it must not make it anew. */
  readonly #shares = new Map<string, { readonly limit: NanoDollars; readonly endsAt: number }>()

  constructor(options: TruthOptions) {
    this.#options = options
  }

  known(line: BudgetLine): LineState | undefined {
    return this.#known.get(line.name)?.state
  }

  saw(line: BudgetLine, state: LineState): void {
    const before = this.#known.get(line.name)
    // Answers may overtake each other; what was spent does not become less.
    const spent = Math.max(state.spent, before?.state.spent ?? 0)
    this.#known.set(line.name, { line, state: { ...state, spent }, missing: before?.missing ?? 0 })
    if (this.#known.size > mostKnown) this.#forget()
  }

  /** So much more was spent, which the count does not have yet. */
  add(lines: readonly BudgetLine[], cost: NanoDollars): void {
    for (const line of lines) {
      const { spent = 0, reserved = 0, lapsed = 0 } = this.known(line) ?? {}
      this.saw(line, { spent: spent + cost, reserved, lapsed })
    }
  }

  /** This gateway's part of what was left when the count was last seen, or by the ledger where it never was. */
  async shareOf(line: BudgetLine, gateways: number): Promise<NanoDollars> {
    const before = this.#shares.get(line.name)
    if (before !== undefined) return before.limit
    const { spent, reserved, lapsed } = this.known(line) ?? {
      spent: await this.#inLedger(line),
      reserved: 0,
      lapsed: 0,
    }
    const left = line.limit - spent - reserved - lapsed
    const share = { limit: Math.max(0, Math.floor(left / Math.max(1, gateways))), endsAt: line.endsAt }
    // Who came first has decided.
    const limit = this.#shares.get(line.name)?.limit ?? share.limit
    this.#shares.set(line.name, { ...share, limit })
    return limit
  }

  /** Takes from the ledger what was spent of lines that nobody counted yet. */
  async tell(lines: readonly BudgetLine[], alone: boolean): Promise<void> {
    const purse = alone ? this.#options.alone : this.#options.shared
    for (const line of lines) {
      const spent = Math.max(await this.#inLedger(line), this.known(line)?.spent ?? 0)
      const state = await purse?.raise(line, spent)
      if (state !== undefined) this.saw(line, state)
    }
  }

  /** Redis forgot: the highest that any gateway saw is what was spent. */
  async recall(): Promise<void> {
    const { shared } = this.#options
    const now = Date.now()
    const current = [...this.#known.values()].filter(({ line }) => line.endsAt > now)
    await Promise.all(current.map(({ line, state }) => shared?.raise(line, state.spent)))
  }

  /** To be told to Redis as soon as it answers. */
  owe(held: Held, cost: NanoDollars): void {
    const same = this.#owed.at(-1)
    // Costs that were never set aside there are one sum.
    const joins =
      held.amount === 0 && same?.held.amount === 0 && namesOf(same.held) === namesOf(held) && this.#paying === undefined
    if (joins) this.#owed.splice(-1, 1, { held: same.held, cost: same.cost + cost })
    else if (cost > 0 || this.#owed.length < mostOwed) {
      // One that costs nothing and is not told lapses by itself.
      this.#owed.push({ held: held.amount === 0 ? { ...held, id: randomUUID() } : held, cost })
    }
  }

  carryOver(): Promise<void> {
    this.#paying ??= this.#carryOver().finally(() => {
      this.#paying = undefined
    })
    return this.#paying
  }

  /** Once a minute: what the ledger has and the count has not, twice in a row, is added. */
  async look(now: number): Promise<void> {
    const { shared, alone } = this.#options
    const purse = shared ?? alone
    await this.carryOver()
    if (this.#owed.length > 0) return
    for (const { line, missing: before } of this.#known.values()) {
      if (line.endsAt <= now) continue
      const [state] = (await purse.look([line])) ?? []
      if (state === undefined) continue
      const inLedger = await this.#inLedger(line)
      const missing = Math.max(0, inLedger - state.spent)
      if (state.lapsed > 0) await purse.correct(line, lapsedMs)
      const sure = Math.min(before, missing)
      const seen = sure > 0 ? await purse.raise(line, state.spent + sure) : state
      if (seen === undefined) continue
      this.saw(line, seen)
      this.#known.set(line.name, { line, state: this.known(line) ?? seen, missing: missing - sure })
    }
    this.#forget()
  }

  async #carryOver(): Promise<void> {
    const { shared } = this.#options
    if (shared === undefined) return
    while (this.#owed[0] !== undefined) {
      const { held, cost } = this.#owed[0]
      const states = await shared.settle(held, cost)
      if (states === undefined) return
      this.#owed.shift()
    }
    // All of it is told: the next time that Redis goes away, shares are made anew.
    this.#shares.clear()
  }

  async #inLedger(line: BudgetLine): Promise<NanoDollars> {
    // Many keys ask at the same time when a day begins.
    const asked = this.#asked.get(line.startsAt) ?? this.#options.spent(line.startsAt)
    this.#asked.set(line.startsAt, asked)
    try {
      return sumOf(line, await asked, this.#options.teamOf)
    } catch (cause) {
      throw new GatewayError('ledger_unavailable', 'what was spent of the budget cannot be read at the moment', {
        retryAfterSeconds: 5,
        cause,
      })
    } finally {
      this.#asked.delete(line.startsAt)
    }
  }

  #forget(): void {
    const now = Date.now()
    for (const [name, { line }] of this.#known) if (line.endsAt + dayMs < now) this.#known.delete(name)
    for (const [name, { endsAt }] of this.#shares) if (endsAt < now) this.#shares.delete(name)
  }
}

function sumOf(
  { owner }: BudgetLine,
  spent: ReadonlyMap<string, NanoDollars>,
  teamOf: TruthOptions['teamOf'],
): NanoDollars {
  if (owner === 'whole') return spent.get('') ?? 0
  if (owner.startsWith('key:')) return spent.get(owner.slice(4)) ?? 0
  const team = owner.slice(5)
  return [...spent].reduce((sum, [id, cost]) => (id !== '' && teamOf(id) === team ? sum + cost : sum), 0)
}

function namesOf({ lines }: Held): string {
  return lines.map(({ name }: Line) => name).join()
}
