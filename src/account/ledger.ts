import type { Receipt } from '../core/receipt.ts'
import type { LedgerStore } from '../stores/store.ts'

export interface LedgerOptions {
  readonly flushMs: number
  readonly maxPendingRows: number
  readonly say: (level: 'info' | 'warn' | 'error', message: string) => void
}

const rowsPerWrite = 1000
const longestPauseMs = 5000

/**
 * Rows on their way to the store. A request only puts its row into memory; a timer carries rows over in batches.
 * While the store does not take them (a full disk), they wait here, up to a bound; then the oldest are dropped, counted
 * and said. Rows of one request replace each other, so a row that was opened and closed between two flushes is
 * written once.
 */
export class Ledger {
  readonly #store: LedgerStore
  readonly #options: LedgerOptions
  readonly #pending = new Map<string, Receipt>()
  #timer: NodeJS.Timeout | undefined
  #writing: Promise<void> | undefined
  #next: Promise<void> | undefined
  #failure = ''
  #pauseMs: number
  #dropped = 0

  constructor(store: LedgerStore, options: LedgerOptions) {
    this.#store = store
    this.#options = options
    this.#pauseMs = options.flushMs
  }

  /** Why the store takes no rows at the moment; empty while it does. */
  get failure(): string {
    return this.#failure
  }

  /** Why rows do not go where they should; they are safe all the same. */
  get trouble(): string {
    return this.#failure || (this.#store.trouble?.() ?? '')
  }

  get pendingRows(): number {
    return this.#pending.size
  }

  get droppedRows(): number {
    return this.#dropped
  }

  get description(): string {
    return this.#store.description
  }

  record(receipt: Receipt): void {
    this.#pending.set(receipt.rowId, receipt)
    if (this.#pending.size > this.#options.maxPendingRows) this.#dropOldest()
    this.#schedule()
  }

  /** Carries over everything that is pending now. Resolves also when the store refused; see `failure`. */
  flush(): Promise<void> {
    if (this.#next !== undefined) return this.#next
    if (this.#writing === undefined) return this.#write()
    // What is being written began before: whoever asks meanwhile waits for the next, all of them for the same.
    this.#next = this.#writing.then(() => {
      this.#next = undefined
      return this.#write()
    })
    return this.#next
  }

  async close(): Promise<void> {
    clearTimeout(this.#timer)
    await this.flush()
    if (this.#pending.size > 0) {
      this.#options.say('error', `${this.#pending.size} ledger rows could not be written: ${this.#failure}`)
    }
    clearTimeout(this.#timer)
    await this.#store.close()
  }

  #schedule(): void {
    if (this.#timer !== undefined || this.#writing !== undefined) return
    this.#timer = setTimeout(() => {
      this.#timer = undefined
      void this.flush()
    }, this.#pauseMs)
    // The timer alone keeps no process alive; `close` flushes.
    this.#timer.unref()
  }

  #write(): Promise<void> {
    // Cleared only after it was set: with nothing to write, the work is done before there is a promise to keep.
    const writing = this.#writeAll().finally(() => {
      if (this.#writing === writing) this.#writing = undefined
      if (this.#pending.size > 0) this.#schedule()
    })
    this.#writing = writing
    return writing
  }

  async #writeAll(): Promise<void> {
    while (this.#pending.size > 0) {
      const batch = this.#pending.values().take(rowsPerWrite).toArray()
      try {
        await this.#store.write(batch)
      } catch (error) {
        this.#failed(error)
        break
      }
      this.#succeeded()
      for (const receipt of batch) {
        // A newer row of the same request may have come in while this one was written.
        if (this.#pending.get(receipt.rowId) === receipt) this.#pending.delete(receipt.rowId)
      }
    }
  }

  #failed(error: unknown): void {
    const message = error instanceof Error ? error.message : String(error)
    if (this.#failure === '') {
      const bound = this.#options.maxPendingRows
      this.#options.say(
        'error',
        `the ledger cannot be written (${message}): requests go on, up to ${bound} rows wait in memory for the disk`,
      )
    }
    this.#failure = message
    this.#pauseMs = Math.min(this.#pauseMs * 2, longestPauseMs)
  }

  #succeeded(): void {
    if (this.#failure !== '') this.#options.say('info', 'the ledger can be written again; nothing that waited is lost')
    this.#failure = ''
    this.#pauseMs = this.#options.flushMs
  }

  #dropOldest(): void {
    const oldest = this.#pending.keys().next().value
    if (oldest === undefined) return
    this.#pending.delete(oldest)
    if (this.#dropped === 0) {
      this.#options.say('error', 'the ledger has been unwritable for too long: the oldest rows are dropped from now on')
    }
    this.#dropped++
  }
}
