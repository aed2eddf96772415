import { LRUCache } from 'lru-cache'

interface Session {
  readonly model: string
  /** True where a weaker model's reply was passed on to this one. */
  readonly escalated: boolean
  readonly at: number
  /** Tokens of the prompt, which the vendor's cache holds for a while. */
  readonly tokens: number
  /** Turns since it was escalated. */
  readonly turns: number
}

export interface Turn {
  readonly model: string
  readonly escalated: boolean
  readonly tokens: number
}

const sessionsRemembered = 20_000
/** A conversation that was too hard once stays with the strong model for so many turns. */
const stickyTurns = 3
/** Vendors keep a prompt for five minutes after its last use. */
const cacheMs = 300_000
const sessionMs = 3_600_000

/** Which model a conversation is with. Bounded; the ones not heard of for longest are forgotten. */
export class Sessions {
  /** Made when it is needed: its room is taken at once. */
  #sessions: LRUCache<string, Session> | undefined
  readonly #now: () => number

  constructor(now: () => number = Date.now) {
    this.#now = now
  }

  saw(key: string, { model, escalated, tokens }: Turn): void {
    const before = this.#known().get(key)
    const goesOn = before?.escalated === true && before.model === model && before.turns < stickyTurns
    this.#known().set(key, {
      model,
      escalated: escalated || goesOn,
      at: this.#now(),
      tokens,
      turns: escalated ? 0 : (before?.turns ?? 0) + 1,
    })
  }

  /** The model that the conversation was with last, and whether it should stay there whatever this turn looks like. */
  last(key: string): { readonly model: string; readonly sticky: boolean; readonly cachedTokens: number } | undefined {
    const session = this.#known().get(key)
    if (session === undefined) return undefined
    const cachedTokens = this.#now() - session.at < cacheMs ? session.tokens : 0
    return { model: session.model, sticky: session.escalated && session.turns < stickyTurns, cachedTokens }
  }

  #known(): LRUCache<string, Session> {
    this.#sessions ??= new LRUCache({ max: sessionsRemembered, ttl: sessionMs })
    return this.#sessions
  }
}

/** Dollars that are lost when a warm prompt of so many tokens is read anew at full price: rates for a million tokens. */
export function switchCost(
  tokens: number,
  { input, cacheRead }: { readonly input: number; readonly cacheRead: number },
): number {
  return (tokens * Math.max(0, input - cacheRead)) / 1e6
}
