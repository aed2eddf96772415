import type { Decision } from '../core/decision.ts'
import type { ReplyChoice } from '../core/message-builder.ts'
import type { Backend } from '../core/model.ts'
import type { CacheResult, Receipt } from '../core/receipt.ts'
import type { ContentDelta, FinishReason } from '../core/reply.ts'
import type { Usage } from '../core/usage.ts'

/** What is known when the first content is about to be sent; becomes headers and the `routing` object. */
export interface AnswerHead {
  readonly requestId: string
  readonly model: string
  readonly backend: Backend
  readonly cache: CacheResult
  /** Present where the answer is that to another question: which entry, and the cosine of the two. */
  readonly near?: { readonly id: string; readonly similarity: number }
  readonly decision: Decision
  readonly reasoning: string
  readonly degraded: boolean
  readonly warnings: readonly string[]
  /** Present where the reply comes as `native` parts: headers of the model server that mean something to the client. */
  readonly native: Readonly<Record<string, string>> | undefined
  /** What the prompt used: the server's word, or our estimate. */
  readonly promptUsage: Usage
}

/** An answer on its way to the client: one `start`, the reply, one `end`. */
export type AnswerPart =
  | { readonly type: 'start'; readonly head: AnswerHead }
  | ContentDelta
  | { readonly type: 'native'; readonly text: string }
  | { readonly type: 'warning'; readonly message: string }
  | AnswerEnd

export interface AnswerEnd {
  readonly type: 'end'
  readonly reason: FinishReason
  /** Of all choices, where there are several. */
  readonly reasons?: readonly FinishReason[]
  readonly stopSequence?: string
  readonly receipt: Receipt
}

/** A finished answer, for clients that do not stream. */
export interface WholeAnswer {
  readonly head: AnswerHead
  readonly choices: readonly ReplyChoice[]
  /** The body exactly as the model server sent it, where it speaks the client's dialect. */
  readonly native: string | undefined
  readonly receipt: Receipt
}
