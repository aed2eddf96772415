import type { CachedReply } from '../cache/exact-cache.ts'

export interface Stored {
  readonly id: string
  readonly text: string
  readonly reply: CachedReply
}

export interface Found extends Stored {
  /** Cosine. */
  readonly score: number
}

export interface Entry extends Stored {
  readonly partition: string
  readonly vector: Float32Array
  /** Milliseconds since 1970. */
  readonly endsAt: number
}

/** Where questions, their vectors and answers are kept. Every driver passes `test/contract/semantic-store.test.ts`. */
export interface SemanticStore {
  /** For people. */
  readonly description: string
  /** The nearest of a partition, nearest first; undefined where it does not answer in time. */
  readonly find: (partition: string, vector: Float32Array, limit: number) => Promise<readonly Found[] | undefined>
  /** Nobody waits for it; what cannot be kept is not. */
  readonly put: (entry: Entry) => Promise<void>
  /** It answered a question: others are forgotten before it. */
  readonly used: (id: string) => void
  /** False where there is none of this id. */
  readonly remove: (id: string) => Promise<boolean>
  /** As far as it is known. */
  readonly size: () => Promise<number>
  readonly close: () => Promise<void>
}
