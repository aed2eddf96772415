import type { Decision } from '../core/decision.ts'
import { GatewayError } from '../core/errors.ts'
import type { ModelCard } from '../core/model.ts'
import type { Receipt } from '../core/receipt.ts'
import type { ChatRequest } from '../core/request.ts'
import type { LedgerStore } from '../stores/store.ts'
import type { Ledger } from './ledger.ts'
import type { Metrics } from './metrics.ts'
import { OpenReceipt } from './open-receipt.ts'
import { type Statistics, summarize } from './statistics.ts'

export interface AccountOptions {
  readonly ledger: Ledger
  readonly store: LedgerStore
  readonly metrics: Metrics
  readonly baseline: ModelCard
  /** True refuses requests while the ledger cannot be written. */
  readonly ledgerRequired: boolean
  /** One line of the request log for each closed request. */
  readonly log: (receipt: Receipt) => void
  readonly now?: () => number
}

/** Pause between two looks at what the running requests have used. Together with a flush it stays below a second. */
const refreshMs = 500

/** Everything that is counted: one receipt a request, carried to ledger, metrics and request log. */
export class Account {
  readonly #options: AccountOptions
  readonly #now: () => number
  /** Errors that closed a receipt: they are counted there, not once more as a refusal. */
  readonly #counted = new WeakSet<object>()
  readonly #open = new Set<OpenReceipt>()
  #refreshing: NodeJS.Timeout | undefined

  #baseline: ModelCard

  constructor(options: AccountOptions) {
    this.#options = options
    this.#baseline = options.baseline
    this.#now = options.now ?? Date.now
  }

  get openRequests(): number {
    return this.#open.size
  }

  get ledger(): Ledger {
    return this.#options.ledger
  }

  get metrics(): Metrics {
    return this.#options.metrics
  }

  /** Savings of requests from now on are counted against this model. */
  useBaseline(baseline: ModelCard): void {
    this.#baseline = baseline
  }

  /** Opens the receipt of a request that is about to be dispatched; `baseline` is what it would have cost elsewhere. */
  open(request: ChatRequest, decision: Decision, baseline = this.#baseline): OpenReceipt {
    const { ledger, metrics, ledgerRequired, log } = this.#options
    if (ledgerRequired && ledger.failure !== '') {
      throw new GatewayError('ledger_unavailable', 'the ledger cannot be written, and ledger.required is true', {
        retryAfterSeconds: 5,
      })
    }
    const receipt: OpenReceipt = new OpenReceipt({
      request,
      decision,
      baseline,
      now: this.#now,
      record: (receipt) => ledger.record(receipt),
      closed: (final, error) => {
        this.#open.delete(receipt)
        if (typeof error === 'object' && error !== null) this.#counted.add(error)
        metrics.observe(final)
        log(final)
      },
    })
    this.#open.add(receipt)
    this.#refreshing ??= setInterval(() => this.#refresh(), refreshMs).unref()
    return receipt
  }

  /** What a process that dies takes with it is what its streams used since this was last done. */
  #refresh(): void {
    for (const receipt of this.#open) receipt.refresh()
    if (this.#open.size > 0) return
    clearInterval(this.#refreshing)
    this.#refreshing = undefined
  }

  /** True for an error that a receipt already stands for. */
  hasCounted(error: unknown): boolean {
    return typeof error === 'object' && error !== null && this.#counted.has(error)
  }

  /** Sums since `since` (milliseconds since 1970; 0 for everything), rows that wait for the disk included. */
  async statistics(since: number): Promise<Statistics> {
    const stats = await this.read((store) => store.stats(since))
    return summarize(stats, this.#baseline.name)
  }

  async find(id: string): Promise<Receipt | undefined> {
    return await this.read((store) => store.find(id))
  }

  /** Asks the ledger, with the rows that waited for the disk; a ledger that does not answer is no fault of the gateway. */
  async read<Result>(work: (store: LedgerStore) => Promise<Result>): Promise<Result> {
    const { ledger, store } = this.#options
    await this.#flushed()
    return await work(store).catch((error: unknown) => {
      throw new GatewayError('ledger_unavailable', `${ledger.description} cannot be read at the moment`, {
        retryAfterSeconds: 5,
        cause: error,
      })
    })
  }

  /** Who only looks does not wait for a database that others wait for already. */
  async #flushed(): Promise<void> {
    const { ledger } = this.#options
    if (ledger.trouble === '') await ledger.flush()
  }
}
