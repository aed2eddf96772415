import type { Decision } from '../core/decision.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import { costOf, type NanoDollars } from '../core/price.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import { preferencesMet, type Requirements, type Shortfall, shortfallOf } from './requirements.ts'
import type { ModelAliases } from './resolve-model.ts'

export interface RouterPolicy {
  /** False tries cloud models first, whatever they cost; local ones only when they fail. */
  readonly useLocalForSimple: boolean
  /** Where local ends and cloud begins; undefined leaves it to each model's own `max_complexity`. */
  readonly complexityThreshold: number | undefined
  /** What becomes of models whose price is unknown: tried last and flagged, or never chosen. */
  readonly unknownPrice: 'flag' | 'refuse'
  /** Reply length that an estimate assumes when the request sets no limit, in tokens. */
  readonly expectedOutputTokens: number
  readonly aliases: ModelAliases
}

/** What the router knows of the world when it decides: no lookup, no waiting. */
export interface Catalog {
  readonly models: readonly ModelCard[]
  readonly availability: (model: ModelCard) => Availability
  /** The model that made the tool calls which this request answers: no other one takes over between them. */
  readonly inLoopWith?: string | undefined
}

export interface Candidate {
  readonly model: ModelCard
  readonly reach: number
  readonly cost: NanoDollars | undefined
  /** What it cannot do of what it must. */
  readonly shortfall: Shortfall | undefined
  /** How many of the things that the caller would like it can do. */
  readonly preferences: number
}

/** Those that fall short of nothing; where there are none, those that write less than is allowed, or do it badly. */
export function fitting(candidates: readonly Candidate[]): readonly Candidate[] {
  const whole = candidates.filter(({ shortfall }) => shortfall === undefined)
  return whole.length > 0
    ? whole
    : candidates.filter(({ shortfall }) => shortfall?.kind === 'output' || isWeak(shortfall))
}

/** Undefined where a model that is not there now could answer. */
export function refuse(
  judged: readonly Candidate[],
  present: readonly Candidate[],
  { availability }: Catalog,
): Decision['refusal'] {
  if (present.length === 0) return undefined
  const words = present.map(({ model, shortfall }) => `${model.name} ${shortfall?.words ?? ''}`)
  const absent = fitting(judged).map(({ model }) => `${model.name} could: ${availability(model).reason}`)
  const { field, advice } = present.find(({ shortfall }) => shortfall !== undefined)?.shortfall ?? { field: '' }
  const reasons = [...words, ...absent, ...(advice === undefined ? [] : [advice])].join('; ')
  const message = `no model that is there can answer this request: ${reasons}`
  if (absent.length > 0) return { code: 'no_model_available', message, field }
  const tooLong = present.some(({ shortfall }) => shortfall?.kind === 'context')
  return { code: tooLong ? 'context_too_long' : 'unsupported', message, field }
}

/** Input as sent, output as limited or expected, at the model's price. */
export function estimateCost(request: ChatRequest, model: ModelCard, policy: RouterPolicy): NanoDollars | undefined {
  const input = estimatePromptTokens(request)
  const output = Math.min(request.maxTokens ?? policy.expectedOutputTokens, model.maxOutputTokens)
  return costOf({ ...noUsage, input, output }, model.price)
}

export interface Field {
  readonly all: readonly ModelCard[]
  readonly requirements: Requirements
  readonly catalog: Catalog
  readonly policy: RouterPolicy
}

export function candidateFor(
  model: ModelCard,
  request: ChatRequest,
  { all, requirements, catalog, policy }: Field,
): Candidate {
  const availability = catalog.availability(model)
  return {
    model,
    reach: reachOf(model, all, policy),
    cost: estimateCost(request, model, policy),
    shortfall: shortfallOf(model, availability, requirements, request.dialect),
    preferences: preferencesMet(model, availability, requirements, request.dialect),
  }
}

/** The highest complexity a model may take: its own, or where an operator's threshold moves the border, the border. */
function reachOf(model: ModelCard, all: readonly ModelCard[], { complexityThreshold }: RouterPolicy): number {
  if (complexityThreshold === undefined || model.backend === 'cloud') return model.maxComplexity
  const strongest = Math.max(...all.filter(({ backend }) => backend === 'local').map((local) => local.maxComplexity))
  return model.maxComplexity === strongest ? complexityThreshold : Math.min(model.maxComplexity, complexityThreshold)
}

export function isPriced(model: ModelCard, policy: RouterPolicy): boolean {
  return model.price.known || policy.unknownPrice === 'flag'
}

export function isWeak(shortfall: Shortfall | undefined): boolean {
  return shortfall?.kind === 'weak'
}
