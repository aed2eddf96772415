import type { Failure } from '../../test/fixtures/stand-ins/script.ts'

/** How a model server behaves from now on. */
export interface Weather {
  /** Least and most words of a reply. */
  readonly words?: readonly [number, number]
  /** Before each word of a stream, and before each whole reply. */
  readonly delayMs?: number
  readonly failure?: Failure
  /** Of the requests that fail so; 1 where it is left out. */
  readonly share?: number
}

/** What a model server has sold. */
export interface Bill {
  readonly calls: number
  readonly failures: number
  readonly promptTokens: number
  readonly replyTokens: number
}
