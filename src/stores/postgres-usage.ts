import { groupsOf } from './groups.ts'
import type { Asker } from './postgres-connection.ts'
import { postgresUsageSelect } from './postgres-schema.ts'
import type { LedgerStore } from './store.ts'
import { daysOf, type HourOfUsage, hourMs, hoursOfDay, partsOf } from './usage.ts'
import {
  differences,
  fromUsageRow,
  fullAt,
  spentSelect,
  toUsageRow,
  usageColumns,
  usageConflict,
  usageSums,
} from './usage-row.ts'

type UsageStore = Pick<LedgerStore, 'stats' | 'spent' | 'usage' | 'checkUsage'>

const edgeBetween = (since: string, until: string) =>
  postgresUsageSelect(`status <> 'open' AND started_at >= ${since} AND started_at < ${until}`)

/** Sums of the ledger in PostgreSQL. */
export function postgresUsage(asker: Asker): UsageStore {
  return {
    async stats(since) {
      const { firstHour, firstDay } = partsOf(since)
      const whole = await asker.query(usageSums('$1', '$2'), [firstHour, firstDay])
      const until = firstHour * hourMs
      const edge = since === until ? [] : (await asker.query(edgeBetween('$1', '$2'), [Math.ceil(since), until])).rows
      return groupsOf([...whole.rows, ...edge].map(fromUsageRow), since)
    },
    async spent(since) {
      const { firstHour, firstDay } = partsOf(since)
      const { rows } = await asker.query(
        spentSelect({ firstHour: '$1', firstDay: '$2', since: '$3', edge: edgeBetween('$3', '$4') }),
        [firstHour, firstDay, Math.ceil(since), firstHour * hourMs],
      )
      const byCaller = rows.map((row): [string, number] => [String(row.caller), Number(row.cost)])
      const all = byCaller.reduce((sum, [, cost]) => sum + cost, 0)
      return new Map([...byCaller, ['', all]])
    },
    async usage(since) {
      const { rows } = await asker.query('SELECT * FROM usage_hours WHERE hour >= $1 ORDER BY hour', [
        Math.ceil(since / hourMs),
      ])
      return rows.map(fromUsageRow)
    },
    async checkUsage(hour) {
      const statement = differences({ hour: '$1::bigint', day: '$2::bigint' }, edgeBetween('$3', '$4'))
      const day = hour - (hour % hoursOfDay)
      const { rows } = await asker.query(statement, [hour, day, hour * hourMs, (hour + 1) * hourMs])
      return Number(rows[0]?.number) === 0
    },
  }
}

export async function addUsage(asker: Asker, usages: readonly HourOfUsage[]): Promise<void> {
  if (usages.length === 0) return
  const add = (table: string, sums: readonly HourOfUsage[]) =>
    // In one order, so that two gateways never wait for each other.
    asker.query(
      `INSERT INTO ${table} (${usageColumns.join(', ')})
         SELECT ${usageColumns.join(', ')} FROM json_populate_recordset(NULL::usage_hours, $1)
         ORDER BY hour, model, backend, caller ${usageConflict(table, 'least')}`,
      [JSON.stringify(sums.map(toUsageRow))],
    )
  await add('usage_hours', usages)
  await add('usage_days', daysOf(usages))
}

/** Where the hours begin that hold the newest `keep` rows; nobody counts rows for it. */
export async function oldestKept(asker: Asker, keep: number): Promise<number> {
  const [day] = (await asker.query(fullAt('usage_days', '$'), [0, Number.MAX_SAFE_INTEGER, keep])).rows
  if (day === undefined) return 0
  const first = Number(day.hour)
  const room = keep - Number(day.newer)
  const [hour] = (await asker.query(fullAt('usage_hours', '$'), [first, first + hoursOfDay, room])).rows
  return (Number(hour?.hour ?? first) + 1) * hourMs
}
