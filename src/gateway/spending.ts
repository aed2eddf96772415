import type { Attempt } from '../core/decision.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'

export interface Purchase {
  readonly model: ModelCard
  readonly request: ChatRequest
  /** True where the caller named the model: it is paid for, and no quota of routing counts it. */
  readonly pinned: boolean
}

/** What a call may cost is taken out of budgets and quotas before it is made, and set right after it. */
export interface Spending {
  readonly admit: (
    purchase: Purchase,
  ) => { readonly settle: (attempt: Attempt) => void } | { readonly refused: string } | undefined
}
