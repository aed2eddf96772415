import { randomUUID } from 'node:crypto'
import { isIPv6 } from 'node:net'
import { GatewayError } from '../core/errors.ts'
import type { KeyHolder } from '../core/key-holder.ts'
import { type Limiter, leaseMs, type Rate, type Standing, type Subject, type TokenSubject } from './limiter.ts'
import type { SharedLimiter } from './redis.ts'

export interface LimitsOptions {
  /** As `60/minute`, or `off`: of each key, or of each address where there are no keys. */
  readonly rate: string
  readonly tokensPerMinute: number | undefined
  readonly parallel: number | undefined
  /** Of each address, whatever keys it sends. */
  readonly address: { readonly rate: string; readonly parallel: number | undefined }
  readonly local: Limiter
  /** Undefined where there is no Redis. */
  readonly shared: SharedLimiter | undefined
  /** How many gateways share the limits. */
  readonly gateways: () => number
  /** Told of each refusal, by what refused. */
  readonly refused?: (kind: 'rate' | 'parallel' | 'tokens') => void
}

/** A request that may go on. */
export interface Pass {
  /** What is left, for headers; undefined where nothing limits it. */
  readonly rate: Standing | undefined
  /** The request is over. Called once or several times. */
  readonly leave: () => void
}

/** Tokens that were set aside for a request. */
export interface TokenPass {
  /** So many it did use. Called once. */
  readonly settle: (tokens: number) => void
}

const units = { second: 1000, minute: 60_000, hour: 3_600_000 } as const
const minuteMs = 60_000

/** Why a request may not go on, with what its headers say. */
export class LimitError extends GatewayError {
  readonly standing: Standing | undefined

  constructor(message: string, standing: Standing | undefined, waitMs: number) {
    super('rate_limited', message, { retryAfterSeconds: Math.max(0.001, waitMs / 1000) })
    this.standing = standing
  }
}

/**
 * What callers may ask for. Over all gateways where they share a Redis; while that does not answer, each of them allows
 * its share.
 */
export class Limits {
  readonly #options: LimitsOptions
  readonly #rate: Rate | undefined
  readonly #addressRate: Rate | undefined
  readonly #running = new Map<string, readonly Subject[]>()
  readonly #timer: NodeJS.Timeout

  constructor(options: LimitsOptions) {
    this.#options = options
    this.#rate = rateOf(options.rate)
    this.#addressRate = rateOf(options.address.rate)
    this.#timer = setInterval(() => this.#stay(), leaseMs / 3).unref()
  }

  get running(): number {
    return this.#running.size
  }

  /** Counts one request. Throws `LimitError` where it may not go on. */
  async enter(holder: KeyHolder | undefined, address: string, counts: boolean): Promise<Pass> {
    const subjects = this.#subjectsOf(holder, address, counts)
    if (subjects.length === 0) return { rate: undefined, leave: () => {} }
    const id = randomUUID()
    const { local, shared, gateways } = this.#options
    // A single answer that is late is asked for again: the same id counts once.
    let limiter = await shared?.enter(subjects, id)
    if (limiter === undefined && shared?.answers() === true) limiter = await shared.enter(subjects, id)
    const share = 1 / gateways()
    const entered =
      limiter ?? (await local.enter(shared === undefined ? subjects : subjects.map((one) => part(one, share)), id))
    // Should the others not be heard a moment later, what passed here counts against this gateway's share.
    if (limiter?.refusedBy === undefined && limiter !== undefined) void local.enter(subjects.map(unlimited), id)
    if (entered.refusedBy !== undefined) throw this.#refusal(entered.refusedBy, entered.subject, entered.rate, subjects)

    const held = subjects.filter(({ parallel }) => parallel !== undefined)
    if (held.length > 0) this.#running.set(id, held)
    return {
      rate: entered.rate,
      leave: () => {
        if (!this.#running.delete(id)) return
        // Where it was counted is not known for sure when Redis came or went in between.
        void local.leave(held, id)
        void shared?.leave(held, id)
      },
    }
  }

  /** Sets tokens aside before a model is asked. Throws `LimitError` where they are not there. */
  async takeTokens(holder: KeyHolder | undefined, tokens: number): Promise<TokenPass | undefined> {
    const limit = holder?.limits?.tokensPerMinute ?? this.#options.tokensPerMinute
    if (limit === undefined) return undefined
    const wanted = Math.ceil(tokens)
    const name = `key:${holder?.id ?? ''}`
    if (wanted > limit) {
      this.#options.refused?.('tokens')
      const message = `this request may take ${wanted} tokens, over the limit of ${limit} a minute: shorten it, or set a smaller max_tokens`
      throw new LimitError(message, undefined, minuteMs)
    }
    const { local, shared, gateways } = this.#options
    const whole: TokenSubject = { name, limit, windowMs: minuteMs }
    const id = randomUUID()
    const taken = await shared?.takeTokens(whole, id, wanted)
    const own = shared === undefined ? whole : { ...whole, limit: Math.max(wanted, Math.floor(limit / gateways())) }
    const { allowed, waitMs } = taken ?? (await local.takeTokens(own, id, wanted))
    if (!allowed) {
      this.#options.refused?.('tokens')
      const message = `${limit} tokens a minute are the limit: wait ${Math.ceil(waitMs / 1000)} s (limits.tokens_per_minute, or the key's own)`
      throw new LimitError(message, undefined, waitMs)
    }
    const counted = taken === undefined ? local : shared
    return { settle: (used) => void counted?.settleTokens(own, id, Math.ceil(used)) }
  }

  close(): void {
    clearInterval(this.#timer)
  }

  #stay(): void {
    const running = [...this.#running].map(([id, subjects]) => ({ id, subjects }))
    if (running.length === 0) return
    void this.#options.local.stay(running)
    void this.#options.shared?.stay(running)
  }

  #subjectsOf(holder: KeyHolder | undefined, address: string, counts: boolean): readonly Subject[] {
    const { parallel, address: ofAddress } = this.#options
    const own = holder?.limits
    const rate =
      own?.requestsPerMinute === undefined ? this.#rate : { limit: own.requestsPerMinute, windowMs: minuteMs }
    const place = placeOf(address)
    const caller: Subject = {
      name: holder === undefined ? `client:${place}` : `key:${holder.id}`,
      rate: counts ? rate : undefined,
      parallel: counts ? (own?.parallel ?? parallel) : undefined,
    }
    const from: Subject = { name: `address:${place}`, rate: this.#addressRate, parallel: ofAddress.parallel }
    return [caller, from].filter((subject) => subject.rate !== undefined || subject.parallel !== undefined)
  }

  #refusal(kind: 'rate' | 'parallel', name: string, standing: Standing | undefined, subjects: readonly Subject[]) {
    this.#options.refused?.(kind)
    const subject = subjects.find((one) => one.name === name)
    const ofAddress = name.startsWith('address:')
    if (kind === 'parallel') {
      const where = ofAddress ? 'limits.address.parallel' : "limits.parallel, or the key's own"
      return new LimitError(
        `${subject?.parallel} requests at the same time are the limit: wait for one of them (${where})`,
        undefined,
        1000,
      )
    }
    const { limit, windowMs, resetMs } = standing ?? { limit: 0, windowMs: minuteMs, resetMs: minuteMs }
    const where = ofAddress ? 'limits.address.rate' : "limits.rate, RATE_LIMIT, or the key's own"
    const message = `more than ${limit} requests in ${windowMs / 1000} s: wait ${Math.ceil(resetMs / 1000)} s (${where})`
    return new LimitError(message, standing, resetMs)
  }
}

/** What one gateway of several may allow by itself. */
/** Counted, and never refused. */
function unlimited({ name, rate, parallel }: Subject): Subject {
  return {
    name,
    ...(rate !== undefined && { rate: { ...rate, limit: Number.POSITIVE_INFINITY } }),
    ...(parallel !== undefined && { parallel: Number.POSITIVE_INFINITY }),
  }
}

function part({ name, rate, parallel }: Subject, share: number): Subject {
  return {
    name,
    rate: rate && { ...rate, limit: Math.max(1, Math.floor(rate.limit * share)) },
    parallel: parallel === undefined ? undefined : Math.max(1, Math.floor(parallel * share)),
  }
}

function rateOf(text: string): Rate | undefined {
  const [count, unit] = text.split('/')
  const windowMs = units[unit as keyof typeof units]
  return windowMs === undefined ? undefined : { limit: Number(count), windowMs }
}

/** Whoever has one address of IPv6 has the 2^64 beside it. */
function placeOf(address: string): string {
  const plain = address.replace(/^::ffff:(?=\d+\.)/i, '')
  if (!isIPv6(plain)) return plain
  const [head = '', tail] = plain.toLowerCase().split('::')
  const before = head === '' ? [] : head.split(':')
  const after = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? [] : Array.from({ length: 8 - before.length - after.length }, () => '0')
  return `${[...before, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}
