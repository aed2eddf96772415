import type { NanoDollars } from '../core/price.ts'

/** One budget in one of its periods. */
export interface Line {
  /** As `key:ID:day:2026-11-25`. */
  readonly name: string
  readonly limit: NanoDollars
  /** End of the period, milliseconds since 1970. */
  readonly endsAt: number
}

/** What is known of a line; all of it counts against the limit. */
export interface LineState {
  readonly spent: NanoDollars
  /** By calls that run. */
  readonly reserved: NanoDollars
  /** By calls of gateways that were heard of no more; what they did cost is not known yet. */
  readonly lapsed: NanoDollars
}

export interface Wanted {
  readonly id: string
  /** The most that the call can cost. */
  readonly amount: NanoDollars
  /** The most that it can cost where its reply is kept short; the same where it can not. */
  readonly lesser: NanoDollars
}

export type Taken =
  | { readonly type: 'taken'; readonly amount: NanoDollars; readonly states: readonly LineState[] }
  /** `line` is spent, or what is left of it is promised to calls that run. */
  | { readonly type: 'spent' | 'promised'; readonly line: number; readonly states: readonly LineState[] }
  /** What was spent of these lines before must be told first, with `raise`. */
  | { readonly type: 'unknown'; readonly lines: readonly number[] }
  /** Everything is forgotten: `remember` when all who hold something have said so. */
  | { readonly type: 'forgotten' }

/** A reservation of a call that runs. */
export interface Held {
  readonly lines: readonly Line[]
  readonly id: string
  readonly amount: NanoDollars
}

/**
 * Where budgets are counted, in integer nano-dollars. A call takes the most that it can cost out of all its lines or out
 * of none. Where a line does not cover it, it is let through all the same if it is the only such call and the line
 * is not promised whole: so a budget is used up, and never passed by more than one call. Every driver passes
 * `test/contract/purse.test.ts`.
 */
export interface Purse {
  readonly take: (lines: readonly Line[], wanted: Wanted) => Promise<Taken>
  /** The call is over and did cost so much; a second word about the same one changes nothing. */
  readonly settle: (held: Held, cost: NanoDollars) => Promise<readonly LineState[]>
  /** These calls still run. */
  readonly stay: (held: readonly Held[]) => Promise<void>
  /** At least so much was spent of the line. */
  readonly raise: (line: Line, spent: NanoDollars) => Promise<LineState>
  /** What lapsed more than `afterMs` ago is in `spent` by now, as far as it did cost anything. */
  readonly correct: (line: Line, afterMs: number) => Promise<LineState>
  /** Undefined for lines that nothing is known of. */
  readonly look: (lines: readonly Line[]) => Promise<readonly (LineState | undefined)[]>
  readonly remember: () => Promise<void>
}

/** How long a reservation holds when its gateway is heard of no more. */
export const leaseMs = 60_000
