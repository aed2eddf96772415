import { fromRow, type Row } from './receipt-row.ts'
import type { ListOptions, Place, RowList } from './store.ts'

export interface Statement {
  readonly text: string
  readonly values: readonly (string | number)[]
}

/** Parameters are `?1` in SQLite and `$1` in PostgreSQL; the rest of these statements is the same. */
export type Sign = '?' | '$'

const order = 'ORDER BY started_at DESC, row_id DESC'

/** Where a list that looks at `lookAt` rows ends: nothing but an index is read for it. */
export function listEnd({ before, lookAt }: ListOptions, sign: Sign): Statement {
  return {
    text: `SELECT started_at, row_id FROM requests WHERE (started_at, row_id) < (${sign}1, ${sign}2)
      ${order} LIMIT 1 OFFSET ${sign}3`,
    values: [...startOf(before), lookAt - 1],
  }
}

/** The rows of a list, the newest first; none that is older than `end`. */
export function listRows(options: ListOptions, end: Place | undefined, sign: Sign): Statement {
  const values = [...startOf(options.before), end?.startedAt ?? -1, end?.rowId ?? '', options.limit]
  const wanted = (['model', 'status', 'caller'] as const).flatMap((name) => {
    const value = options[name]
    return value === undefined ? [] : [`AND ${name} = ${sign}${values.push(value)}`]
  })
  return {
    text: `SELECT * FROM requests WHERE (started_at, row_id) < (${sign}1, ${sign}2)
      AND (started_at, row_id) >= (${sign}3, ${sign}4) ${wanted.join(' ')} ${order} LIMIT ${sign}5`,
    values,
  }
}

export function placeOf(row: Readonly<Record<string, unknown>> | undefined): Place | undefined {
  return row === undefined ? undefined : { startedAt: Number(row.started_at), rowId: String(row.row_id) }
}

export function toRowList(rows: readonly object[], { limit }: ListOptions, end: Place | undefined): RowList {
  const receipts = rows.map((row) => fromRow(row as Row))
  const last = receipts.length === limit ? receipts.at(-1) : end
  return {
    rows: receipts,
    ...(last !== undefined && { next: { startedAt: last.startedAt, rowId: last.rowId } }),
  }
}

function startOf(before: Place | undefined): (string | number)[] {
  return [before?.startedAt ?? Number.MAX_SAFE_INTEGER, before?.rowId ?? '']
}
