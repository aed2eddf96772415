import type { CachedReply } from './exact-cache.ts'

/** What the others know of a request, asked in one go. */
export type Claim =
  /** `ttlMs` is how long it may still be given. */
  | { readonly type: 'hit'; readonly reply: CachedReply; readonly ttlMs: number }
  /** Replies to it cannot be kept. */
  | { readonly type: 'refused' }
  /** Nobody asks a model at the moment: whoever claimed does, and must `keep`, `refuse` or `drop`. */
  | { readonly type: 'lead' }
  /** Somebody asks a model already: `listen`, and claim again. */
  | { readonly type: 'follow' }

/** What became of it, told to those who follow. */
export type Notice =
  | { readonly type: 'landed' }
  /** A reply for those who wait, and for nobody later. */
  | { readonly type: 'handed'; readonly reply: CachedReply }
  /** Shared with those who wait. */
  | { readonly type: 'failed'; readonly error: Error }

export interface Listening {
  /** The next notice; undefined when none came in time. */
  readonly next: (milliseconds: number, signal: AbortSignal) => Promise<Notice | undefined>
  readonly stop: () => void
}

/**
 * Replies that several gateways share, and the flights to them. `token` names a flight. What cannot be asked in time
 * comes back as undefined, and what cannot be told is lost: then each gateway goes on by itself.
 */
export interface SharedReplies {
  readonly listen: (key: string) => Listening
  readonly claim: (key: string, token: string) => Promise<Claim | undefined>
  /** `store` says that it is given to later requests, too. */
  readonly keep: (key: string, token: string, reply: CachedReply, store: boolean) => Promise<void>
  readonly refuse: (key: string, token: string) => Promise<void>
  /** Without an error, one of those who wait asks anew. */
  readonly drop: (key: string, token: string, error?: unknown) => Promise<void>
  /** These flights still go on; one that nobody says so of is over. */
  readonly renew: (flights: readonly { readonly key: string; readonly token: string }[]) => Promise<void>
}

/** How long a flight goes on when its gateway is heard of no more. */
export const flightMs = 5000
