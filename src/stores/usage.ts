import type { Receipt } from '../core/receipt.ts'
import { inputTokens, outputTokens } from '../core/usage.ts'

/** Sums over the closed requests of one hour (UTC), by model and caller. Statistics are read from these. */
export interface HourOfUsage {
  /** Hours since 1970. */
  readonly hour: number
  readonly model: string
  readonly backend: string
  readonly caller: string
  /** When the first of them began, in milliseconds since 1970. */
  readonly firstAt: number
  readonly requests: number
  readonly failed: number
  readonly inputTokens: number
  readonly outputTokens: number
  /** Nano-dollars. */
  readonly cost: number
  readonly unpriced: number
  readonly baselineCost: number
  readonly cacheHits: number
  readonly cacheMisses: number
  /** Rows of the ledger. */
  readonly rows: number
}

export const hourMs = 3_600_000
export const hoursOfDay = 24

/**
 * A window that begins at `since` (milliseconds since 1970) in its parts: rows up to `firstHour`, whole hours from there
 * up to `firstDay`, whole days from there on. Both are hours since 1970.
 */
export function partsOf(since: number): { readonly firstHour: number; readonly firstDay: number } {
  const firstHour = Math.ceil(since / hourMs)
  return { firstHour, firstDay: Math.ceil(firstHour / hoursOfDay) * hoursOfDay }
}

/** What the gateway asks by itself, to learn: it costs, and is nobody's request. */
export const ownDialects: readonly string[] = ['shadow', 'judge', 'self-check', 'calibration', 'cache-check']

type Share = Omit<HourOfUsage, 'hour' | 'firstAt' | 'caller'>

/** A request that called several models is one request of the last, and spent money and tokens at each of them. */
function sharesOf(receipt: Receipt): readonly Share[] {
  const { attempts, cost, usage, status, cache } = receipt
  const several = attempts.length > 1
  const own: Share = {
    model: receipt.model,
    backend: receipt.backend,
    requests: ownDialects.includes(receipt.dialect) ? 0 : 1,
    failed: status === 'answered' ? 0 : 1,
    inputTokens: attempts.length === 1 ? inputTokens(usage) : 0,
    outputTokens: attempts.length === 1 ? outputTokens(usage) : 0,
    cost: several ? 0 : (cost ?? 0),
    unpriced: cost === undefined ? 1 : 0,
    baselineCost: cost === undefined ? 0 : receipt.baselineCost,
    cacheHits: cache === 'hit' || cache === 'coalesced' || cache === 'semantic' ? 1 : 0,
    cacheMisses: cache === 'miss' ? 1 : 0,
    rows: 1,
  }
  if (!several) return [own]
  const called = attempts.map(
    (attempt): Share => ({
      ...nothing,
      model: attempt.model,
      backend: attempt.backend,
      inputTokens: inputTokens(attempt.usage),
      outputTokens: outputTokens(attempt.usage),
      cost: attempt.cost ?? 0,
    }),
  )
  return [own, ...called]
}

const nothing = {
  requests: 0,
  failed: 0,
  inputTokens: 0,
  outputTokens: 0,
  cost: 0,
  unpriced: 0,
  baselineCost: 0,
  cacheHits: 0,
  cacheMisses: 0,
  rows: 0,
}
const counters = Object.keys(nothing) as (keyof typeof nothing)[]

/**
 * What the closed receipts add to their hours, less what the rows that they replace had added. Open ones add nothing:
 * they count when they are closed.
 */
export function usageOf(receipts: readonly Receipt[], replaced: readonly Receipt[] = []): readonly HourOfUsage[] {
  const hours = new Map<string, HourOfUsage>()
  const add = (receipt: Receipt, sign: 1 | -1) => {
    if (receipt.status === 'open') return
    const hour = Math.floor(receipt.startedAt / hourMs)
    const caller = receipt.caller ?? ''
    for (const share of sharesOf(receipt)) {
      const key = JSON.stringify([hour, share.model, share.backend, caller])
      const firstAt = Math.round(receipt.startedAt)
      const { model, backend } = share
      const before = hours.get(key) ?? { ...nothing, hour, model, backend, caller, firstAt }
      const sums = counters.map((name) => [name, before[name] + sign * share[name]])
      hours.set(key, { ...before, ...Object.fromEntries(sums), firstAt: Math.min(before.firstAt, firstAt) })
    }
  }
  for (const receipt of receipts) add(receipt, 1)
  for (const receipt of replaced) add(receipt, -1)
  return [...hours.values()]
}

/** The same sums by day (UTC): `hour` is the one with which the day begins. */
export function daysOf(usages: readonly HourOfUsage[]): readonly HourOfUsage[] {
  const days = new Map<string, HourOfUsage>()
  for (const usage of usages) {
    const hour = usage.hour - (usage.hour % hoursOfDay)
    const key = JSON.stringify([hour, usage.model, usage.backend, usage.caller])
    const before = days.get(key) ?? { ...usage, ...nothing, hour }
    const sums = counters.map((name) => [name, before[name] + usage[name]])
    const firstAt = Math.min(before.firstAt, usage.firstAt)
    days.set(key, { ...before, ...Object.fromEntries(sums), firstAt })
  }
  return [...days.values()]
}

/** Of rows that replace each other within one batch the last one counts, and one that is closed over one that is open. */
export function lastOfEach(rows: readonly Receipt[]): readonly Receipt[] {
  const last = new Map<string, Receipt>()
  for (const row of rows) {
    const before = last.get(row.rowId)
    if (row.status !== 'open' || before === undefined || before.status === 'open') last.set(row.rowId, row)
  }
  return [...last.values()]
}
