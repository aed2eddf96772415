import { LRUCache } from 'lru-cache'

export interface RateVerdict {
  readonly allowed: boolean
  readonly limit: number
  readonly remaining: number
  /** Seconds until another request is allowed (where refused), or until the whole allowance is back. */
  readonly resetSeconds: number
}

const secondsOf = { second: 1, minute: 60, hour: 3600 } as const
const clientsRemembered = 50_000

/**
 * Requests a client may make, by the generic cell rate algorithm (ITU-T I.371): one time stamp a client, a sliding
 * window without edges, and a burst of the whole allowance at most. Forgets the clients seen longest ago.
 */
export class RateLimit {
  readonly #limit: number
  readonly #intervalMs: number
  readonly #windowMs: number
  readonly #nextFree: LRUCache<string, number>
  readonly #now: () => number

  /** `rate` as `60/minute`, or `off`. */
  constructor(rate: string, now: () => number = Date.now) {
    const [count, unit] = rate.split('/')
    const seconds = secondsOf[unit as keyof typeof secondsOf] ?? 0
    this.#limit = rate === 'off' ? 0 : Number(count)
    this.#windowMs = seconds * 1000
    this.#intervalMs = this.#limit === 0 ? 0 : this.#windowMs / this.#limit
    this.#nextFree = new LRUCache({ max: clientsRemembered })
    this.#now = now
  }

  /** Counts one request of `client`. Undefined where there is no limit. */
  take(client: string): RateVerdict | undefined {
    if (this.#intervalMs === 0) return undefined
    const now = this.#now()
    const free = Math.max(this.#nextFree.get(client) ?? 0, now)
    const after = free + this.#intervalMs
    const ahead = after - now
    if (ahead > this.#windowMs) {
      const wait = (ahead - this.#windowMs) / 1000
      return { allowed: false, limit: this.#limit, remaining: 0, resetSeconds: Math.max(1, Math.ceil(wait)) }
    }
    this.#nextFree.set(client, after)
    const remaining = Math.floor((this.#windowMs - ahead) / this.#intervalMs)
    return { allowed: true, limit: this.#limit, remaining, resetSeconds: Math.ceil(ahead / 1000) }
  }
}
