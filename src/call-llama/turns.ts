import { GatewayError } from '../core/errors.ts'

interface Waiter {
  readonly start: () => void
}

/** Lets one request at a time use a model; the others wait in the order in which they came. */
export class Turns {
  readonly #name: string
  readonly #maxWaiting: number
  readonly #waiting: Waiter[] = []
  #busy = false
  #averageMs = 2_000

  constructor(name: string, maxWaiting: number) {
    this.#name = name
    this.#maxWaiting = maxWaiting
  }

  get waiting(): number {
    return this.#waiting.length
  }

  /** Resolves to the function that ends the turn. Throws `model_busy` at once, or `cancelled` while waiting. */
  async take(signal: AbortSignal, maxWaiting = this.#maxWaiting): Promise<() => void> {
    if (signal.aborted) throw cancelled()
    if (this.#busy) await this.#wait(signal, maxWaiting)
    this.#busy = true
    const startedAt = performance.now()
    let ended = false
    return () => {
      if (ended) return
      ended = true
      this.#averageMs += (performance.now() - startedAt - this.#averageMs) / 8
      this.#next()
    }
  }

  #wait(signal: AbortSignal, maxWaiting: number): Promise<void> {
    if (this.#waiting.length >= maxWaiting) {
      const seconds = Math.ceil((this.#averageMs * (this.#waiting.length + 1)) / 1000)
      throw new GatewayError(
        'model_busy',
        `model '${this.#name}' answers one request at a time and ${this.#waiting.length} wait already: try again later`,
        { retryAfterSeconds: Math.min(Math.max(seconds, 1), 60) },
      )
    }
    return new Promise((resolve, reject) => {
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(cancelled())
      }
      const waiter: Waiter = {
        start: () => {
          signal.removeEventListener('abort', giveUp)
          resolve()
        },
      }
      signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.push(waiter)
    })
  }

  /** The turn is handed over without a gap, so that a newcomer cannot slip in before the first in the queue. */
  #next(): void {
    const waiter = this.#waiting.shift()
    if (waiter === undefined) this.#busy = false
    else waiter.start()
  }
}

function cancelled(): GatewayError {
  return new GatewayError('cancelled', 'the request was cancelled')
}
