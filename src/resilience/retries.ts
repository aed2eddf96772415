import type { GatewayError } from '../core/errors.ts'
import type { ModelCard } from '../core/model.ts'

export interface RetriesOptions {
  /** Repetitions of one call. */
  readonly most: number
  /** Share of all calls that may be repetitions, 0 to 1. */
  readonly share: number
  readonly longestPauseMs: number
  readonly random?: () => number
}

/** Repetitions that are there before any call was made, so that the first ones may be repeated. */
const firstTokens = 10
const mostTokens = 100
const firstPauseMs = 200

/**
 * Whether and when a failed call is made again. Each call earns part of a repetition, so that in an outage calls grow by
 * that share and not by a multiple (the retry budget of Finagle); pauses are drawn by chance up to a bound that doubles
 * ("full jitter", M. Brooker, Exponential Backoff And Jitter, 2015).
 */
export class Retries {
  readonly #options: RetriesOptions
  readonly #tokens = new Map<string, number>()

  constructor(options: RetriesOptions) {
    this.#options = options
  }

  /** A call of a request, not a repetition. */
  saw({ provider }: ModelCard): void {
    const tokens = this.#tokens.get(provider) ?? firstTokens
    this.#tokens.set(provider, Math.min(mostTokens, tokens + this.#options.share))
  }

  /** Milliseconds until the call is made again; undefined where it is not. `tries` were made again before. */
  pauseFor(error: GatewayError, model: ModelCard, tries: number): number | undefined {
    const { most, share, longestPauseMs, random = Math.random } = this.#options
    if (tries >= most || share === 0 || !isSafe(error, model)) return undefined
    const asked = (error.retryAfterSeconds ?? 0) * 1000
    if (asked > longestPauseMs) return undefined
    const tokens = this.#tokens.get(model.provider) ?? firstTokens
    if (tokens < 1) return undefined
    this.#tokens.set(model.provider, tokens - 1)
    const bound = Math.min(longestPauseMs, firstPauseMs * 2 ** tries)
    // Those who were told the same time must not all come at it.
    return Math.min(longestPauseMs, asked + random() * bound)
  }
}

/**
 * Only what was refused, or never arrived. A call that went silent may have been answered and charged; one that a local
 * model broke off cost nothing.
 */
function isSafe({ code, refused }: GatewayError, { backend }: ModelCard): boolean {
  if (code === 'upstream_unreachable' || code === 'upstream_overloaded' || code === 'upstream_rate_limited') return true
  return code === 'upstream_failed' && (refused || backend === 'local')
}
