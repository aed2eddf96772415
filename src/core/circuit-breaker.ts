export type BreakerState = 'closed' | 'open' | 'half-open'

export interface CircuitBreakerOptions {
  /** Failures one after the other that open it. */
  readonly failures: number
  /** How long it stays open the first time; each failed trial doubles that, up to `longestMs`. */
  readonly openMs: number
  readonly longestMs?: number
  /** Told when it opens or closes, not of trials. */
  readonly changed?: (state: 'open' | 'closed') => void
  readonly now?: () => number
}

/**
 * Keeps calls away from a part that does not answer: closed lets all through, open lets none, half-open lets one try
 * (M. Nygard, Release It!, 2007).
 */
export class CircuitBreaker {
  readonly #options: CircuitBreakerOptions
  readonly #now: () => number
  #failures = 0
  #openMs: number
  /** 0 while it is closed. */
  #openUntil = 0
  #trying = false

  constructor(options: CircuitBreakerOptions) {
    this.#options = options
    this.#openMs = options.openMs
    this.#now = options.now ?? Date.now
  }

  get state(): BreakerState {
    if (this.#openUntil === 0) return 'closed'
    return this.#trying || this.#now() >= this.#openUntil ? 'half-open' : 'open'
  }

  /** Milliseconds until the next trial; 0 while calls are let through. */
  get opensInMs(): number {
    return this.#openUntil === 0 ? 0 : Math.max(0, this.#openUntil - this.#now())
  }

  /** Whether a call may be made now. Who is told yes must say `succeeded`, `failed` or `abandoned` afterwards. */
  allows(): boolean {
    if (this.#openUntil === 0) return true
    if (this.#trying || this.#now() < this.#openUntil) return false
    this.#trying = true
    return true
  }

  succeeded(): void {
    const wasOpen = this.#openUntil !== 0
    this.#failures = 0
    this.#openUntil = 0
    this.#trying = false
    this.#openMs = this.#options.openMs
    if (wasOpen) this.#options.changed?.('closed')
  }

  /** `forMs`: the part itself said how long it wants to be left alone (`Retry-After`): it opens at once. */
  failed(forMs?: number): void {
    this.#failures++
    const wasOpen = this.#openUntil !== 0
    // Calls that were under way when it opened say nothing new.
    if (wasOpen && !this.#trying && forMs === undefined) return
    if (!wasOpen && forMs === undefined && this.#failures < this.#options.failures) return
    const { longestMs = 30_000 } = this.#options
    if (wasOpen) this.#openMs = Math.min(this.#openMs * 2, longestMs)
    this.#trying = false
    this.#openUntil = Math.max(this.#openUntil, this.#now() + (forMs ?? this.#openMs))
    if (!wasOpen) this.#options.changed?.('open')
  }

  /** The call came to nothing that says anything about the part: the caller left. */
  abandoned(): void {
    this.#trying = false
  }
}
