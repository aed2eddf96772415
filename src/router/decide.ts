import type { Decision, RoutingRule } from '../core/decision.ts'
import { GatewayError } from '../core/errors.ts'
import type { ModelCard } from '../core/model.ts'
import { type ChatRequest, permits, type RoutingWish } from '../core/request.ts'
import type { Facts } from '../signals/signal.ts'
import { byComplexity } from './by-complexity.ts'
import { byEvidence, evidenceComplexity } from './by-evidence.ts'
import {
  type Candidate,
  type Catalog,
  candidateFor,
  estimateCost,
  fitting,
  isPriced,
  type RouterPolicy,
  refuse,
} from './candidates.ts'
import { type Complexity, heuristicComplexity } from './heuristic.ts'
import type { Order } from './order.ts'
import { type Requirements, requirementsOf, type Shortfall, shortfallOf } from './requirements.ts'
import { resolveModel } from './resolve-model.ts'
import type { Ban, Steering } from './steering.ts'

/**
 * Chooses the model that answers, and the order of those that follow when it fails: by the evidence where `steering`
 * has it, else by the heuristic. Throws `unknown_model` for a name that is not configured, `forbidden` for one that may
 * not be used.
 */
export function decide(
  request: ChatRequest,
  facts: Facts,
  { steering, ...catalog }: Catalog & { readonly steering?: Steering | undefined },
  policy: RouterPolicy,
): Decision {
  const named = resolveModel(request.model, catalog.models, policy.aliases)
  const requirements = requirementsOf(request)
  const field = { requirements, catalog, policy }
  const weigh = (candidates: readonly Candidate[]) =>
    steering === undefined
      ? heuristicComplexity(facts)
      : evidenceComplexity(candidates, { request, profile: facts.profile, steering, policy })
  if (named !== 'auto') {
    const all = catalog.models.filter(({ auto }) => auto)
    const complexity = weigh([...all, named].map((model) => candidateFor(model, request, { ...field, all })))
    const decision = pin(named, request, { complexity, catalog, policy })
    if (steering === undefined) return decision
    const chance = steering.chance(named, facts.profile)
    const chances = [{ ...chance, model: named.name, estimatedCost: decision.estimatedCost }]
    return { ...decision, assessment: { profile: facts.profile, chances, rule: 'pinned' } }
  }

  const automatic = catalog.models.filter((model) => model.auto && isPriced(model, policy))
  const allowed = automatic.filter((model) => permits(request.routing, model.backend))
  const judged = allowed.map((model) => candidateFor(model, request, { ...field, all: automatic }))
  const present = judged.filter(({ model }) => catalog.availability(model).available)
  const fit = fitting(present)
  const complexity = weigh(fit.length > 0 ? fit : judged)
  const { candidates, bans } = withoutBanned(fit, { request, facts, steering })

  const ranked =
    steering === undefined
      ? byComplexity(candidates, { complexity, judged, catalog, policy })
      : byEvidence(candidates, { request, profile: facts.profile, steering, policy, absent: absentOf(judged, catalog) })
  const chosen = inLoopFirst(ranked, catalog.inLoopWith)

  const [first, second] = chosen.order
  const refusal =
    first === undefined
      ? (refusalOf(bans) ?? refusalOfWish(request.routing, automatic, allowed) ?? refuse(judged, present, catalog))
      : undefined
  const banned =
    first === undefined ? '' : bans.map(({ model, ban }) => `${model.name} may not be used: ${ban.words}`).join('; ')
  return {
    complexity: complexity.value,
    factors: complexity.factors,
    reasoning: sentences(
      complexity.reasoning,
      refusal?.message ?? chosen.words,
      banned,
      passedOver(present, requirements, first),
    ),
    plan: chosen.order.map((candidate) => candidate.model),
    ...(refusal !== undefined && { refusal }),
    requirements: namesOf(requirements),
    estimatedCost: first?.cost,
    runnerUp: second && { model: second.model.name, estimatedCost: second.cost },
    degraded: chosen.degraded,
    degradedReason: chosen.degradedReason,
    pinned: false,
    ...(chosen.assessment !== undefined && { assessment: chosen.assessment }),
  }
}

function absentOf(judged: readonly Candidate[], { availability }: Catalog) {
  return fitting(judged)
    .map(({ model }) => ({ model, ...availability(model) }))
    .filter(({ available }) => !available)
}

interface Banned {
  readonly model: ModelCard
  readonly ban: Ban
}

interface Banning {
  readonly request: ChatRequest
  readonly facts: Facts
  readonly steering: Steering | undefined
}

function withoutBanned(candidates: readonly Candidate[], { request, facts, steering }: Banning) {
  if (steering === undefined) return { candidates, bans: [] }
  const bans: Banned[] = []
  const left = candidates.filter(({ model, cost }) => {
    const ban = steering.ban({ model, cost, chance: steering.chance(model, facts.profile) }, request)
    if (ban !== undefined) bans.push({ model, ban })
    return ban === undefined
  })
  return { candidates: left, bans }
}

const banCodes: Partial<Record<RoutingRule, NonNullable<Decision['refusal']>['code']>> = { quota: 'rate_limited' }

function refusalOf([first, ...more]: readonly Banned[]): Decision['refusal'] {
  if (first === undefined) return undefined
  const { rule, words } = first.ban
  const others = more.map(({ model, ban }) => `; ${model.name}: ${ban.words}`).join('')
  return {
    code: banCodes[rule] ?? 'budget_spent',
    message: `no model may answer this request: ${first.model.name}: ${words}${others}`,
    field: rule === 'max-cost' ? 'x-hybrid-max-cost' : '',
  }
}

function refusalOfWish(
  wish: RoutingWish | undefined,
  automatic: readonly ModelCard[],
  allowed: readonly ModelCard[],
): Decision['refusal'] {
  if (allowed.length > 0 || automatic.length === 0) return undefined
  const message = `the request is ${wish?.mode}, and no such model is configured: leave x-hybrid-policy out, or add one`
  return { code: 'unsupported', message, field: 'x-hybrid-policy' }
}

/** The model that made the calls goes on with them, and nobody judges what it says between them. */
function inLoopFirst(ranked: Order, name: string | undefined): Order {
  const loop = ranked.order.find(({ model }) => model.name === name)
  if (loop === undefined) return ranked
  const order = [loop, ...ranked.order.filter((candidate) => candidate !== loop)]
  return {
    order,
    degraded: false,
    degradedReason: '',
    words: inLoop(loop),
    ...(ranked.assessment !== undefined && {
      assessment: { profile: ranked.assessment.profile, chances: ranked.assessment.chances, rule: 'tool-loop' },
    }),
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
  const refusal =
    refusalOfMode(model, request.routing) ??
    refusalOfPinned(model, shortfallOf(model, catalog.availability(model), requirements, request.dialect))
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

export function refusalOfMode(model: ModelCard, wish: RoutingWish | undefined): Decision['refusal'] {
  if (permits(wish, model.backend)) return undefined
  const message = `model '${model.name}' runs in the ${model.backend === 'cloud' ? 'cloud' : 'house'}, and the request is ${wish?.mode}: name another one, or auto`
  return { code: 'forbidden', message, field: 'x-hybrid-policy' }
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

function sentences(...parts: readonly string[]): string {
  return parts.filter((part) => part !== '').join('. ')
}
