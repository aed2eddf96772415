import { toDollars } from '../core/price.ts'
import type { Gateways } from '../redis/gateways.ts'
import type { Redis } from '../redis/redis.ts'
import type { Alert } from './alerts.ts'
import { Budgets, type BudgetsOptions } from './budgets.ts'
import type { BudgetTerms } from './lines.ts'
import { redisPurse } from './redis.ts'
import { Webhook } from './webhook.ts'

export interface OpenBudgetsOptions extends Pick<BudgetsOptions, 'spent' | 'teamOf' | 'alone'> {
  /** `budgets` of the configuration. */
  readonly config: BudgetTerms & {
    readonly wait_seconds: number
    readonly alerts: { readonly at: readonly number[]; readonly webhook?: string | undefined }
  }
  readonly redis: Redis | undefined
  readonly gateways: Gateways
  readonly say: (level: 'info' | 'warn', message: string) => void
}

const channel = 'budgets'

export async function openBudgets(options: OpenBudgetsOptions) {
  const { config, redis, gateways, say, spent, teamOf, alone } = options
  const { alerts, wait_seconds: waitSeconds, ...terms } = config
  const webhook = alerts.webhook === undefined ? undefined : new Webhook({ url: alerts.webhook, say })
  const tell = (alert: Alert) => {
    say('warn', wordsOf(alert))
    webhook?.post(alert)
  }
  const budgets = new Budgets({
    terms,
    waitMs: waitSeconds * 1000,
    shared: redis === undefined ? undefined : redisPurse(redis),
    gateways: () => gateways.count,
    ...(redis !== undefined && {
      announce: async () => void (await redis.command(['PUBLISH', redis.key(channel), 'forgotten'])),
    }),
    alerts: { at: alerts.at, redis, tell },
    spent,
    teamOf,
    ...(alone !== undefined && { alone }),
  })
  await redis?.subscribe(channel, () => void budgets.recall().catch(() => {}))
  redis?.onReturn(() => void budgets.recall().catch(() => {}))
  return {
    budgets,
    close: async () => {
      await budgets.close()
      await webhook?.close()
    },
  }
}

function wordsOf({ name, period, threshold, spent_dollars: spent, limit_dollars: limit }: Alert): string {
  const share = `${Math.round(threshold * 100)} %`
  return `${share} of the budget of ${name} is spent: $${toDollars(Math.round(spent * 1e9))} of $${limit} a ${period}`
}
