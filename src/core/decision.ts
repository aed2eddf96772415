import type { ErrorCode } from './errors.ts'
import type { Backend, ModelCard } from './model.ts'
import type { NanoDollars } from './price.ts'
import type { Usage } from './usage.ts'

/** One contribution to the complexity: its name, its points and how it reads in a sentence. */
export interface Factor {
  readonly name: string
  readonly points: number
  readonly phrase: string
}

/** Which models may answer, in the order in which they are tried, and why. */
export interface Decision {
  /** 0 to 1. */
  readonly complexity: number
  readonly factors: readonly Factor[]
  /** One sentence or more for the operator. */
  readonly reasoning: string
  /** First to last; empty when nothing can answer. */
  readonly plan: readonly ModelCard[]
  /** Why the plan is empty, where that lies in the request: what it asks for, no model can do. */
  readonly refusal?: { readonly code: ErrorCode; readonly message: string; readonly field: string }
  /** What the request asks for that not every model can do, as `tools`, `images`. */
  readonly requirements: readonly string[]
  /** What the request would probably cost on the first model of the plan; undefined where its price is unknown. */
  readonly estimatedCost: NanoDollars | undefined
  /** The second choice and its probable cost, where there is one. */
  readonly runnerUp: { readonly model: string; readonly estimatedCost: NanoDollars | undefined } | undefined
  /** True where the first model of the plan is weaker than the request asks for; `degradedReason` says why. */
  readonly degraded: boolean
  readonly degradedReason: string
  /** True where the caller named the model. */
  readonly pinned: boolean
}

/** One call to one model on behalf of a request. */
export interface Attempt {
  readonly model: string
  readonly provider: string
  readonly backend: Backend
  /** `running` only in the row of a request that is open, or that its process died under. */
  readonly outcome: 'running' | 'answered' | 'failed' | 'cancelled'
  /** Error code and message where it failed. */
  readonly error?: string
  readonly message?: string
  readonly latencySeconds: number
  readonly usage: Usage
  /** True where the counts are our estimate: cut or cancelled replies, servers that do not count. */
  readonly estimated: boolean
  /** With `usage` and `priceVersion` the cost can be computed again; undefined where the price is unknown. */
  readonly cost: NanoDollars | undefined
  readonly priceVersion: string
}
