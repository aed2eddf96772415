import type { HourOfUsage } from './usage.ts'

export const usageColumns = [
  'hour',
  'model',
  'backend',
  'caller',
  'first_at',
  'requests',
  'failed',
  'input_tokens',
  'output_tokens',
  'cost',
  'unpriced',
  'baseline_cost',
  'cache_hits',
  'cache_misses',
  'row_count',
] as const

/** How a row of usage meets the one that is there; `least` is the smaller of two numbers in the database's words. */
export function usageConflict(table: string, least: 'min' | 'least'): string {
  const sums = usageColumns.slice(5).map((column) => `${column} = ${table}.${column} + excluded.${column}`)
  return `ON CONFLICT (hour, model, backend, caller) DO UPDATE SET
    first_at = ${least}(${table}.first_at, excluded.first_at), ${sums.join(', ')}`
}

/** Usage by model and backend since a time, but for the rows before `:firstHour`; the sums of all callers. */
export function usageSums(firstHour: string, firstDay: string): string {
  const parts = `SELECT * FROM usage_days WHERE hour >= ${firstDay}
     UNION ALL SELECT * FROM usage_hours WHERE hour >= ${firstHour} AND hour < ${firstDay}`
  return `SELECT 0 AS hour, model, backend, '' AS caller, min(first_at) AS first_at,
      ${usageColumns.slice(5).map((name) => `sum(${name}) AS ${name}`)}
    FROM (${parts}) AS parts GROUP BY model, backend`
}

/** What was spent since a time by caller: `edge` is the usage of the rows before the first whole hour. */
export function spentSelect(names: { firstHour: string; firstDay: string; since: string; edge: string }): string {
  return `SELECT caller, sum(cost) AS cost FROM (
      SELECT caller, cost FROM usage_days WHERE hour >= ${names.firstDay}
      UNION ALL SELECT caller, cost FROM usage_hours WHERE hour >= ${names.firstHour} AND hour < ${names.firstDay}
      UNION ALL SELECT caller, cost FROM (${names.edge}) AS edge
      UNION ALL SELECT caller, coalesce(cost_nanodollars, 0) FROM requests
        WHERE status = 'open' AND started_at >= ${names.since}
    ) AS all_costs GROUP BY caller`
}

/**
 * How many rows of usage differ: the rows of an hour, its sums, and those of its day must agree. When the first of
 * them began does not count: it is not taken back when that one is replaced.
 */
export function differences({ hour, day }: { hour: string; day: string }, usageOfHour: string): string {
  const groups = ['model', 'backend', 'caller']
  const counts = usageColumns.slice(5)
  const some = 'requests + failed + cost + row_count > 0'
  const plain = [...groups, ...counts].join(', ')
  const summed = [...groups, ...counts.map((name) => `CAST(sum(${name}) AS BIGINT) AS ${name}`)].join(', ')
  const number = (one: string, other: string) =>
    `(SELECT count(*) FROM (SELECT * FROM ${one} EXCEPT SELECT * FROM ${other}) AS differing)`
  return `WITH of_rows AS (SELECT ${plain} FROM (${usageOfHour}) AS made WHERE ${some}),
     of_hour AS (SELECT ${plain} FROM usage_hours WHERE hour = ${hour} AND ${some}),
     of_hours AS (SELECT ${summed} FROM usage_hours WHERE hour >= ${day} AND hour < ${day} + 24
       GROUP BY ${groups.join(', ')}),
     of_day AS (SELECT ${plain} FROM usage_days WHERE hour = ${day})
   SELECT ${number('of_rows', 'of_hour')} + ${number('of_hour', 'of_rows')} + ${number('of_hours', 'of_day')}
     + ${number('of_day', 'of_hours')} AS number`
}

/** The newest hour, of those from the first parameter up to the second, with which there are more rows than the third. */
export function fullAt(table: string, sign: '?' | '$'): string {
  return `SELECT hour, newer - own AS newer FROM (
      SELECT hour, sum(row_count) AS own, sum(sum(row_count)) OVER (ORDER BY hour DESC) AS newer
      FROM ${table} WHERE hour >= ${sign}1 AND hour < ${sign}2 GROUP BY hour
    ) AS counted WHERE newer > ${sign}3 ORDER BY hour DESC LIMIT 1`
}

export function toUsageRow(usage: HourOfUsage): Record<(typeof usageColumns)[number], string | number> {
  return {
    hour: usage.hour,
    model: usage.model,
    backend: usage.backend,
    caller: usage.caller,
    first_at: usage.firstAt,
    requests: usage.requests,
    failed: usage.failed,
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cost: usage.cost,
    unpriced: usage.unpriced,
    baseline_cost: usage.baselineCost,
    cache_hits: usage.cacheHits,
    cache_misses: usage.cacheMisses,
    row_count: usage.rows,
  }
}

export function fromUsageRow(row: Readonly<Record<string, unknown>>): HourOfUsage {
  return {
    hour: Number(row.hour),
    model: String(row.model),
    backend: String(row.backend),
    caller: String(row.caller),
    firstAt: Number(row.first_at),
    requests: Number(row.requests),
    failed: Number(row.failed),
    inputTokens: Number(row.input_tokens),
    outputTokens: Number(row.output_tokens),
    cost: Number(row.cost),
    unpriced: Number(row.unpriced),
    baselineCost: Number(row.baseline_cost),
    cacheHits: Number(row.cache_hits),
    cacheMisses: Number(row.cache_misses),
    rows: Number(row.row_count),
  }
}
