import type { Account } from '../account/account.ts'
import { GatewayError } from '../core/errors.ts'
import type { Label } from '../core/evidence.ts'
import type { ModelCard } from '../core/model.ts'
import { periodOf } from '../core/period.ts'
import type { RoutingWish } from '../core/request.ts'
import { callerOf, Policy, type Terms } from '../policy/policy.ts'
import type { OpenProvider } from '../providers/provider.ts'
import type { Notes } from '../redis/notes.ts'
import type { AvailabilityMonitor } from './availability.ts'
import { type Feedback, giveFeedback } from './feedback.ts'
import { type Labels, openLearning } from './learning.ts'
import { createShadow } from './shadow.ts'
import type { Spending } from './spending.ts'
import { auditOf, createSteer, type Steer } from './steer.ts'

/** `router` of the configuration, as far as it steers. */
export interface RouterConfig {
  readonly strategy: 'evidence' | 'heuristic'
  readonly policy: 'auto' | 'local-only' | 'cloud-only'
  readonly quality_target?: number | undefined
  readonly max_cost?: number | undefined
  readonly max_latency_seconds?: number | undefined
  readonly budget?: { readonly dollars: number; readonly period: 'day' | 'week' | 'month' } | undefined
  readonly quota: QuotaConfig
  readonly allowance: number
  readonly expected_output_tokens: number
  readonly key_policies: readonly KeyPolicy[]
  readonly check: {
    readonly enabled: boolean
    readonly hold_tokens: number
    readonly hold_seconds: number
    readonly self_check: readonly string[]
  }
  readonly shadow: { readonly share: number; readonly dollars_per_day: number; readonly judge?: string | undefined }
  readonly learning: {
    readonly half_life_days: number
    readonly max_labels: number
    readonly feedback_per_day: number
    readonly caller_share: number
  }
}

interface QuotaConfig {
  readonly strong_share: number
  readonly strong_per_hour: number
}

type KeyPolicy = Partial<Omit<RouterConfig, 'quota' | 'key_policies'>> & {
  readonly keys: readonly string[]
  readonly quota?: QuotaConfig | undefined
}

export interface OpenSteerOptions {
  readonly config: RouterConfig
  readonly models: readonly ModelCard[]
  readonly labels: Labels & { readonly given: (client: string, since: number) => Promise<number> }
  /** Nano-dollars since a time, by caller; '' is the sum. */
  readonly spent: (since: number) => Promise<ReadonlyMap<string, number>>
  readonly account: Account
  readonly providers: ReadonlyMap<string, OpenProvider>
  readonly availability: AvailabilityMonitor
  /** Where conversations are told to other gateways; undefined where there are none. */
  readonly notes: Notes | undefined
  /** For what the gateway asks by itself. */
  readonly spending: Spending
  readonly say: (level: 'info' | 'warn', message: string) => void
}

export interface OpenedSteer {
  /** Absent where the heuristic decides. */
  readonly steer: Steer | undefined
  readonly policy: Policy
  readonly wishOf: (caller: string, wish: RoutingWish | undefined) => RoutingWish | undefined
  readonly giveFeedback: (feedback: Feedback) => Promise<Label>
  readonly learn: (label: Label) => void
  /** Comparisons that run are done, and what was learned is written. */
  readonly settle: () => Promise<void>
  readonly close: () => Promise<void>
}

const lookSeconds = 10
const spentLookMs = 30_000

/** Opens evidence and policy from what the stores know. */
export async function openSteer(options: OpenSteerOptions): Promise<OpenedSteer> {
  const { config, models, labels, account, providers, availability, say } = options
  const warn = (message: string) => say('warn', message)
  const learning = await openLearning({
    labels,
    models,
    halfLifeDays: config.learning.half_life_days,
    maxLabels: config.learning.max_labels,
    lookSeconds,
    say: warn,
  })
  const { evidence } = learning
  const policy = new Policy({
    everybody: termsOf(config, config),
    byCaller: new Map(
      config.key_policies.flatMap((own) =>
        own.keys.map((key): [string, Terms] => [callerOf(key), termsOf(config, own)]),
      ),
    ),
    allowance: config.allowance,
    spent: await spentBefore(config, options.spent),
  })
  // Other gateways may spend of the same budget.
  const looking = setInterval(() => {
    const catchUp = async () => policy.catchUp(await spentBefore(config, options.spent))
    void catchUp().catch(() => {})
  }, spentLookMs).unref()

  const learn = (label: Label): Label => {
    const clipped = label.source === 'feedback' || label.source === 'regenerated' || label.source === 'validator'
    const room = clipped && label.client !== '' ? evidence.roomFor(label, config.learning.caller_share) : 1
    const counted = room < label.weight ? { ...label, weight: room } : label
    if (room > 0) learning.learn(counted)
    return counted
  }
  const asking = { account, providers, spending: options.spending }
  const named = (name: string | undefined) => models.find((model) => model.name === name)
  const shadow = createShadow({
    ...asking,
    share: config.strategy === 'evidence' ? config.shadow.share : 0,
    dollarsPerDay: config.shadow.dollars_per_day,
    strongFor: ({ decision }) => {
      const best = decision.assessment?.chances.reduce((a, b) => (b.p > a.p ? b : a))
      const strong = named(decision.assessment?.strong ?? best?.model)
      return strong?.backend === 'cloud' && availability.of(strong).available ? strong : undefined
    },
    judge: named(config.shadow.judge),
    learn: (label, claims, target) => {
      learn(label)
      const audit = auditOf(label, claims)
      if (audit !== undefined && target !== undefined) policy.pacerOf(target).audit(audit)
    },
    say: warn,
  })
  const { check, expected_output_tokens: expectedOutputTokens } = config
  const steer =
    config.strategy === 'evidence'
      ? createSteer({ evidence, policy, expectedOutputTokens, check, asking, shadow, notes: options.notes, say })
      : undefined

  return {
    steer,
    policy,
    learn,
    wishOf(caller, wish) {
      if (config.strategy === 'heuristic') refuseUnheard(wish)
      return policy.wishOf(caller, wish)
    },
    giveFeedback: (feedback) =>
      giveFeedback(feedback, {
        find: (id) => account.find(id),
        given: labels.given,
        learn,
        perDay: config.learning.feedback_per_day,
      }),
    async settle() {
      await shadow.idle()
      await learning.settle()
    },
    async close() {
      clearInterval(looking)
      shadow.close()
      await shadow.idle()
      await learning.close()
    },
  }
}

/** Without evidence nobody can keep to these: better told than ignored. */
function refuseUnheard(wish: RoutingWish | undefined): void {
  const names = {
    quality: 'x-hybrid-quality',
    maxCost: 'x-hybrid-max-cost',
    maxLatency: 'x-hybrid-max-latency',
  } as const
  for (const [key, field] of Object.entries(names)) {
    if (wish?.[key as keyof typeof names] === undefined) continue
    throw new GatewayError('unsupported', `${field} needs router.strategy: evidence; here the heuristic decides`, {
      field,
    })
  }
}

function termsOf(everybody: RouterConfig, own: Omit<KeyPolicy, 'keys'> | RouterConfig): Terms {
  const quota = own.quota ?? everybody.quota
  return {
    mode: own.policy ?? everybody.policy,
    quality: own.quality_target ?? everybody.quality_target,
    maxCost: own.max_cost ?? everybody.max_cost,
    maxLatency: own.max_latency_seconds ?? everybody.max_latency_seconds,
    // A budget of everybody is shared: a key has one of its own only where its policy says so.
    budget: own.budget,
    quota: { strongShare: quota.strong_share, strongPerHour: quota.strong_per_hour },
  }
}

/** A restart does not give the money back. */
async function spentBefore(
  config: RouterConfig,
  spent: OpenSteerOptions['spent'],
): Promise<ReadonlyMap<string, number>> {
  const dollars = new Map<string, number>()
  const since = async (period: 'day' | 'week' | 'month') => await spent(periodOf(period, Date.now()).start)
  if (config.budget !== undefined) dollars.set('', ((await since(config.budget.period)).get('') ?? 0) / 1e9)
  for (const { budget, keys } of config.key_policies) {
    if (budget === undefined) continue
    const byCaller = await since(budget.period)
    for (const key of keys) dollars.set(callerOf(key), (byCaller.get(callerOf(key)) ?? 0) / 1e9)
  }
  return dollars
}
