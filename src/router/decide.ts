import type { Decision } from '../core/decision.ts'
import { GatewayError } from '../core/errors.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import { costOf, type NanoDollars } from '../core/price.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import type { Facts } from '../signals/signal.ts'
import { type Complexity, heuristicComplexity } from './heuristic.ts'

export interface RouterPolicy {
  /** False tries cloud models first, whatever they cost; local ones only when they fail. */
  readonly useLocalForSimple: boolean
  /** Where local ends and cloud begins; undefined leaves it to each model's own `max_complexity`. */
  readonly complexityThreshold: number | undefined
  /** What becomes of models whose price is unknown: tried last and flagged, or never chosen. */
  readonly unknownPrice: 'flag' | 'refuse'
  /** Reply length that an estimate assumes when the request sets no limit, in tokens. */
  readonly expectedOutputTokens: number
}

/** What the router knows of the world when it decides: no lookup, no waiting. */
export interface Catalog {
  readonly models: readonly ModelCard[]
  readonly availability: (model: ModelCard) => Availability
}

interface Candidate {
  readonly model: ModelCard
  readonly reach: number
  readonly cost: NanoDollars | undefined
}

/**
 * Chooses the cheapest available model that may take the request, and the order of those that follow when it fails.
 * Throws `unknown_model` for a name that is not configured.
 */
export function decide(request: ChatRequest, facts: Facts, catalog: Catalog, policy: RouterPolicy): Decision {
  const complexity = heuristicComplexity(facts)
  if (request.model !== 'auto') return pin(request, complexity, catalog, policy)

  const automatic = catalog.models.filter((model) => model.auto && isPriced(model, policy))
  const candidates = automatic
    .filter((model) => catalog.availability(model).available)
    .map((model) => candidateFor(model, automatic, request, policy))

  const able = candidates.filter((candidate) => candidate.reach >= complexity.value).sort(byCost(complexity.value))
  const weaker = candidates.filter((candidate) => candidate.reach < complexity.value).sort(byReach)
  const order = policy.useLocalForSimple ? [...able, ...weaker] : cloudFirst([...able, ...weaker])

  const [first, second] = order
  const degraded = first !== undefined && first.reach < complexity.value
  const degradedReason = degraded ? whyDegraded(complexity, automatic, catalog, policy) : ''
  return {
    complexity: complexity.value,
    factors: complexity.factors,
    reasoning: sentences(complexity.reasoning, explain(first, complexity, degradedReason)),
    plan: order.map((candidate) => candidate.model),
    estimatedCost: first?.cost,
    runnerUp: second && { model: second.model.name, estimatedCost: second.cost },
    degraded,
    degradedReason,
    pinned: false,
  }
}

function pin(request: ChatRequest, complexity: Complexity, catalog: Catalog, policy: RouterPolicy): Decision {
  const model = catalog.models.find(({ name }) => name === request.model)
  if (model === undefined) {
    const known = ['auto', ...catalog.models.map(({ name }) => name)].join(', ')
    throw new GatewayError(
      'unknown_model',
      `model '${request.model}' is not configured; the known ones are: ${known}`,
      {
        field: 'model',
      },
    )
  }
  if (!isPriced(model, policy)) {
    throw new GatewayError(
      'forbidden',
      `model '${model.name}' has no known price, and router.unknown_price is 'refuse': set models.${model.name}.price`,
      { field: 'model' },
    )
  }
  return {
    complexity: complexity.value,
    factors: complexity.factors,
    reasoning: sentences(complexity.reasoning, `${model.name} was named by the caller`),
    plan: [model],
    estimatedCost: estimateCost(request, model, policy),
    runnerUp: undefined,
    degraded: false,
    degradedReason: '',
    pinned: true,
  }
}

/** Input as sent, output as limited or expected, at the model's price. */
export function estimateCost(request: ChatRequest, model: ModelCard, policy: RouterPolicy): NanoDollars | undefined {
  const input = estimatePromptTokens(request)
  const output = Math.min(request.maxTokens ?? policy.expectedOutputTokens, model.maxOutputTokens)
  return costOf({ ...noUsage, input, output }, model.price)
}

function candidateFor(
  model: ModelCard,
  all: readonly ModelCard[],
  request: ChatRequest,
  policy: RouterPolicy,
): Candidate {
  return { model, reach: reachOf(model, all, policy), cost: estimateCost(request, model, policy) }
}

/** The highest complexity a model may take: its own, or where an operator's threshold moves the border, the border. */
function reachOf(model: ModelCard, all: readonly ModelCard[], { complexityThreshold }: RouterPolicy): number {
  if (complexityThreshold === undefined || model.backend === 'cloud') return model.maxComplexity
  const strongest = Math.max(...all.filter(({ backend }) => backend === 'local').map((local) => local.maxComplexity))
  return model.maxComplexity === strongest ? complexityThreshold : Math.min(model.maxComplexity, complexityThreshold)
}

/**
 * Cheapest first, an unknown price last. Among equals a model that is not at its very limit comes first (0.30 is for
 * the model above the 0.3 one), then the smallest that suffices, then the configured order.
 */
function byCost(complexity: number) {
  return (a: Candidate, b: Candidate): number =>
    (a.cost ?? Number.POSITIVE_INFINITY) - (b.cost ?? Number.POSITIVE_INFINITY) ||
    Number(a.reach === complexity) - Number(b.reach === complexity) ||
    a.reach - b.reach ||
    0
}

function byReach(a: Candidate, b: Candidate): number {
  return b.reach - a.reach
}

function isPriced(model: ModelCard, policy: RouterPolicy): boolean {
  return model.price.known || policy.unknownPrice === 'flag'
}

/** Local models stay at the end of the plan: an answer from them beats none. */
function cloudFirst(order: readonly Candidate[]): readonly Candidate[] {
  const isCloud = ({ model }: Candidate) => model.backend === 'cloud'
  return [...order.filter(isCloud), ...order.filter((candidate) => !isCloud(candidate))]
}

function explain(first: Candidate | undefined, complexity: Complexity, degradedReason: string): string {
  if (first === undefined) return 'no model is available'
  if (degradedReason !== '') return `${first.model.name} answers, though ${degradedReason}`
  const price = first.cost === undefined ? ' (its price is unknown)' : ''
  return `${first.model.name} is the cheapest available model that may take ${complexity.value.toFixed(2)}${price}`
}

function whyDegraded(
  complexity: Complexity,
  models: readonly ModelCard[],
  catalog: Catalog,
  policy: RouterPolicy,
): string {
  const fitting = models.filter((model) => reachOf(model, models, policy) >= complexity.value)
  if (fitting.length === 0) return `no configured model may take ${complexity.value.toFixed(2)}`
  const reasons = fitting.map((model) => `${model.name} is unavailable (${catalog.availability(model).reason})`)
  return reasons.join('; ')
}

function sentences(...parts: readonly string[]): string {
  return parts.join('. ')
}
