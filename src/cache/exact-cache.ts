import { LRUCache } from 'lru-cache'
import { GatewayError } from '../core/errors.ts'
import type { ReplyChoice } from '../core/message-builder.ts'
import type { Backend } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Usage } from '../core/usage.ts'
import { cacheKey } from './key.ts'

/** A complete reply, in the gateway's own words. */
export interface CachedReply {
  readonly model: string
  readonly provider: string
  readonly backend: Backend
  readonly choices: readonly ReplyChoice[]
  /** Of its provider. What an equal request says in vain may be something else. */
  readonly warnings: readonly string[]
  readonly usage: Usage
  /** True where `usage` is our estimate. */
  readonly estimated: boolean
}

/**
 * What became of a look-up. On a miss the caller asks a model and must end the flight, with `keep`, or with `drop`
 * when there is nothing to keep; until then equal requests wait for it.
 */
export type Recall =
  | { readonly result: 'hit' | 'coalesced'; readonly reply: CachedReply }
  | {
      readonly result: 'miss' | 'bypass'
      /** Hands the reply to those who wait; `store: false` where later requests deserve another try. */
      readonly keep: (reply: CachedReply, options: { readonly store: boolean }) => void
      /** The reply cannot be told in our own words: whoever waits asks for itself, and so do those who come later. */
      readonly refuse: () => void
      /** An error is shared with those who wait; without one (the client hung up) one of them asks anew. */
      readonly drop: (error?: unknown) => void
    }

export interface ExactCacheOptions {
  readonly enabled: boolean
  readonly ttlSeconds: number
  readonly maxBytes: number
}

interface Flight {
  readonly landed: Promise<CachedReply | undefined>
  readonly land: (reply: CachedReply | undefined) => void
  readonly crash: (error: unknown) => void
}

const bypass: Exclude<Recall, { result: 'hit' | 'coalesced' }> = {
  result: 'bypass',
  keep: () => {},
  refuse: () => {},
  drop: () => {},
}
/** Keys of requests whose replies cannot be kept; a number each, so that they cost little. */
const refusalsRemembered = 10_000

/** Replies to equal requests, in memory, bounded in bytes and age; concurrent equal requests ask a model once. */
export class ExactCache {
  readonly #enabled: boolean
  readonly #replies: LRUCache<string, CachedReply>
  readonly #refused: LRUCache<string, true>
  readonly #flights = new Map<string, Flight>()

  constructor({ enabled, ttlSeconds, maxBytes }: ExactCacheOptions) {
    this.#enabled = enabled && ttlSeconds > 0
    this.#refused = new LRUCache({ max: refusalsRemembered, ttl: Math.max(1, ttlSeconds * 1000) })
    this.#replies = new LRUCache({
      maxSize: maxBytes,
      maxEntrySize: Math.max(1, Math.floor(maxBytes / 8)),
      sizeCalculation: sizeOf,
      ttl: Math.max(1, ttlSeconds * 1000),
    })
  }

  get bytes(): number {
    return this.#replies.calculatedSize
  }

  async recall(request: ChatRequest, signal: AbortSignal): Promise<Recall> {
    if (!this.#enabled || request.caching === 'off') return bypass
    const key = cacheKey(request)
    if (request.caching === 'refresh') {
      return { ...bypass, keep: (reply, { store }) => store && this.#replies.set(key, reply) }
    }

    for (;;) {
      if (this.#refused.has(key)) return bypass
      const known = this.#replies.get(key)
      if (known !== undefined) return { result: 'hit', reply: known }

      const flight = this.#flights.get(key)
      if (flight === undefined) return this.#takeOff(key)

      const reply = await orAbort(flight.landed, signal)
      if (reply !== undefined) return { result: 'coalesced', reply }
    }
  }

  #takeOff(key: string): Recall {
    const { promise, resolve, reject } = Promise.withResolvers<CachedReply | undefined>()
    // Nobody may be waiting; a crash that nobody sees is not an unhandled one.
    promise.catch(() => {})
    const flight: Flight = { landed: promise, land: resolve, crash: reject }
    this.#flights.set(key, flight)

    const end = () => this.#flights.get(key) === flight && this.#flights.delete(key)
    return {
      result: 'miss',
      keep: (reply, { store }) => {
        if (store) this.#replies.set(key, reply)
        end()
        flight.land(reply)
      },
      refuse: () => {
        this.#refused.set(key, true)
        end()
        flight.land(undefined)
      },
      drop: (error) => {
        end()
        if (error === undefined) flight.land(undefined)
        else flight.crash(error)
      },
    }
  }
}

/** Two bytes a character, and something for the rest. Log-probabilities weigh more than their text. */
function sizeOf(reply: CachedReply): number {
  return 2 * JSON.stringify(reply.choices).length + 512
}

async function orAbort<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => {
    const { reason } = signal
    reject(reason instanceof GatewayError ? reason : new GatewayError('cancelled', 'the request was cancelled'))
  }
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}
