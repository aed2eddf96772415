import type { Receipt } from '../core/receipt.ts'

/** Sums over the rows of one group; money in nano-dollars. */
export interface Totals {
  readonly requests: number
  readonly failed: number
  readonly inputTokens: number
  readonly outputTokens: number
  readonly cost: number
  /** Requests whose cost is unknown, because a price was. */
  readonly unpriced: number
  /** Of the requests whose cost is known: the others prove no saving. */
  readonly baselineCost: number
  readonly cacheHits: number
  readonly cacheMisses: number
}

export interface GroupTotals extends Totals {
  readonly model: string
  readonly backend: string
}

export interface LedgerStats {
  readonly groups: readonly GroupTotals[]
  /** Start of the window, or of the first row where no window was asked for; milliseconds since 1970. */
  readonly since: number
}

/** Where receipts are kept. Every driver passes `test/contract/ledger-store.ts`. */
export interface LedgerStore {
  /** For people: `SQLite at …`. */
  readonly description: string
  /** Writes all rows or none; a row whose `rowId` is there already is replaced. Throws what the database throws. */
  readonly write: (rows: readonly Receipt[]) => Promise<void>
  /** Closed rows that started at or after `since` (milliseconds since 1970). */
  readonly stats: (since: number) => Promise<LedgerStats>
  /** The newest row with this request id, for "why did this happen". */
  readonly find: (id: string) => Promise<Receipt | undefined>
  /** Newest first. */
  readonly recent: (limit: number) => Promise<readonly Receipt[]>
  /** Marks rows that a dead process left open as `interrupted`; says how many. */
  readonly closeOrphans: () => Promise<number>
  readonly close: () => Promise<void>
}
