import type { RoutingWish } from './request.ts'

/** `chat`: ask models; `admin`: keys, configuration, audit; `metrics`: read metrics and statistics. */
export const scopes = ['chat', 'admin', 'metrics'] as const
export type Scope = (typeof scopes)[number]

/** Most that one caller may ask for; what is left out has no limit of its own. */
export interface RateTerms {
  readonly requestsPerMinute?: number
  /** Tokens of prompts and replies together. */
  readonly tokensPerMinute?: number
  readonly parallel?: number
}

/** Most that calls may cost in a period, in UTC. */
export interface SpendingTerms {
  readonly dollars: number
  readonly period: 'day' | 'month'
}

/** Who sent a request, as far as its key says. Holds no part of the key. */
export interface KeyHolder {
  /** Stable for as long as the key exists, also when it is rotated: stands in ledger, limits and budgets. */
  readonly id: string
  /** For people. */
  readonly name: string
  /** Empty where the key belongs to no team. */
  readonly team: string
  readonly scopes: readonly Scope[]
  /** Names of models that it may use, `*` standing for anything; all of them where it is left out. */
  readonly models?: readonly string[]
  /** Routing policies that it may ask for; all of them where it is left out. */
  readonly policies?: readonly NonNullable<RoutingWish['mode']>[]
  readonly limits?: RateTerms
  readonly budgets?: readonly SpendingTerms[]
}
