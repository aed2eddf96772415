import { LRUCache } from 'lru-cache'
import type { Notes } from '../redis/notes.ts'

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
export const sessionMs = 3_600_000

/** Which model a conversation is with. Bounded; the ones not heard of for longest are forgotten. */
export class Sessions {
  /** Made when it is needed: its room is taken at once. */
  #sessions: LRUCache<string, Session> | undefined
  readonly #now: () => number
  readonly #notes: Notes | undefined

  /** `notes` tell of conversations that went on at another gateway. */
  constructor(now: () => number = Date.now, notes?: Notes) {
    this.#now = now
    this.#notes = notes
  }

  /** Asks the others where the conversation was last. */
  async look(key: string): Promise<void> {
    const [text] = (await this.#notes?.read([key])) ?? []
    const told = text === undefined ? undefined : sessionOf(text)
    const own = this.#known().get(key)
    if (told !== undefined && (own === undefined || told.at > own.at)) this.#known().set(key, told)
  }

  saw(key: string, { model, escalated, tokens }: Turn): void {
    const before = this.#known().get(key)
    const goesOn = before?.escalated === true && before.model === model && before.turns < stickyTurns
    const session: Session = {
      model,
      escalated: escalated || goesOn,
      at: this.#now(),
      tokens,
      turns: escalated ? 0 : (before?.turns ?? 0) + 1,
    }
    this.#known().set(key, session)
    this.#notes?.write([key], JSON.stringify(session))
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

/** Undefined for what is no session: another program may have written it. */
function sessionOf(text: string): Session | undefined {
  try {
    const { model, escalated, at, tokens, turns } = JSON.parse(text)
    const isSession =
      typeof model === 'string' && typeof escalated === 'boolean' && [at, tokens, turns].every(Number.isFinite)
    return isSession ? { model, escalated, at, tokens, turns } : undefined
  } catch {
    return undefined
  }
}

/** Dollars that are lost when a warm prompt of so many tokens is read anew at full price: rates for a million tokens. */
export function switchCost(
  tokens: number,
  { input, cacheRead }: { readonly input: number; readonly cacheRead: number },
): number {
  return (tokens * Math.max(0, input - cacheRead)) / 1e6
}
