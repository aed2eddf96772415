import { CircuitBreaker } from '../core/circuit-breaker.ts'
import type { GatewayError } from '../core/errors.ts'
import type { ModelCard } from '../core/model.ts'

export interface HealthOptions {
  /** Failures one after the other after which a model rests. */
  readonly failures: number
  readonly restMs: number
  readonly longestRestMs: number
  readonly now?: () => number
  readonly changed?: (model: ModelCard, resting: boolean) => void
}

/** What a call that came to an end says about its model. */
export interface Trial {
  /** The first content came: a model that was being tried is well again. */
  readonly began: () => void
  readonly succeeded: () => void
  readonly failed: (error: GatewayError) => void
  /** It says nothing: it was never made, or the caller left. */
  readonly abandoned: () => void
}

/** A model whose server is gone, or refuses our key, is not asked again at once. */
const goneMs = 10_000
const longestAskedMs = 600_000

/**
 * A breaker for each model: after some failures it rests, and then one call tries it. A server that says how long it
 * wants to be left alone (`Retry-After`) is.
 */
export class Health {
  readonly #options: HealthOptions
  readonly #breakers = new Map<string, { readonly breaker: CircuitBreaker; reason: string }>()

  constructor(options: HealthOptions) {
    this.#options = options
  }

  /** Why the model is left alone at the moment; empty where it is not. */
  rests({ name }: ModelCard): string {
    const known = this.#breakers.get(name)
    return known === undefined || known.breaker.state !== 'open' ? '' : known.reason
  }

  /** 0: calls are made, 1: one is tried, 2: it rests. */
  level({ name }: ModelCard): number {
    const state = this.#breakers.get(name)?.breaker.state ?? 'closed'
    return { closed: 0, 'half-open': 1, open: 2 }[state]
  }

  /** Undefined where another call is trying the model just now, or it rests; `always` is given a trial all the same. */
  enter(model: ModelCard, always: boolean): Trial | undefined {
    const known = this.#of(model)
    const isMine = known.breaker.allows()
    if (!isMine && !always) return undefined
    return {
      began: () => {
        if (isMine && known.breaker.state !== 'closed') known.breaker.succeeded()
      },
      succeeded: () => known.breaker.succeeded(),
      failed: (error) => this.#failed(known, error),
      abandoned: () => {
        if (isMine) known.breaker.abandoned()
      },
    }
  }

  /** Its server says that something changed. */
  forget({ name }: ModelCard): void {
    this.#breakers.get(name)?.breaker.succeeded()
  }

  #failed(known: { readonly breaker: CircuitBreaker; reason: string }, error: GatewayError): void {
    const { breaker } = known
    const asked = error.retryAfterSeconds === undefined ? undefined : error.retryAfterSeconds * 1000
    switch (error.code) {
      case 'upstream_unreachable':
      case 'upstream_unauthorized':
      case 'model_unavailable':
        known.reason = error.message
        breaker.failed(goneMs)
        break
      case 'upstream_rate_limited':
      case 'upstream_overloaded':
        known.reason = error.message
        breaker.failed(asked === undefined ? undefined : Math.min(longestAskedMs, Math.max(1, asked)))
        break
      case 'upstream_failed':
      case 'upstream_cut':
      case 'upstream_timeout':
        known.reason = `it rests after failures: ${error.message}`
        breaker.failed()
        break
      default:
        breaker.abandoned()
    }
  }

  #of(model: ModelCard) {
    const known = this.#breakers.get(model.name)
    if (known !== undefined) return known
    const { failures, restMs, longestRestMs, now = Date.now, changed } = this.#options
    const breaker = new CircuitBreaker({
      failures,
      openMs: restMs,
      longestMs: longestRestMs,
      now,
      changed: (state) => changed?.(model, state === 'open'),
    })
    const made = { breaker, reason: '' }
    this.#breakers.set(model.name, made)
    return made
  }
}
