import type { Decision } from '../core/decision.ts'
import { GatewayError } from '../core/errors.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import { costOf, type NanoDollars } from '../core/price.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import type { Facts } from '../signals/signal.ts'
import { type Complexity, heuristicComplexity } from './heuristic.ts'
import { preferencesMet, type Requirements, requirementsOf, type Shortfall, shortfallOf } from './requirements.ts'
import { type ModelAliases, resolveModel } from './resolve-model.ts'

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

interface Candidate {
  readonly model: ModelCard
  readonly reach: number
  readonly cost: NanoDollars | undefined
  /** What it cannot do of what it must. */
  readonly shortfall: Shortfall | undefined
  /** How many of the things that the caller would like it can do. */
  readonly preferences: number
}

/**
 * Chooses the cheapest available model that can and may take the request, and the order of those that follow when it
 * fails. Throws `unknown_model` for a name that is not configured, `forbidden` for one that may not be used.
 */
export function decide(request: ChatRequest, facts: Facts, catalog: Catalog, policy: RouterPolicy): Decision {
  const complexity = heuristicComplexity(facts)
  const named = resolveModel(request.model, catalog.models, policy.aliases)
  if (named !== 'auto') return pin(named, request, { complexity, catalog, policy })

  const requirements = requirementsOf(request)
  const automatic = catalog.models.filter((model) => model.auto && isPriced(model, policy))
  const judged = automatic.map((model) =>
    candidateFor(model, request, { all: automatic, requirements, catalog, policy }),
  )
  const present = judged.filter(({ model }) => catalog.availability(model).available)
  const candidates = fitting(present)

  const able = candidates.filter((candidate) => candidate.reach >= complexity.value).sort(byCost(complexity.value))
  const weaker = candidates.filter((candidate) => candidate.reach < complexity.value).sort(byReach)
  const ranked = policy.useLocalForSimple ? [...able, ...weaker] : cloudFirst([...able, ...weaker])
  const loop = ranked.find(({ model }) => model.name === catalog.inLoopWith)
  const order = loop === undefined ? ranked : [loop, ...ranked.filter((candidate) => candidate !== loop)]

  const [first, second] = order
  const degraded = first !== undefined && first !== loop && (first.reach < complexity.value || isWeak(first.shortfall))
  const degradedReason = degraded ? whyDegraded(first, complexity, { judged, catalog }) : ''
  const refusal = first === undefined ? refuse(judged, present, catalog) : undefined
  const why = loop === undefined ? explain(first, complexity, degradedReason) : inLoop(loop)
  return {
    complexity: complexity.value,
    factors: complexity.factors,
    reasoning: sentences(complexity.reasoning, refusal?.message ?? why, passedOver(present, requirements, first)),
    plan: order.map((candidate) => candidate.model),
    ...(refusal !== undefined && { refusal }),
    requirements: namesOf(requirements),
    estimatedCost: first?.cost,
    runnerUp: second && { model: second.model.name, estimatedCost: second.cost },
    degraded,
    degradedReason,
    pinned: false,
  }
}

interface Circumstances {
  readonly complexity: Complexity
  readonly catalog: Catalog
  readonly policy: RouterPolicy
}

function pin(model: ModelCard, request: ChatRequest, { complexity, catalog, policy }: Circumstances): Decision {
  if (!isPriced(model, policy)) {
    const message = `model '${model.name}' has no known price, and router.unknown_price is 'refuse': set models.${model.name}.price`
    throw new GatewayError('forbidden', message, { field: 'model' })
  }
  const requirements = requirementsOf(request)
  const refusal = refusalOfPinned(model, shortfallOf(model, catalog.availability(model), requirements, request.dialect))
  return {
    complexity: complexity.value,
    factors: complexity.factors,
    reasoning: sentences(complexity.reasoning, refusal?.message ?? `${model.name} was named by the caller`),
    plan: refusal === undefined ? [model] : [],
    ...(refusal !== undefined && { refusal }),
    requirements: namesOf(requirements),
    estimatedCost: estimateCost(request, model, policy),
    runnerUp: undefined,
    degraded: false,
    degradedReason: '',
    pinned: true,
  }
}

/** Our counts of tokens are estimates: whether a named model has room is for its server to say. */
function refusalOfPinned(model: ModelCard, shortfall: Shortfall | undefined): Decision['refusal'] {
  if (shortfall?.kind !== 'capability') return undefined
  const message = `model '${model.name}' ${shortfall.words}: ${shortfall.advice ?? 'name another one, or auto'}`
  return { code: 'unsupported', message, field: shortfall.field }
}

/** Those that fall short of nothing; where there are none, those that write less than is allowed, or do it badly. */
function fitting(candidates: readonly Candidate[]): readonly Candidate[] {
  const whole = candidates.filter(({ shortfall }) => shortfall === undefined)
  return whole.length > 0
    ? whole
    : candidates.filter(({ shortfall }) => shortfall?.kind === 'output' || isWeak(shortfall))
}

/** Undefined where a model that is not there now could answer. */
function refuse(
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

interface Field {
  readonly all: readonly ModelCard[]
  readonly requirements: Requirements
  readonly catalog: Catalog
  readonly policy: RouterPolicy
}

function candidateFor(
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

/**
 * Those that can do more of what the caller would like, then the cheapest, an unknown price last. Among equals a model that is not at its very limit comes first (0.30 is for
 * the model above the 0.3 one), then the smallest that suffices, then the configured order.
 */
function byCost(complexity: number) {
  return (a: Candidate, b: Candidate): number =>
    b.preferences - a.preferences ||
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

function inLoop({ model }: Candidate): string {
  return `${model.name} made the tool calls that this request answers, and goes on with them`
}

/** Which cheaper models were no candidates, for what the request asks of them. */
function passedOver(present: readonly Candidate[], requirements: Requirements, first: Candidate | undefined): string {
  if (first === undefined || namesOf(requirements).length === 0) return ''
  const short = present.filter(({ shortfall }) => shortfall !== undefined && shortfall.kind !== 'output')
  return short.map(({ model, shortfall }) => `${model.name} ${shortfall?.words}`).join('; ')
}

function namesOf({ needs }: Requirements): readonly string[] {
  return [...new Set(needs.map(({ capability }) => capability))]
}

function explain(first: Candidate | undefined, complexity: Complexity, degradedReason: string): string {
  if (first === undefined) return 'no model is available'
  if (degradedReason !== '') return `${first.model.name} answers, though ${degradedReason}`
  const price = first.cost === undefined ? ' (its price is unknown)' : ''
  return `${first.model.name} is the cheapest available model that may take ${complexity.value.toFixed(2)}${price}`
}

function isWeak(shortfall: Shortfall | undefined): boolean {
  return shortfall?.kind === 'weak'
}

function whyDegraded(
  first: Candidate,
  complexity: Complexity,
  { judged, catalog: { availability } }: { readonly judged: readonly Candidate[]; readonly catalog: Catalog },
): string {
  if (first.reach >= complexity.value) return `it ${first.shortfall?.words}`
  const reaching = judged.filter(({ reach }) => reach >= complexity.value)
  if (reaching.length === 0) return `no configured model may take ${complexity.value.toFixed(2)}`
  const reasons = reaching.map(({ model, shortfall }) =>
    availability(model).available && shortfall !== undefined
      ? `${model.name} ${shortfall.words}`
      : `${model.name} is unavailable (${availability(model).reason})`,
  )
  return reasons.join('; ')
}

function sentences(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('. ')
}
