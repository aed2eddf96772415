import { setTimeout as sleep } from 'node:timers/promises'
import type { ModelCard } from '../core/model.ts'
import { costOf, type NanoDollars } from '../core/price.ts'
import type { Receipt } from '../core/receipt.ts'
import type { LedgerStore } from '../stores/store.ts'
import { sumCosts } from './open-receipt.ts'

export interface RepriceOptions {
  /** Milliseconds since 1970: rows that started at or after, and before. */
  readonly since: number
  readonly until: number
  /** Only what this model cost; all of them without it, and what the baseline would have cost. */
  readonly model: string | undefined
  readonly models: readonly ModelCard[]
  readonly baseline: ModelCard
  /** False only counts. */
  readonly write: boolean
}

export interface Repriced {
  readonly rows: number
  /** Of them, those that are or would be written anew. */
  readonly changed: number
  /** Of these, nano-dollars before and after; what is unknown is in neither. */
  readonly before: NanoDollars
  readonly after: NanoDollars
  /** Rows whose cost is unknown, before and after. */
  readonly unknownBefore: number
  readonly unknownAfter: number
}

const rowsAtOnce = 1000
/** Gateways that share the database write between two batches. */
const pauseMs = 20

/**
 * Computes what requests cost from their tokens at the prices that are configured now. A price that was wrong does not
 * stay wrong in the sums. Rows that are open get theirs when they are closed.
 */
export async function reprice(store: LedgerStore, options: RepriceOptions): Promise<Repriced> {
  const { since, until, write } = options
  let total: Repriced = { rows: 0, changed: 0, before: 0, after: 0, unknownBefore: 0, unknownAfter: 0 }
  for (let after: Receipt | undefined; ; ) {
    const page = await store.page({ since, until, limit: rowsAtOnce, ...(after !== undefined && { after }) })
    const pairs = page
      .filter(({ status }) => status !== 'open')
      .map((receipt) => [receipt, repriced(receipt, options)] as const)
      .filter(([before, now]) => isChanged(before, now))
    if (write && pairs.length > 0) {
      await store.replace(pairs.map(([, now]) => now))
      await sleep(pauseMs)
    }
    const sum = (side: 0 | 1) => pairs.reduce((all, pair) => all + (pair[side].cost ?? 0), 0)
    const unknown = (side: 0 | 1) => pairs.filter((pair) => pair[side].cost === undefined).length
    total = {
      rows: total.rows + page.length,
      changed: total.changed + pairs.length,
      before: total.before + sum(0),
      after: total.after + sum(1),
      unknownBefore: total.unknownBefore + unknown(0),
      unknownAfter: total.unknownAfter + unknown(1),
    }
    if (page.length < rowsAtOnce) return total
    after = page.at(-1)
  }
}

/** A model that is no longer configured keeps the price that it had. */
function repriced(receipt: Receipt, { models, model, baseline }: RepriceOptions): Receipt {
  const attempts = receipt.attempts.map((attempt) => {
    const card = models.find(({ name }) => name === attempt.model)
    if (card === undefined || (model !== undefined && attempt.model !== model)) return attempt
    return { ...attempt, cost: costOf(attempt.usage, card.price), priceVersion: card.price.version }
  })
  const { status, firstContentMs, usage } = receipt
  const gotAnswer = status === 'answered' || (status === 'cancelled' && firstContentMs !== undefined)
  return {
    ...receipt,
    attempts,
    cost: sumCosts(attempts.map(({ cost }) => cost)),
    priceVersion: receipt.priceVersion === 'cache' ? 'cache' : (attempts.at(-1)?.priceVersion ?? receipt.priceVersion),
    ...(model === undefined && {
      baselineCost: gotAnswer ? (costOf(usage, baseline.price) ?? 0) : 0,
      baselineVersion: baseline.price.version,
    }),
  }
}

function isChanged(before: Receipt, now: Receipt): boolean {
  const pricesOf = ({ cost, priceVersion, baselineCost, baselineVersion, attempts }: Receipt) =>
    JSON.stringify([
      cost,
      priceVersion,
      baselineCost,
      baselineVersion,
      attempts.map((one) => [one.cost, one.priceVersion]),
    ])
  return pricesOf(before) !== pricesOf(now)
}
