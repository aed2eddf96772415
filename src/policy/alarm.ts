import { LRUCache } from 'lru-cache'

/** How fast a caller's usual share is learned, a request. */
const slow = 1 / 500
/** Requests before a caller has a usual share. */
const fewest = 100
/** Slack of the cumulative sum, and where it is an alarm: a jump by a third is noticed within some thirty requests. */
const slack = 0.15
const limit = 6
const callersRemembered = 10_000

interface State {
  seen: number
  usual: number
  sum: number
  raised: boolean
}

export interface Anomaly {
  readonly raised: boolean
  /** In a sentence for the log. */
  readonly words: string
}

/**
 * Notices when a caller's share of strong calls jumps against its own past: a cumulative sum (Page 1954) over a slow
 * mean. Says so once, and once more when it is over.
 */
export class StrongAlarm {
  /** Made when it is needed: its room is taken at once. */
  #callers: LRUCache<string, State> | undefined
  #active = 0

  /** Callers that are above their usual share now. */
  get active(): number {
    return this.#active
  }

  /** Takes note of one routed request; the news, where there is any. */
  saw(caller: string, strong: boolean): Anomaly | undefined {
    const state = this.#known().get(caller) ?? { seen: 0, usual: 0, sum: 0, raised: false }
    this.#known().set(caller, state)
    const value = Number(strong)
    state.seen++
    if (state.seen <= fewest) {
      state.usual += (value - state.usual) / state.seen
      return undefined
    }
    state.sum = Math.min(limit * 2, Math.max(0, state.sum + value - state.usual - slack))
    state.usual += slow * (value - state.usual)
    const name = caller === '' ? 'all callers' : `the key ${caller}`
    if (!state.raised && state.sum >= limit) {
      state.raised = true
      this.#active++
      return { raised: true, words: `unusually many strong calls for ${name}: usual are ${percent(state.usual)}` }
    }
    if (state.raised && state.sum === 0) {
      state.raised = false
      this.#active--
      return { raised: false, words: `strong calls for ${name} are as usual again` }
    }
    return undefined
  }

  #known(): LRUCache<string, State> {
    this.#callers ??= new LRUCache({ max: callersRemembered })
    return this.#callers
  }
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
