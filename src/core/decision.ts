import type { ErrorCode } from './errors.ts'
import type { Chance, Check, Profile } from './evidence.ts'
import type { Backend, ModelCard } from './model.ts'
import type { NanoDollars } from './price.ts'
import type { Usage } from './usage.ts'

/** One contribution to the complexity: its name, its points and how it reads in a sentence. */
export interface Factor {
  readonly name: string
  readonly points: number
  readonly phrase: string
}

/** What decided between the models. */
export const routingRules = [
  'pinned',
  'tool-loop',
  'session',
  'policy',
  'only-choice',
  'quality',
  'budget',
  'latency',
  'quota',
  'max-cost',
  'heuristic',
] as const
export type RoutingRule = (typeof routingRules)[number]

export interface ModelChance extends Chance {
  readonly model: string
  readonly estimatedCost: NanoDollars | undefined
}

/** Look 1: what was known before any model was asked, and what followed from it. */
export interface Assessment {
  readonly profile: Profile
  /** Of every model that could answer, in the order of the plan. */
  readonly chances: readonly ModelChance[]
  /** Which rule or bound put the first model of the plan there. */
  readonly rule: RoutingRule
  /** The model that a reply judged too weak is passed on to; absent where nothing is: named models, tool loops, quotas. */
  readonly strong?: string
  /**
   * How much worse than the strong model's the local reply may be expected to be, as a difference of chances; it is
   * passed on when it is worse than that. Set where `strong` is.
   */
  readonly allowance?: number
}

/** Look 2: what was thought of a reply, and what followed from it. */
export interface Judgement {
  readonly check: Check
  /** Chance that the reply is good enough. */
  readonly p: number
  /** The least that it must be. */
  readonly threshold: number
  /** `shipped`; `escalated`: thrown away for the strong model's; `marked`: it was on its way to the client already. */
  readonly verdict: 'shipped' | 'escalated' | 'marked'
  /** In a sentence for the operator. */
  readonly reason: string
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
  /** Absent where the heuristic decided. */
  readonly assessment?: Assessment
}

/** One call to one model on behalf of a request. */
export interface Attempt {
  readonly model: string
  readonly provider: string
  readonly backend: Backend
  /**
   * `running` only in the row of a request that is open, or that its process died under; `escalated`: it answered, and
   * its reply was judged too weak.
   */
  readonly outcome: 'running' | 'answered' | 'escalated' | 'failed' | 'cancelled'
  /** Where look 2 judged the reply. */
  readonly judgement?: Judgement
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
