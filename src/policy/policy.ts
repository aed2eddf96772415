import { createHash } from 'node:crypto'
import type { RoutingRule } from '../core/decision.ts'
import type { Chance } from '../core/evidence.ts'
import type { Period } from '../core/period.ts'
import type { RoutingWish } from '../core/request.ts'
import { StrongAlarm } from './alarm.ts'
import { BudgetPacer, type Reservation } from './budget.ts'
import { Latencies } from './latency.ts'
import { QualityPacer } from './quality.ts'
import { StrongQuota } from './quota.ts'

/** What the operator wants, for everybody or for some keys. */
export interface Terms {
  readonly mode: NonNullable<RoutingWish['mode']>
  readonly quality: number | undefined
  /** Dollars for one request. */
  readonly maxCost: number | undefined
  /** Seconds for a whole reply. */
  readonly maxLatency: number | undefined
  readonly budget: { readonly dollars: number; readonly period: Period } | undefined
  readonly quota: { readonly strongShare: number; readonly strongPerHour: number }
}

export interface PolicyOptions {
  readonly everybody: Terms
  /** By the digest of the key. */
  readonly byCaller: ReadonlyMap<string, Terms>
  /** Difference of chances that ships where no quality is asked for. */
  readonly allowance: number
  /** Dollars that were spent in the present period before the start, by caller; '' for everybody together. */
  readonly spent?: ReadonlyMap<string, number>
  readonly now?: () => number
}

/** A model, as far as policy weighs it. */
export interface Option {
  readonly name: string
  readonly backend: 'local' | 'cloud'
  readonly chance: Chance
  /** The best chance that any part of the request gives; the chance itself where it is absent. */
  readonly hope?: number
  /** Dollars; undefined where the price is unknown. */
  readonly dollars: number | undefined
  /** Tokens of a usual reply. */
  readonly tokens: number
}

export interface Weighing {
  readonly caller: string
  readonly wish: RoutingWish | undefined
  readonly candidate: Option
  readonly strong: Option
  /** True where the candidate's reply is looked at before it ships. */
  readonly judged: boolean
}

export interface Bound {
  readonly allowance: number
  readonly tryFirst: boolean
  readonly mayEscalate: boolean
  readonly rule: RoutingRule
  readonly words: string
}

/** A local reply that will hardly ever ship costs time for nothing. */
const leastChance = 0.25
/** Look 2 finds the good ones among replies whose usual chance is this much below what ships. */
const lookTwoFinds = 0.4
const pacersRemembered = 64

/** Quality targets, budgets, latency bounds, quotas and the alarm, of all callers. Nothing here waits. */
export class Policy {
  readonly latencies = new Latencies()
  readonly alarm = new StrongAlarm()
  readonly #options: PolicyOptions
  readonly #pacers = new Map<string, QualityPacer>()
  readonly #budgets = new Map<string, BudgetPacer>()
  readonly #quotas = new Map<string, StrongQuota>()

  constructor(options: PolicyOptions) {
    this.#options = options
  }

  /** The caller's wish laid over the operator's terms. What the operator forbids stays forbidden. */
  wishOf(caller: string, wish: RoutingWish | undefined): RoutingWish | undefined {
    const terms = this.#termsOf(caller)
    const least = (a: number | undefined, b: number | undefined) =>
      a === undefined || b === undefined ? (a ?? b) : Math.min(a, b)
    const mode = terms.mode === 'local-only' ? 'local-only' : (wish?.mode ?? terms.mode)
    const quality = wish?.quality ?? terms.quality
    const maxCost = least(wish?.maxCost, terms.maxCost)
    const maxLatency = least(wish?.maxLatency, terms.maxLatency)
    const whole: RoutingWish = {
      ...(mode !== 'auto' && { mode }),
      ...(quality !== undefined && { quality }),
      ...(maxCost !== undefined && { maxCost }),
      ...(maxLatency !== undefined && { maxLatency }),
    }
    return Object.keys(whole).length === 0 ? undefined : whole
  }

  /** How much worse than the strong model a candidate may be, and which bound says so. */
  bound(weighing: Weighing): Bound {
    const { caller, wish, candidate, strong, judged } = weighing
    const quality = this.#qualityBound(wish, strong)
    const worth = this.budgetOf(caller)?.worth(strong.dollars ?? 0) ?? 0
    const paced = worth > quality.allowance
    const { allowance } = quality
    const base = paced
      ? { allowance: worth, rule: 'budget' as const, words: 'the budget is spent faster than planned' }
      : { allowance, rule: quality.rule, words: quality.words }
    const near = strong.chance.p - candidate.chance.low <= base.allowance
    const slow = this.#tooSlow(weighing)
    if (slow !== undefined)
      return {
        ...base,
        tryFirst: slow.tryFirst && (near || judged),
        mayEscalate: slow.mayEscalate,
        rule: 'latency',
        words: slow.words,
      }
    // Words added to a request raise what look 1 thinks of it; a look at the reply costs nothing, so the doubt is its.
    const hope = candidate.hope ?? candidate.chance.p
    const hopeful =
      hope >= Math.min(leastChance, strong.chance.p - base.allowance) &&
      strong.chance.p - hope <= base.allowance + lookTwoFinds
    return { ...base, tryFirst: near || (judged && hopeful), mayEscalate: true }
  }

  /** Why a paid model may not be called for the caller now. */
  ban(caller: string, wish: RoutingWish | undefined, dollars: number | undefined) {
    if (dollars === undefined) {
      return wish?.maxCost === undefined
        ? undefined
        : { rule: 'max-cost' as const, words: 'its price is unknown, and the request has a limit' }
    }
    if (dollars === 0) return undefined
    if (wish?.maxCost !== undefined && dollars > wish.maxCost) {
      return {
        rule: 'max-cost' as const,
        words: `it would cost about $${dollars.toPrecision(2)}, over the limit of $${wish.maxCost}`,
      }
    }
    const budget = this.budgetOf(caller)
    if (budget !== undefined && budget.left < dollars) {
      const until = new Date(budget.endsAt).toISOString().slice(0, 16).replace('T', ' ')
      return { rule: 'budget' as const, words: `the budget is spent until ${until} UTC (router.budget)` }
    }
    const refusal = this.#quotaOf(caller).refusal(caller)
    return refusal === undefined ? undefined : { rule: 'quota' as const, ...refusal }
  }

  /** Takes dollars out of the caller's budget before a call; undefined where they are not there. */
  reserve(caller: string, dollars: number): Reservation | undefined {
    const budget = this.budgetOf(caller)
    return budget === undefined ? { settle: () => {} } : budget.reserve(dollars)
  }

  /** A budget may be overdrawn by what the caller orders itself. */
  charge(caller: string, dollars: number): void {
    this.budgetOf(caller)?.reserve(0)?.settle(dollars)
  }

  /** At least so many dollars were spent in the present period, by caller; '' is everybody. */
  catchUp(spent: ReadonlyMap<string, number>): void {
    for (const [caller, dollars] of spent) this.budgetOf(caller)?.catchUp(dollars)
  }

  sawRequest(caller: string): void {
    this.#quotaOf(caller).saw(caller)
  }

  sawStrongCall(caller: string): void {
    this.#quotaOf(caller).spent(caller)
  }

  /** What every pacer learns from: the chances of a request that was weighed. */
  pacerOf(quality: number): QualityPacer {
    const key = quality.toFixed(2)
    const known = this.#pacers.get(key)
    if (known !== undefined) return known
    const pacer = new QualityPacer({ target: Number(key) })
    if (this.#pacers.size < pacersRemembered) this.#pacers.set(key, pacer)
    return pacer
  }

  /** The caller's own budget, or everybody's. */
  budgetOf(caller: string): BudgetPacer | undefined {
    const terms = this.#options.byCaller.get(caller)
    const key = terms?.budget === undefined ? '' : caller
    const budget = terms?.budget ?? this.#options.everybody.budget
    if (budget === undefined) return undefined
    const known = this.#budgets.get(key)
    if (known !== undefined) return known
    const { now = Date.now, spent } = this.#options
    const pacer = new BudgetPacer({ ...budget, now, spent: spent?.get(key) ?? 0 })
    this.#budgets.set(key, pacer)
    return pacer
  }

  #qualityBound(wish: RoutingWish | undefined, strong: Option) {
    const quality = wish?.quality ?? this.#options.everybody.quality
    if (quality === undefined) {
      const { allowance } = this.#options
      return {
        allowance,
        rule: 'quality' as const,
        words: `a chance may be ${percent(allowance)} smaller (router.allowance)`,
      }
    }
    const pacer = this.pacerOf(quality)
    const allowance = pacer.allowance(strong.chance.p)
    const sure = pacer.audits < 59 ? ', not certified: too few comparisons' : ''
    return {
      allowance,
      rule: 'quality' as const,
      words: `${percent(quality)} of the strong model's quality is the target${sure}`,
    }
  }

  #tooSlow({ wish, candidate, strong }: Weighing) {
    const most = wish?.maxLatency
    if (most === undefined) return undefined
    const own = this.latencies.expected(candidate.name, candidate.backend, candidate.tokens)
    const after = this.latencies.expected(strong.name, strong.backend, strong.tokens)
    if (own + after <= most) return undefined
    const words = `${most} s are the limit: ${candidate.name} takes about ${own.toFixed(1)} s, ${strong.name} ${after.toFixed(1)} s`
    return { tryFirst: own <= most && (own <= after || after > most), mayEscalate: false, words }
  }

  #termsOf(caller: string): Terms {
    return this.#options.byCaller.get(caller) ?? this.#options.everybody
  }

  #quotaOf(caller: string): StrongQuota {
    const key = this.#options.byCaller.has(caller) ? caller : ''
    const known = this.#quotas.get(key)
    if (known !== undefined) return known
    const { now = Date.now } = this.#options
    const quota = new StrongQuota({ ...this.#termsOf(caller).quota, now })
    this.#quotas.set(key, quota)
    return quota
  }
}

/** A name for a caller that holds no part of its key: as the front door makes it. */
export function callerOf(key: string): string {
  return createHash('sha256').update(key).digest('hex').slice(0, 16)
}

function percent(share: number): string {
  return `${Math.round(share * 100)} %`
}
