import { type Candidate, type Catalog, isWeak, type RouterPolicy } from './candidates.ts'
import type { Complexity } from './heuristic.ts'
import type { Order } from './order.ts'

export interface ByComplexity {
  readonly complexity: Complexity
  /** All that are configured, also those that are not there. */
  readonly judged: readonly Candidate[]
  readonly catalog: Catalog
  readonly policy: RouterPolicy
}

/** The cheapest that may take the complexity first; then weaker ones, the strongest of them first. */
export function byComplexity(
  candidates: readonly Candidate[],
  { complexity, judged, catalog, policy }: ByComplexity,
): Order {
  const able = candidates.filter((candidate) => candidate.reach >= complexity.value).sort(byCost(complexity.value))
  const weaker = candidates.filter((candidate) => candidate.reach < complexity.value).sort(byReach)
  const order = policy.useLocalForSimple ? [...able, ...weaker] : cloudFirst([...able, ...weaker])
  const [first] = order
  const degraded = first !== undefined && (first.reach < complexity.value || isWeak(first.shortfall))
  const degradedReason = degraded ? whyDegraded(first, complexity, { judged, catalog }) : ''
  return { order, degraded, degradedReason, words: explain(first, complexity, degradedReason) }
}

/**
 * Those that can do more of what the caller would like, then the cheapest, an unknown price last. Among equals a model
 * that is not at its very limit comes first (0.30 is for the model above the 0.3 one), then the smallest that suffices,
 * then the configured order.
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
