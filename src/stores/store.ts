import type { ApiKey, AuditEntry } from '../core/api-key.ts'
import type { Label } from '../core/evidence.ts'
import type { Receipt, ReceiptStatus } from '../core/receipt.ts'
import type { HourOfUsage } from './usage.ts'

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

/** A place in the ledger: rows follow each other by their start, those of one instant by their row id. */
export interface Place {
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly rowId: string
}

export interface PageOptions {
  /** Rows behind this one; from the beginning where it is left out. */
  readonly after?: Place
  /** Rows that started at or after, and before, milliseconds since 1970. */
  readonly since?: number
  readonly until?: number
  readonly limit: number
}

export interface ListOptions {
  /** Rows older than this one; the newest where it is left out. */
  readonly before?: Place
  readonly limit: number
  /** Most rows that are looked at for it: a filter that fits nothing reads no more of the ledger than that. */
  readonly lookAt: number
  readonly model?: string
  readonly status?: ReceiptStatus
  readonly caller?: string
}

export interface RowList {
  /** Newest first. */
  readonly rows: readonly Receipt[]
  /** From where to go on; there may be none of the wanted rows behind it. Absent at the end of the ledger. */
  readonly next?: Place
}

export interface PruneOptions {
  /** Rows that started before are deleted; their sums stay. */
  readonly before: number
  /** More than so many rows are not kept, the newest ones. */
  readonly keep: number
  /** Most that are deleted at once: others want to write, too. */
  readonly limit: number
}

/** Where receipts are kept. Every driver passes `test/contract/ledger-store.ts`. */
export interface LedgerStore {
  /** For people: `SQLite at …`. */
  readonly description: string
  /** Why rows do not go where they should at the moment; empty while they do. */
  readonly trouble?: () => string
  /** Writes all rows or none; a row whose `rowId` is there already is replaced. Throws what the database throws. */
  readonly write: (rows: readonly Receipt[]) => Promise<void>
  /** Writes rows anew that are there and closed, with all their sums; others are left out. Says how many were written. */
  readonly replace: (rows: readonly Receipt[]) => Promise<number>
  /** Closed rows that started at or after `since` (milliseconds since 1970). */
  readonly stats: (since: number) => Promise<LedgerStats>
  /** The newest row with this request id, for "why did this happen". */
  readonly find: (id: string) => Promise<Receipt | undefined>
  /** Newest first. */
  readonly recent: (limit: number) => Promise<readonly Receipt[]>
  /** Nano-dollars since `since`, by caller; the empty name is the sum of all. */
  readonly spent: (since: number) => Promise<ReadonlyMap<string, number>>
  /** Rows in their order, oldest first. */
  readonly page: (options: PageOptions) => Promise<readonly Receipt[]>
  readonly list: (options: ListOptions) => Promise<RowList>
  /** Deletes one batch of old rows; says how many. None that is open is deleted. */
  readonly prune: (options: PruneOptions) => Promise<number>
  /** Sums by hour, for the hours that began at or after `since`. */
  readonly usage: (since: number) => Promise<readonly HourOfUsage[]>
  /** Whether the sums of an hour (hours since 1970) are those of its rows, and the sums of its day those of its hours. */
  readonly checkUsage: (hour: number) => Promise<boolean>
  readonly labels: LabelStore
  readonly keys: KeyStore
  readonly audit: AuditStore
  /** Marks rows that a dead process left open as `interrupted`; says how many. */
  readonly closeOrphans: () => Promise<number>
  readonly close: () => Promise<void>
}

/** A state of the evidence that can be gone back to. */
export interface EvidenceVersion {
  readonly number: number
  /** Milliseconds since 1970. */
  readonly at: number
  readonly note: string
  /** Labels that count in it. */
  readonly labels: number
}

/** Where judged replies are kept, beside the receipts that they are about. */
export interface LabelStore {
  /**
   * A label replaces an older one of the same id; one that is there already, or a newer one, is left as it is. Of each
   * model the newest `keep` stay. Says how many were taken.
   */
  readonly add: (labels: readonly Label[], keep: number) => Promise<number>
  /** Those that count, oldest first. */
  readonly all: () => Promise<readonly Label[]>
  /** How many replies a caller has judged since a time; what the gateway judged by itself is not among them. */
  readonly given: (client: string, since: number) => Promise<number>
  /** A number that grows with every change: by one for each label that `add` takes. */
  readonly changes: () => Promise<number>
  readonly saveVersion: (note: string) => Promise<EvidenceVersion>
  readonly versions: () => Promise<readonly EvidenceVersion[]>
  /** Exactly what counted at that version counts from now on; a newer version brings the rest back. False: no such version. */
  readonly rollBack: (number: number) => Promise<boolean>
}

/** Where the keys of clients are kept. There are few: they are read whole. */
export interface KeyStore {
  /** Oldest first; revoked and expired ones are among them. */
  readonly all: () => Promise<readonly ApiKey[]>
  /** Adds the key, or replaces the one with this id. */
  readonly put: (key: ApiKey) => Promise<void>
  /** When keys were used last, by id; an older time than the one that is known changes nothing. */
  readonly used: (times: ReadonlyMap<string, number>) => Promise<void>
  /** A number that grows with every `put`. */
  readonly changes: () => Promise<number>
}

/** What administrators did. Nothing is ever changed; the oldest entries go when there are more than are kept. */
export interface AuditStore {
  readonly append: (entry: AuditEntry) => Promise<void>
  /** Newest first. */
  readonly recent: (limit: number) => Promise<readonly AuditEntry[]>
}
