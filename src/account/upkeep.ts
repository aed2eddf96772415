import { setTimeout as sleep } from 'node:timers/promises'
import type { LedgerStore } from '../stores/store.ts'

export interface UpkeepOptions {
  readonly store: LedgerStore
  /** 0 keeps rows for ever. */
  readonly retentionDays: number
  readonly maxRows: number
  readonly say: (level: 'warn', message: string) => void
  readonly everyMs?: number
  readonly now?: () => number
}

const batch = 2000
const pauseMs = 50
const dayMs = 86_400_000

/** Deletes old rows in small batches, so that nobody waits long for the database, and closes what dead gateways left open. */
export class Upkeep {
  readonly #options: UpkeepOptions
  readonly #stop = new AbortController()
  readonly #timer: NodeJS.Timeout
  #running: Promise<void> | undefined
  #failing = false

  constructor(options: UpkeepOptions) {
    this.#options = options
    this.#timer = setInterval(() => void this.run(), options.everyMs ?? 60_000).unref()
  }

  run(): Promise<void> {
    this.#running ??= this.#run().finally(() => {
      this.#running = undefined
    })
    return this.#running
  }

  async close(): Promise<void> {
    clearInterval(this.#timer)
    this.#stop.abort()
    await this.#running
  }

  async #run(): Promise<void> {
    const { store, retentionDays, maxRows, say, now = Date.now } = this.#options
    try {
      await store.closeOrphans()
      const before = retentionDays === 0 ? 0 : now() - retentionDays * dayMs
      const { signal } = this.#stop
      while (!signal.aborted) {
        const deleted = await store.prune({ before, keep: maxRows, limit: batch })
        if (deleted < batch) break
        await sleep(pauseMs, undefined, { signal }).catch(() => undefined)
      }
      this.#failing = false
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      if (!this.#failing) say('warn', `old ledger rows cannot be deleted (${reason}): tried again in a minute`)
      this.#failing = true
    }
  }
}
