import type { GroupTotals, LedgerStats } from './store.ts'
import type { HourOfUsage } from './usage.ts'

/** Sums by model and backend, the most asked first. */
export function groupsOf(usages: readonly HourOfUsage[], since: number): LedgerStats {
  const groups = Map.groupBy(usages, ({ model, backend }) => JSON.stringify([model, backend]))
  const totals = [...groups.values()].map((members): GroupTotals => {
    const sum = (read: (usage: HourOfUsage) => number) => members.reduce((total, usage) => total + read(usage), 0)
    return {
      model: members[0]?.model ?? '',
      backend: members[0]?.backend ?? '',
      requests: sum(({ requests }) => requests),
      failed: sum(({ failed }) => failed),
      inputTokens: sum(({ inputTokens }) => inputTokens),
      outputTokens: sum(({ outputTokens }) => outputTokens),
      cost: sum(({ cost }) => cost),
      unpriced: sum(({ unpriced }) => unpriced),
      baselineCost: sum(({ baselineCost }) => baselineCost),
      cacheHits: sum(({ cacheHits }) => cacheHits),
      cacheMisses: sum(({ cacheMisses }) => cacheMisses),
    }
  })
  const first = usages.reduce((earliest, { firstAt }) => Math.min(earliest, firstAt), Date.now())
  return { groups: totals.sort((a, b) => b.requests - a.requests), since: Math.max(since, first) }
}
