import { LRUCache } from 'lru-cache'

export interface QuotaOptions {
  /** Largest share of a caller's routed requests that paid models may answer, 0 to 1. */
  readonly strongShare: number
  /** Most calls of paid models in an hour. */
  readonly strongPerHour: number
  readonly now?: () => number
}

const windowMs = 3_600_000
const slots = 12
/** So many calls are free of the share: of two requests, one is half. */
const free = 20
const callersRemembered = 10_000

interface Window {
  readonly all: number[]
  readonly strong: number[]
  slot: number
}

/**
 * Bounds what one caller can make routing spend, whatever its prompts look like. Counts calls that routing chose, in a
 * window of an hour that slides in twelve steps; a model that the caller names is the caller's own choice.
 */
export class StrongQuota {
  readonly #options: QuotaOptions
  readonly #now: () => number
  /** Made when it is needed: its room is taken at once. */
  #callers: LRUCache<string, Window> | undefined

  constructor(options: QuotaOptions) {
    this.#options = options
    this.#now = options.now ?? Date.now
  }

  /** Why the caller may not have another call of a paid model now; undefined where it may. */
  refusal(caller: string): { readonly words: string; readonly retryAfterSeconds: number } | undefined {
    const { strongShare, strongPerHour } = this.#options
    const window = this.#windowOf(caller)
    const [all, strong] = [sum(window.all), sum(window.strong)]
    const retryAfterSeconds = Math.ceil(windowMs / slots / 1000)
    if (strong >= strongPerHour) {
      return { words: `${strongPerHour} calls of paid models in an hour are the quota`, retryAfterSeconds }
    }
    if (strong >= free && strong + 1 > strongShare * (all + 1)) {
      const words = `${Math.round(strongShare * 100)} % of the requests of an hour may go to paid models`
      return { words, retryAfterSeconds }
    }
    return undefined
  }

  /** One routed request of the caller. */
  saw(caller: string): void {
    const window = this.#windowOf(caller)
    add(window.all, window.slot)
  }

  /** One call of a paid model that routing made for it. */
  spent(caller: string): void {
    const window = this.#windowOf(caller)
    add(window.strong, window.slot)
  }

  #windowOf(caller: string): Window {
    const slot = Math.floor(this.#now() / (windowMs / slots))
    const window = this.#known().get(caller) ?? { all: empty(), strong: empty(), slot }
    for (let passed = window.slot + 1; passed <= slot && passed <= window.slot + slots; passed++) {
      window.all[passed % slots] = 0
      window.strong[passed % slots] = 0
    }
    window.slot = slot
    this.#known().set(caller, window)
    return window
  }

  #known(): LRUCache<string, Window> {
    this.#callers ??= new LRUCache({ max: callersRemembered })
    return this.#callers
  }
}

function empty(): number[] {
  return Array.from({ length: slots }, () => 0)
}

function add(counts: number[], slot: number): void {
  counts[slot % slots] = (counts[slot % slots] ?? 0) + 1
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
