import { LRUCache } from 'lru-cache'

const windowMs = 60_000
const addressesRemembered = 10_000

/** Counts wrong keys by address, so that nobody tries many. */
export class FailedAttempts {
  readonly #most: number
  readonly #now: () => number
  /** Made when it is needed: its room is taken at once. */
  #addresses: LRUCache<string, { count: number; readonly since: number }> | undefined

  constructor(most: number, now: () => number = Date.now) {
    this.#most = most
    this.#now = now
  }

  /** Seconds for which no key of this address is looked at; 0 where they are. */
  barredFor(address: string): number {
    const known = this.#addresses?.get(address)
    if (known === undefined || known.count < this.#most) return 0
    return Math.max(0, Math.ceil((known.since + windowMs - this.#now()) / 1000))
  }

  failed(address: string): void {
    this.#addresses ??= new LRUCache({ max: addressesRemembered })
    const known = this.#addresses.get(address)
    if (known !== undefined && known.since + windowMs > this.#now()) known.count++
    else this.#addresses.set(address, { count: 1, since: this.#now() })
  }
}
