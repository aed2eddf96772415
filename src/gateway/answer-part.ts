import type { Decision } from '../core/decision.ts'
import type { Backend } from '../core/model.ts'
import type { CacheResult, Receipt } from '../core/receipt.ts'
import type { FinishReason, ReplyPart } from '../core/reply.ts'

/** What is known when the first content is about to be sent; becomes headers and the `routing` object. */
export interface AnswerHead {
  readonly requestId: string
  readonly model: string
  readonly backend: Backend
  readonly cache: CacheResult
  readonly decision: Decision
  readonly reasoning: string
  readonly degraded: boolean
  readonly warnings: readonly string[]
}

/** An answer on its way to the client: one `start`, the reply, one `end`. */
export type AnswerPart =
  | { readonly type: 'start'; readonly head: AnswerHead }
  | Extract<ReplyPart, { type: 'text-delta' | 'reasoning-delta' | 'warning' }>
  | { readonly type: 'end'; readonly reason: FinishReason; readonly receipt: Receipt }

/** A finished answer, for clients that do not stream. */
export interface WholeAnswer {
  readonly head: AnswerHead
  readonly text: string
  readonly reasoning: string
  readonly reason: FinishReason
  readonly receipt: Receipt
}
