import type { Factor, ModelChance, RoutingRule } from '../core/decision.ts'
import type { Cell, Chance, Profile } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Candidate, RouterPolicy } from './candidates.ts'
import { isWeak } from './candidates.ts'
import type { Complexity } from './heuristic.ts'
import type { Order } from './order.ts'
import type { Stay, Steering, Threshold, Weighed } from './steering.ts'

export interface ByEvidence {
  readonly request: ChatRequest
  readonly profile: Profile
  readonly steering: Steering
  readonly policy: RouterPolicy
  /** Models that could answer and are not there, with the reason in words. */
  readonly absent?: readonly { readonly model: ModelCard; readonly reason: string }[]
}

type Option = Candidate & Weighed

/**
 * The cheapest model whose chance comes near enough to the best one's; or a local one whose reply is judged before it
 * ships, and passed on to the best one where it is too weak. The rest follows for failures, the best chance first.
 */
export function byEvidence(candidates: readonly Candidate[], given: ByEvidence): Order {
  const { profile, steering } = given
  const options = candidates.map((candidate) => ({ ...candidate, chance: steering.chance(candidate.model, profile) }))
  const strong = strongestOf(options)
  if (strong === undefined) return { order: [], degraded: false, degradedReason: '', words: 'no model is available' }

  const { first, threshold, stay } = choose(options, strong, given)
  const jumps = first !== strong && threshold?.mayEscalate === true && steering.judges(first.model)
  const rest = options.filter((option) => option !== first && option !== strong).sort(byChance)
  const order = first === strong ? [first, ...rest] : [first, strong, ...rest]
  const degradedReason = isWeak(first.shortfall)
    ? `it ${first.shortfall?.words}`
    : missedReason(first, strong, { ...given, allowance: threshold?.allowance ?? usualAllowance })
  const degraded = degradedReason !== '' && stay === undefined
  const chances: readonly ModelChance[] = order.map(({ model, cost, chance }) => ({
    ...chance,
    model: model.name,
    estimatedCost: cost,
  }))
  const rule: RoutingRule = stay === undefined ? (threshold?.rule ?? 'only-choice') : 'session'
  return {
    order,
    degraded,
    degradedReason: degraded ? degradedReason : '',
    words: wordsFor({ first, strong, options, threshold, stay, jumps, degradedReason }),
    assessment: {
      profile,
      chances,
      rule,
      ...(jumps && { strong: strong.model.name, allowance: threshold.allowance }),
    },
  }
}

/** Where nothing was weighed, as with one model alone. */
const usualAllowance = 0.1

/** A model that is not there would have been needed: its chance is that much better than of the best that is there. */
function missedReason(
  first: Option,
  strong: Option,
  { absent = [], profile, steering, allowance }: ByEvidence & { readonly allowance: number },
): string {
  const best = Math.max(first.chance.p, strong.chance.p)
  const chanceOf = (model: ModelCard) => steering.chance(model, profile).p
  const [missed] = absent
    .filter(({ model }) => chanceOf(model) - best > allowance)
    .sort((a, b) => chanceOf(b.model) - chanceOf(a.model))
  return missed === undefined ? '' : `${missed.model.name} is unavailable (${missed.reason})`
}

/** One minus the chance that the cheapest local model is good enough; of the cheapest one where none is local. */
export function evidenceComplexity(candidates: readonly Candidate[], { profile, steering }: ByEvidence): Complexity {
  const local = candidates.filter(({ model }) => model.backend === 'local')
  const [cheapest] = (local.length > 0 ? local : [...candidates]).sort(byCost)
  if (cheapest === undefined) return { value: 1, factors: [], reasoning: 'no model can be judged' }

  const { model } = cheapest
  const chance = steering.chance(model, profile)
  const usual = steering.chance(model, { ...profile, difficulty: 0 })
  const { cell, certainty, difficulty } = profile
  const factors: Factor[] = [
    { name: 'task', points: hundredths(1 - usual.p), phrase: `${taskWords(cell)} (sure to ${percent(certainty)})` },
    {
      name: 'difficulty',
      points: hundredths(usual.p - chance.p),
      phrase: difficulty === 0 ? '' : `${difficulty > 0 ? 'harder' : 'easier'} than usual`,
    },
  ]
  const value = hundredths(1 - chance.p)
  const reasoning = `Complexity ${value.toFixed(2)}: ${taskWords(cell)}; ${model.name} is good enough in ${chanceWords(chance)}`
  return { value, factors, reasoning }
}

interface Choice {
  readonly first: Option
  /** What was asked of the first; absent where there was nothing to choose. */
  readonly threshold: Threshold | undefined
  readonly stay?: Stay
}

function choose(options: readonly Option[], strong: Option, given: ByEvidence): Choice {
  const { request, profile, steering, policy } = given
  if (options.length === 1) return { first: strong, threshold: undefined }
  if (!policy.useLocalForSimple) {
    const cloud = strongestOf(options.filter(({ model }) => model.backend === 'cloud'))
    const words = 'router.use_local_for_simple is false'
    const threshold = { allowance: 0, tryFirst: true, mayEscalate: false, rule: 'policy', words } as const
    return { first: cloud ?? strong, threshold }
  }

  const ask = (candidate: Option) => steering.threshold({ request, profile, candidate, strong })
  const stay = steering.stay(request, profile, options)
  const stayed = options.find(({ model }) => model.name === stay?.model)
  if (stayed !== undefined && stay !== undefined) return { first: stayed, threshold: ask(stayed), stay }

  const most = Math.max(...options.map(({ preferences }) => preferences))
  const able = options.filter(({ preferences }) => preferences === most)
  const asked = able.sort(byCost).map((option) => ({ option, threshold: ask(option) }))
  const worth = asked.filter(
    ({ option, threshold }) => option === strong || (threshold.tryFirst && !isOver(option, policy)),
  )
  const [cheapest] = worth
  // No model that can do what the caller would like is good enough, and the strong one is not among them.
  if (cheapest === undefined) return { first: strong, threshold: ask(strong) }

  // Among equally cheap ones (all local models are free): the smallest that is near enough unseen, else the likeliest.
  const peers = worth.filter(({ option }) => option.cost === cheapest.option.cost)
  const near = peers.find(({ option, threshold }) => strong.chance.p - option.chance.low <= threshold.allowance)
  const { option: first, threshold } = near ?? peers.reduce((a, b) => (b.option.chance.p > a.option.chance.p ? b : a))
  return { first, threshold }
}

/** An operator's border between local and cloud holds whatever the evidence says. */
function isOver({ model, chance }: Option, { complexityThreshold }: RouterPolicy): boolean {
  return complexityThreshold !== undefined && model.backend === 'local' && 1 - chance.p > complexityThreshold
}

function strongestOf(options: readonly Option[]): Option | undefined {
  const [strongest] = [...options].sort(
    (a, b) => Number(isWeak(a.shortfall)) - Number(isWeak(b.shortfall)) || byChance(a, b) || byCost(a, b),
  )
  return strongest
}

function byChance(a: Option, b: Option): number {
  return b.chance.p - a.chance.p
}

/** An unknown price last; among equals the smallest. */
function byCost(a: Candidate, b: Candidate): number {
  const known = (candidate: Candidate) => candidate.cost ?? Number.POSITIVE_INFINITY
  // Two unknown prices are equal: their difference is no number.
  return (known(a) - known(b) || 0) + 0 || a.model.maxComplexity - b.model.maxComplexity
}

interface Story extends Choice {
  readonly strong: Option
  readonly options: readonly Option[]
  readonly jumps: boolean
  readonly degradedReason: string
}

function wordsFor({ first, strong, options, threshold, stay, jumps, degradedReason }: Story): string {
  const { name } = first.model
  const price = first.cost === undefined ? ' (its price is unknown)' : ''
  if (stay !== undefined) return `${name} ${stay.words}${price}`
  if (degradedReason !== '' && !jumps) return `${name} answers, though ${degradedReason}${price}`
  if (threshold === undefined || options.length === 1) return `${name} is the only model that can answer${price}`
  if (first === strong) {
    const best = `${name} has the best chance, ${percent(strong.chance.p)}${price}`
    const cheaper = options.filter((option) => option !== strong).sort(byChance)[0]
    if (cheaper === undefined) return best
    return `${best}; ${cheaper.model.name} with ${percent(cheaper.chance.p)} is too far below it: ${threshold.words}`
  }
  const least = percent(Math.max(0, strong.chance.p - threshold.allowance))
  const jump = jumps
    ? `, and passes on to ${strong.model.name} (chance ${percent(strong.chance.p)}) what looks less than ${least} good`
    : ''
  return `${name} answers first, with a chance of ${percent(first.chance.p)}${price}${jump}: ${threshold.words}`
}

function taskWords({ task, length, language, turn }: Cell): string {
  const kind = task === 'other' ? 'task of no known kind' : `task of the kind ${task}`
  const spoken = language === 'und' ? '' : `, language ${language}`
  return `${length} ${kind}${spoken}${turn === 'first' ? '' : `, ${turn} turn`}`
}

const sourceWords: Readonly<Record<Chance['level'], (n: number) => string>> = {
  cell: (n) => `from ${n} judged replies to such requests`,
  task: (n) => `from ${n} judged replies to tasks of this kind`,
  global: (n) => `from ${n} judged replies to other tasks`,
  prior: () => 'by what models of its size do elsewhere: none of its replies was judged yet',
}

function chanceWords({ p, low, high, n, level }: Chance): string {
  return `${percent(p)} (${percent(low)} to ${percent(high)}, ${sourceWords[level](Math.round(n))})`
}

function percent(value: number): string {
  return `${Math.round(value * 100)} %`
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100
}
