import { GatewayError } from '../core/errors.ts'

export interface QueueOptions {
  /** For messages. */
  readonly name: string
  /** Calls at the same time. */
  readonly parallel: number
  /** Calls that may wait. */
  readonly length: number
  /** Whether a server says that it holds a model in memory. */
  readonly isWarm?: (model: string) => boolean
  readonly now?: () => number
}

export interface Entry {
  /** Who asks; every one of them gets the same part of the server, however much they ask. */
  readonly caller: string
  readonly model: string
  /** Of the reply, as expected. */
  readonly tokens: number
  readonly signal: AbortSignal
  /** Why the caller goes elsewhere where the wait is so long; undefined where it waits. */
  readonly leaves?: (seconds: number) => string | undefined
}

/** A call that may run now. */
export interface Place {
  readonly waitedMs: number
  /** The first content came. */
  readonly began: () => void
  /** It is over, and wrote so many tokens. Called once or several times. */
  readonly leave: (tokens: number) => void
}

interface Waiter extends Entry {
  readonly since: number
  readonly start: (place: Place) => void
  readonly refuse: (error: GatewayError) => void
  /** How often one with a warm model went first. */
  passed: number
}

interface Speed {
  secondsPerToken: number
  /** From the start of a call to its first content, with the model in memory. */
  warmSeconds: number | undefined
  loadSeconds: number | undefined
}

/** As much as one may be passed by others whose model needs no loading. */
const mostPassed = 4
const recent = 1 / 8
const usualSecondsPerToken = 0.02
const longestEstimate = 3600

/**
 * Calls that wait for a server that can do only so many at a time. Callers take turns by the tokens that they were given
 * (start-time fair queueing, Goyal et al. 1996); within that, calls for a model in memory go first for a while, as loading
 * another one costs more than waiting. How long a wait is, is told from measured speeds and loading times.
 */
export class LocalQueue {
  readonly #options: QueueOptions
  readonly #now: () => number
  readonly #waiting: Waiter[] = []
  readonly #running = new Map<object, Entry>()
  readonly #served = new Map<string, number>()
  readonly #speeds = new Map<string, Speed>()
  #lastModel = ''

  constructor(options: QueueOptions) {
    this.#options = options
    this.#now = options.now ?? (() => performance.now())
  }

  get waiting(): number {
    return this.#waiting.length
  }

  get running(): number {
    return this.#running.size
  }

  /** Seconds until such a call would run, as far as it can be told. */
  estimate({ model }: Pick<Entry, 'model'>): number {
    if (this.#running.size < this.#options.parallel && this.#waiting.length === 0) return 0
    // What runs is half done, on average.
    const ahead = [...this.#waiting, ...this.#running.values()]
    const work = ahead.reduce((sum, entry, index) => {
      const share = index < this.#waiting.length ? 1 : 0.5
      return sum + share * entry.tokens * this.#speedOf(entry.model).secondsPerToken
    }, 0)
    const loading = this.#isWarm(model) ? 0 : (this.#speedOf(model).loadSeconds ?? 0)
    return Math.min(longestEstimate, work / this.#options.parallel + loading)
  }

  /** Resolves when the call may run. Throws `model_busy` where too many wait or the caller leaves, `cancelled`. */
  async enter(entry: Entry): Promise<Place> {
    const { name, parallel, length } = this.#options
    if (entry.signal.aborted) throw cancelled()
    const since = this.#now()
    if (this.#running.size >= parallel || this.#waiting.length > 0) {
      const seconds = this.estimate(entry)
      const why = entry.leaves?.(seconds)
      const retryAfterSeconds = Math.min(60, Math.max(1, Math.ceil(seconds)))
      if (why !== undefined)
        throw new GatewayError('model_busy', `${entry.model} is busy: ${why}`, { retryAfterSeconds })
      if (this.#waiting.length >= length) {
        const message = `'${name}' answers ${parallel} at a time and ${this.#waiting.length} wait already: try again later`
        const full = new GatewayError('model_busy', message, { retryAfterSeconds })
        const last = this.#lastOfMost(entry.caller)
        if (last === undefined) throw full
        last.refuse(full)
      }
      return await this.#wait(entry, since)
    }
    return this.#start(entry, since)
  }

  #start(entry: Entry, since: number): Place {
    const token = {}
    const startedAt = this.#now()
    const wasWarm = this.#isWarm(entry.model)
    this.#running.set(token, entry)
    this.#lastModel = entry.model
    const least = Math.min(...this.#served.values(), Number.MAX_VALUE)
    const before = this.#served.get(entry.caller) ?? (this.#served.size === 0 ? 0 : least)
    this.#served.set(entry.caller, before + Math.max(1, entry.tokens))
    let firstAt: number | undefined
    return {
      waitedMs: startedAt - since,
      began: () => {
        if (firstAt !== undefined) return
        firstAt = this.#now()
        this.#learnStart(entry.model, (firstAt - startedAt) / 1000, wasWarm)
      },
      leave: (tokens) => {
        if (!this.#running.delete(token)) return
        if (firstAt !== undefined && tokens > 1) {
          this.#learnSpeed(entry.model, (this.#now() - firstAt) / 1000 / tokens)
        }
        this.#next()
      },
    }
  }

  #wait(entry: Entry, since: number): Promise<Place> {
    return new Promise((resolve, reject) => {
      const leave = (error: GatewayError) => {
        entry.signal.removeEventListener('abort', giveUp)
        this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
        reject(error)
      }
      const giveUp = () => leave(entry.signal.reason instanceof GatewayError ? entry.signal.reason : cancelled())
      const waiter: Waiter = {
        ...entry,
        since,
        passed: 0,
        start: (place) => {
          entry.signal.removeEventListener('abort', giveUp)
          resolve(place)
        },
        refuse: leave,
      }
      entry.signal.addEventListener('abort', giveUp, { once: true })
      this.#waiting.push(waiter)
    })
  }

  /** The newest call of whoever has most of them in a full queue, where that is more than the newcomer has. */
  #lastOfMost(newcomer: string): Waiter | undefined {
    const counts = new Map<string, number>()
    for (const { caller } of this.#waiting) counts.set(caller, (counts.get(caller) ?? 0) + 1)
    const most = Math.max(0, ...counts.values())
    if (most <= (counts.get(newcomer) ?? 0) + 1) return undefined
    return this.#waiting.findLast(({ caller }) => counts.get(caller) === most)
  }

  #next(): void {
    while (this.#running.size < this.#options.parallel) {
      const waiter = this.#choose()
      if (waiter === undefined) break
      this.#waiting.splice(this.#waiting.indexOf(waiter), 1)
      // Started at once: a newcomer cannot slip in before.
      waiter.start(this.#start(waiter, waiter.since))
    }
    if (this.#running.size === 0) this.#served.clear()
  }

  #choose(): Waiter | undefined {
    const heads = new Map<string, Waiter>()
    for (const waiter of this.#waiting) if (!heads.has(waiter.caller)) heads.set(waiter.caller, waiter)
    const order = [...heads.values()].sort(
      (a, b) => this.#servedTo(a.caller) - this.#servedTo(b.caller) || a.since - b.since,
    )
    const [fairest] = order
    if (fairest === undefined) return undefined
    // A caller's own calls may change places, too.
    const warm = this.#isWarm(fairest.model)
      ? fairest
      : (order.find(({ model }) => this.#isWarm(model)) ?? this.#waiting.find(({ model }) => this.#isWarm(model)))
    if (warm === undefined || warm === fairest || fairest.passed >= mostPassed) return fairest
    fairest.passed++
    return warm
  }

  #servedTo(caller: string): number {
    return this.#served.get(caller) ?? 0
  }

  #isWarm(model: string): boolean {
    if (model === this.#lastModel || this.#options.isWarm?.(model) === true) return true
    return [...this.#running.values()].some((entry) => entry.model === model)
  }

  #speedOf(model: string): Speed {
    return (
      this.#speeds.get(model) ?? {
        secondsPerToken: usualSecondsPerToken,
        warmSeconds: undefined,
        loadSeconds: undefined,
      }
    )
  }

  #learnSpeed(model: string, secondsPerToken: number): void {
    const known = this.#speeds.get(model)
    const speed = this.#speedOf(model)
    speed.secondsPerToken =
      known === undefined ? secondsPerToken : speed.secondsPerToken + recent * (secondsPerToken - speed.secondsPerToken)
    this.#speeds.set(model, speed)
  }

  #learnStart(model: string, seconds: number, wasWarm: boolean): void {
    const speed = this.#speedOf(model)
    if (wasWarm)
      speed.warmSeconds = (speed.warmSeconds ?? seconds) + recent * (seconds - (speed.warmSeconds ?? seconds))
    else {
      const load = Math.max(0, seconds - (speed.warmSeconds ?? 0))
      speed.loadSeconds = (speed.loadSeconds ?? load) + recent * (load - (speed.loadSeconds ?? load))
    }
    this.#speeds.set(model, speed)
  }
}

function cancelled(): GatewayError {
  return new GatewayError('cancelled', 'the request was cancelled')
}
