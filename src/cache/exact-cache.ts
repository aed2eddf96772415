import { randomUUID } from 'node:crypto'
import { LRUCache } from 'lru-cache'
import { GatewayError } from '../core/errors.ts'
import type { ReplyChoice } from '../core/message-builder.ts'
import type { Backend } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Usage } from '../core/usage.ts'
import { cacheKey } from './key.ts'
import { flightMs, type SharedReplies } from './shared-replies.ts'

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
  /** Who may be given a reply that was made for another: the same key's requests, the team's, everybody's. */
  readonly scope: CacheScope
  /** What other gateways know; undefined where there are none. */
  readonly shared?: SharedReplies | undefined
}

export type CacheScope = 'key' | 'team' | 'all'

interface Flight {
  readonly token: string
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
/** A notice may be missed; whoever follows looks by himself from time to time. */
const lookMs = 500

/**
 * Replies to equal requests, in memory, bounded in bytes and age; concurrent equal requests ask a model once. Where
 * gateways share them, those of the others are found, too, and wait for each other.
 */
export class ExactCache {
  readonly #options: ExactCacheOptions
  readonly #enabled: boolean
  readonly #replies: LRUCache<string, CachedReply>
  readonly #refused: LRUCache<string, true>
  readonly #flights = new Map<string, Flight>()
  /** Flights of this gateway that others wait for, by their keys. */
  readonly #leading = new Map<string, string>()
  readonly #timer: NodeJS.Timeout | undefined

  constructor(options: ExactCacheOptions) {
    const { enabled, ttlSeconds, maxBytes, shared } = options
    this.#options = options
    this.#enabled = enabled && ttlSeconds > 0
    this.#refused = new LRUCache({ max: refusalsRemembered, ttl: Math.max(1, ttlSeconds * 1000) })
    this.#replies = new LRUCache({
      maxSize: maxBytes,
      maxEntrySize: Math.max(1, Math.floor(maxBytes / 8)),
      sizeCalculation: sizeOf,
      ttl: Math.max(1, ttlSeconds * 1000),
    })
    if (shared !== undefined) this.#timer = setInterval(() => void this.#renew(shared), flightMs / 4).unref()
  }

  get bytes(): number {
    return this.#replies.calculatedSize
  }

  async recall(request: ChatRequest, signal: AbortSignal): Promise<Recall> {
    if (!this.#enabled || request.caching === 'off') return bypass
    const key = `${scopeOf(request, this.#options.scope)}${cacheKey(request)}`
    if (request.caching === 'refresh') {
      return { ...bypass, keep: (reply, { store }) => store && this.#keepFresh(key, reply) }
    }

    for (;;) {
      if (this.#refused.has(key)) return bypass
      const known = this.#replies.get(key)
      if (known !== undefined) return { result: 'hit', reply: known }

      const flight = this.#flights.get(key)
      if (flight === undefined) return await this.#takeOff(key, signal)

      const reply = await orAbort(flight.landed, signal)
      if (reply !== undefined) return { result: 'coalesced', reply }
    }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  async #takeOff(key: string, signal: AbortSignal): Promise<Recall> {
    const { promise, resolve, reject } = Promise.withResolvers<CachedReply | undefined>()
    // Nobody may be waiting; a crash that nobody sees is not an unhandled one.
    promise.catch(() => {})
    const flight: Flight = { token: randomUUID(), landed: promise, land: resolve, crash: reject }
    this.#flights.set(key, flight)

    const end = () => {
      if (this.#flights.get(key) === flight) this.#flights.delete(key)
    }
    const land = (reply: CachedReply | undefined) => {
      end()
      flight.land(reply)
    }
    const { shared } = this.#options
    if (shared !== undefined) {
      try {
        const found = await this.#askOthers(shared, key, flight.token, signal)
        if (found === 'refused') {
          this.#refused.set(key, true)
          land(undefined)
          return bypass
        }
        if (found !== undefined) {
          land(found.reply)
          return found
        }
      } catch (error) {
        end()
        if (signal.aborted) flight.land(undefined)
        else flight.crash(error)
        throw error
      }
    }
    return this.#missed(key, flight, end)
  }

  #missed(key: string, flight: Flight, end: () => void): Recall {
    let open = true
    const close = () => {
      const wasOpen = open
      open = false
      end()
      // Only who leads has others to tell.
      return wasOpen && this.#leading.delete(key) ? this.#options.shared : undefined
    }
    return {
      result: 'miss',
      keep: (reply, { store }) => {
        if (store) this.#replies.set(key, reply)
        void close()?.keep(key, flight.token, reply, store)
        flight.land(reply)
      },
      refuse: () => {
        this.#refused.set(key, true)
        void close()?.refuse(key, flight.token)
        flight.land(undefined)
      },
      drop: (error) => {
        void close()?.drop(key, flight.token, error)
        if (error === undefined) flight.land(undefined)
        else flight.crash(error)
      },
    }
  }

  /** The reply of another gateway, asked before or while this waits; undefined where this one must ask a model. */
  async #askOthers(
    shared: SharedReplies,
    key: string,
    token: string,
    signal: AbortSignal,
  ): Promise<Extract<Recall, { result: 'hit' | 'coalesced' }> | 'refused' | undefined> {
    const listening = shared.listen(key)
    try {
      for (let followed = false; ; followed = true) {
        const claim = await shared.claim(key, token)
        if (signal.aborted) {
          if (claim?.type === 'lead') void shared.drop(key, token)
          throw reasonOf(signal)
        }
        switch (claim?.type) {
          case undefined:
            return undefined
          case 'lead':
            this.#leading.set(key, token)
            return undefined
          case 'refused':
            return 'refused'
          case 'hit': {
            const { reply, ttlMs } = claim
            // As long as the others give it, and no longer.
            this.#replies.set(key, reply, { ttl: Math.max(1, ttlMs) })
            return { result: followed ? 'coalesced' : 'hit', reply }
          }
          case 'follow': {
            const notice = await listening.next(lookMs, signal)
            if (signal.aborted) throw reasonOf(signal)
            if (notice?.type === 'failed') throw notice.error
            if (notice?.type === 'handed') return { result: 'coalesced', reply: notice.reply }
          }
        }
      }
    } finally {
      listening.stop()
    }
  }

  #keepFresh(key: string, reply: CachedReply): void {
    this.#replies.set(key, reply)
    void this.#options.shared?.keep(key, randomUUID(), reply, true)
  }

  async #renew(shared: SharedReplies): Promise<void> {
    await shared.renew([...this.#leading].map(([key, token]) => ({ key, token })))
  }
}

/** A request of nobody is everybody's. */
export function scopeOf({ holder }: ChatRequest, scope: CacheScope): string {
  if (holder === undefined || scope === 'all') return ''
  return scope === 'team' && holder.team !== '' ? `team:${holder.team}:` : `key:${holder.id}:`
}

/** Two bytes a character, and something for the rest. Log-probabilities weigh more than their text. */
function sizeOf(reply: CachedReply): number {
  return 2 * JSON.stringify(reply.choices).length + 512
}

async function orAbort<Value>(promise: Promise<Value>, signal: AbortSignal): Promise<Value> {
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const abort = () => reject(reasonOf(signal))
  if (signal.aborted) abort()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function reasonOf({ reason }: AbortSignal): GatewayError {
  return reason instanceof GatewayError ? reason : new GatewayError('cancelled', 'the request was cancelled')
}
