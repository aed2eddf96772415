import { createWriteStream } from 'node:fs'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { type ColumnSource, fileWriter, ParquetWriter, schemaFromColumnData } from 'hyparquet-writer'
import { toDollars } from '../core/price.ts'
import type { Receipt } from '../core/receipt.ts'
import { inputTokens, outputTokens } from '../core/usage.ts'
import type { LedgerStore } from '../stores/store.ts'

export interface ExportOptions {
  /** Milliseconds since 1970: rows that started at or after, and before. */
  readonly since: number
  readonly until: number
}

type Value = string | number | boolean | null

interface Field {
  readonly name: string
  readonly type: 'STRING' | 'DOUBLE' | 'INT64' | 'BOOLEAN' | 'TIMESTAMP'
  readonly read: (receipt: Receipt) => Value
}

const rowsAtOnce = 2000
/** Rows of a group of a Parquet file: what is held in memory at once. */
const rowsOfGroup = 20_000

/** One line, or row, for each request. */
const fields: readonly Field[] = [
  { name: 'id', type: 'STRING', read: ({ id }) => id },
  { name: 'row_id', type: 'STRING', read: ({ rowId }) => rowId },
  { name: 'started_at', type: 'TIMESTAMP', read: ({ startedAt }) => Math.round(startedAt) },
  { name: 'status', type: 'STRING', read: ({ status }) => status },
  { name: 'error_code', type: 'STRING', read: ({ errorCode }) => errorCode },
  { name: 'dialect', type: 'STRING', read: ({ dialect }) => dialect },
  { name: 'caller', type: 'STRING', read: ({ caller = '' }) => caller },
  { name: 'requested_model', type: 'STRING', read: ({ requestedModel }) => requestedModel },
  { name: 'model', type: 'STRING', read: ({ model }) => model },
  { name: 'provider', type: 'STRING', read: ({ provider }) => provider },
  { name: 'backend', type: 'STRING', read: ({ backend }) => backend },
  { name: 'cache', type: 'STRING', read: ({ cache }) => cache },
  { name: 'stream', type: 'BOOLEAN', read: ({ stream }) => stream },
  { name: 'degraded', type: 'BOOLEAN', read: ({ degraded }) => degraded },
  { name: 'estimated', type: 'BOOLEAN', read: ({ estimated }) => estimated },
  { name: 'attempts', type: 'INT64', read: ({ attempts }) => attempts.length },
  { name: 'input_tokens', type: 'INT64', read: ({ usage }) => inputTokens(usage) },
  { name: 'output_tokens', type: 'INT64', read: ({ usage }) => outputTokens(usage) },
  { name: 'cost_dollars', type: 'DOUBLE', read: ({ cost }) => (cost === undefined ? null : toDollars(cost)) },
  { name: 'cost_nanodollars', type: 'INT64', read: ({ cost }) => cost ?? null },
  { name: 'baseline_dollars', type: 'DOUBLE', read: ({ baselineCost }) => toDollars(baselineCost) },
  { name: 'price_version', type: 'STRING', read: ({ priceVersion }) => priceVersion },
  { name: 'complexity', type: 'DOUBLE', read: ({ complexity }) => complexity },
  { name: 'first_content_ms', type: 'INT64', read: ({ firstContentMs }) => firstContentMs ?? null },
  { name: 'duration_ms', type: 'INT64', read: ({ durationMs }) => Math.round(durationMs) },
  { name: 'prompt_hash', type: 'STRING', read: ({ promptHash }) => promptHash },
  { name: 'reasoning', type: 'STRING', read: ({ reasoning }) => reasoning },
]

/** The same of one request, for programs; times as ISO 8601. */
export function recordOf(receipt: Receipt): Readonly<Record<string, Value>> {
  const entries = fields.map(({ name, type, read }) => {
    const value = read(receipt)
    return [name, type === 'TIMESTAMP' ? new Date(Number(value)).toISOString() : value]
  })
  return Object.fromEntries(entries)
}

/** The ledger as CSV (RFC 4180), page by page: nothing of it is held. `wrote` is told how many rows are in each. */
export async function* csvOf(
  store: LedgerStore,
  options: ExportOptions,
  wrote: (rows: number) => void = () => {},
): AsyncGenerator<string> {
  yield `${fields.map(({ name }) => name).join(',')}\r\n`
  for await (const page of pagesOf(store, options)) {
    yield page.map((receipt) => `${fields.map((field) => cell(field, receipt)).join(',')}\r\n`).join('')
    wrote(page.length)
  }
}

/** Says how many rows there were. */
export async function writeCsv(store: LedgerStore, file: string, options: ExportOptions): Promise<number> {
  let rows = 0
  const lines = csvOf(store, options, (count) => {
    rows += count
  })
  await pipeline(Readable.from(lines), createWriteStream(file))
  return rows
}

/** The ledger as Parquet, a group of rows at a time. Says how many rows there were. */
export async function writeParquet(store: LedgerStore, file: string, options: ExportOptions): Promise<number> {
  const columnsOf = (receipts: readonly Receipt[]): ColumnSource[] =>
    fields.map(({ name, type, read }) => ({
      name,
      type,
      nullable: true,
      data: receipts.map((receipt) => toParquet(type, read(receipt))),
    }))
  const schema = schemaFromColumnData({ columnData: columnsOf([]) })
  const writer = new ParquetWriter({ writer: fileWriter(file), schema })
  let rows = 0
  let group: Receipt[] = []
  const flush = () => {
    if (group.length === 0) return
    writer.write({ columnData: columnsOf(group), rowGroupSize: rowsOfGroup })
    rows += group.length
    group = []
  }
  for await (const page of pagesOf(store, options)) {
    group.push(...page)
    if (group.length >= rowsOfGroup) flush()
  }
  flush()
  writer.finish()
  return rows
}

async function* pagesOf(store: LedgerStore, { since, until }: ExportOptions): AsyncGenerator<readonly Receipt[]> {
  for (let after: Receipt | undefined; ; ) {
    const page = await store.page({ since, until, limit: rowsAtOnce, ...(after !== undefined && { after }) })
    if (page.length > 0) yield page
    if (page.length < rowsAtOnce) return
    after = page.at(-1)
  }
}

function cell({ type, read }: Field, receipt: Receipt): string {
  const value = read(receipt)
  if (value === null) return ''
  if (type === 'TIMESTAMP') return new Date(Number(value)).toISOString()
  if (typeof value !== 'string') return String(value)
  // What begins like a formula is one to spreadsheets, and request ids and model names are the clients' own.
  const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
}

function toParquet(type: Field['type'], value: Value) {
  if (value === null) return null
  if (type === 'TIMESTAMP') return new Date(Number(value))
  return type === 'INT64' ? BigInt(value) : value
}
