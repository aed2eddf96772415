/** Somebody whose requests are counted: a key, or an address. */
export interface Subject {
  /** As `key:ID` or `address:192.0.2.1`. */
  readonly name: string
  /** Most requests in any stretch of `windowMs`. */
  readonly rate?: Rate | undefined
  /** Most at the same time. */
  readonly parallel?: number | undefined
}

export interface Rate {
  readonly limit: number
  readonly windowMs: number
}

export interface Entered {
  /** Of the subject with the least left; undefined where none has a rate. */
  readonly rate: Standing | undefined
  /** Undefined where the request may go on. */
  readonly refusedBy: 'rate' | 'parallel' | undefined
  /** The subject that refuses. */
  readonly subject: string
}

export interface Standing {
  readonly limit: number
  readonly windowMs: number
  readonly remaining: number
  /** Until the oldest counted request leaves the window: then one more may come. */
  readonly resetMs: number
}

export interface TokenSubject {
  readonly name: string
  readonly limit: number
  readonly windowMs: number
}

export interface TokensTaken {
  readonly allowed: boolean
  readonly remaining: number
  /** Until so many tokens have left the window as were asked for; 0 where they were allowed. */
  readonly waitMs: number
}

/**
 * Counts what subjects do. A window slides without edges: what is in it is a list of the times, so that no stretch of
 * its length ever holds more than the limit. Every driver passes `test/contract/limiter.ts`.
 */
export interface Limiter {
  /** Counts the request `id` for all subjects, or for none where one refuses. */
  readonly enter: (subjects: readonly Subject[], id: string) => Promise<Entered>
  /** The request is over: another may run in its place. */
  readonly leave: (subjects: readonly Subject[], id: string) => Promise<void>
  /** The requests still run: a place that nobody says so of becomes free by itself. */
  readonly stay: (running: readonly { readonly subjects: readonly Subject[]; readonly id: string }[]) => Promise<void>
  /** Counts so many tokens for the request `id`, or none. */
  readonly takeTokens: (subject: TokenSubject, id: string, tokens: number) => Promise<TokensTaken>
  /** The request used so many in truth. */
  readonly settleTokens: (subject: TokenSubject, id: string, tokens: number) => Promise<void>
}

/** How long a place stays taken when its gateway is heard of no more. */
export const leaseMs = 30_000
