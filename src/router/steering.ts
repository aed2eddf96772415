import type { RoutingRule } from '../core/decision.ts'
import type { Chance, Profile } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import type { NanoDollars } from '../core/price.ts'
import type { ChatRequest } from '../core/request.ts'

/** A model that could answer, and how likely its reply is good enough. */
export interface Weighed {
  readonly model: ModelCard
  readonly cost: NanoDollars | undefined
  readonly chance: Chance
}

export interface Question {
  readonly request: ChatRequest
  readonly profile: Profile
  readonly candidate: Weighed
  /** The model with the best chance, which a reply judged too weak is passed on to. */
  readonly strong: Weighed
}

export interface Threshold {
  /** How much smaller than the strong model's chance the candidate's may be. */
  readonly allowance: number
  /** Whether to ask the candidate at all; where its reply is judged, it may yet be thrown away. */
  readonly tryFirst: boolean
  /** False where its reply ships whatever look 2 thinks of it. */
  readonly mayEscalate: boolean
  /** Which bound said so, and in words that continue a sentence after a colon. */
  readonly rule: RoutingRule
  readonly words: string
}

export interface Stay {
  readonly model: string
  /** In words that follow the model's name. */
  readonly words: string
}

export interface Ban {
  readonly rule: RoutingRule
  readonly words: string
  readonly retryAfterSeconds?: number
}

/** What steers the router beside the request: evidence and policy. Nothing here waits, nothing here is used up. */
export interface Steering {
  readonly chance: (model: ModelCard, profile: Profile) => Chance
  /** True where replies of the model are judged before they ship. */
  readonly judges: (model: ModelCard) => boolean
  readonly threshold: (question: Question) => Threshold
  /** Why the model may not be chosen for this caller now: a spent budget, a quota, the caller's own limit. */
  readonly ban: (candidate: Weighed, request: ChatRequest) => Ban | undefined
  /** The model that this conversation should stay with; `weighed` are those that could answer. */
  readonly stay: (request: ChatRequest, profile: Profile, weighed: readonly Weighed[]) => Stay | undefined
}
