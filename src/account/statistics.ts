import { toDollars } from '../core/price.ts'
import type { GroupTotals, LedgerStats, Totals } from '../stores/store.ts'

export interface GroupStatistics {
  readonly requests: number
  readonly failed: number
  /** Of the requests whose cost is known. */
  readonly cost: number
  readonly unpriced: number
  readonly input_tokens: number
  readonly output_tokens: number
}

/** What `/api/v1/stats` answers; money in dollars. */
export interface Statistics {
  readonly total_requests: number
  readonly failed_requests: number
  readonly total_cost: number
  /** Requests whose cost is unknown; they are not in `total_cost`. */
  readonly unpriced_requests: number
  readonly by_model: Readonly<Record<string, GroupStatistics>>
  readonly by_backend: Readonly<Record<string, GroupStatistics>>
  readonly cache: { readonly hits: number; readonly misses: number; readonly hit_rate: number }
  readonly savings: {
    readonly baseline_model: string
    readonly baseline_cost: number
    readonly saved: number
    readonly saved_percent: number
  }
  /** ISO 8601. */
  readonly since: string
}

export function summarize({ groups, since }: LedgerStats, baselineModel: string): Statistics {
  const all = total(groups)
  const lookups = all.cacheHits + all.cacheMisses
  const saved = all.baselineCost - all.cost
  return {
    total_requests: all.requests,
    failed_requests: all.failed,
    total_cost: toDollars(all.cost),
    unpriced_requests: all.unpriced,
    by_model: groupBy(groups, ({ model }) => model || 'none'),
    by_backend: groupBy(groups, ({ backend }) => backend || 'none'),
    cache: { hits: all.cacheHits, misses: all.cacheMisses, hit_rate: lookups === 0 ? 0 : all.cacheHits / lookups },
    savings: {
      baseline_model: baselineModel,
      baseline_cost: toDollars(all.baselineCost),
      saved: toDollars(saved),
      saved_percent: all.baselineCost === 0 ? 0 : Math.round((saved / all.baselineCost) * 10_000) / 100,
    },
    since: new Date(since).toISOString(),
  }
}

function groupBy(groups: readonly GroupTotals[], key: (group: GroupTotals) => string) {
  const names = [...new Set(groups.map(key))]
  return Object.fromEntries(
    names.map((name) => {
      const sum = total(groups.filter((group) => key(group) === name))
      const statistics: GroupStatistics = {
        requests: sum.requests,
        failed: sum.failed,
        cost: toDollars(sum.cost),
        unpriced: sum.unpriced,
        input_tokens: sum.inputTokens,
        output_tokens: sum.outputTokens,
      }
      return [name, statistics]
    }),
  )
}

function total(groups: readonly Totals[]): Totals {
  const sum = (read: (group: Totals) => number) => groups.reduce((total, group) => total + read(group), 0)
  return {
    requests: sum((group) => group.requests),
    failed: sum((group) => group.failed),
    inputTokens: sum((group) => group.inputTokens),
    outputTokens: sum((group) => group.outputTokens),
    cost: sum((group) => group.cost),
    unpriced: sum((group) => group.unpriced),
    baselineCost: sum((group) => group.baselineCost),
    cacheHits: sum((group) => group.cacheHits),
    cacheMisses: sum((group) => group.cacheMisses),
  }
}
