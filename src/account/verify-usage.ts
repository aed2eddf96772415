import type { LedgerStore } from '../stores/store.ts'

const hourMs = 3_600_000

/**
 * The hours (since 1970) whose sums are not those of their rows, one after the other: rows are never held. The hour of
 * the oldest row is left out, since its older rows may be deleted already.
 */
export async function* differingHours(store: LedgerStore): AsyncGenerator<number> {
  const [oldest] = await store.page({ limit: 1 })
  const [newest] = await store.recent(1)
  if (oldest === undefined || newest === undefined) return
  const last = Math.floor(newest.startedAt / hourMs)
  for (let hour = Math.floor(oldest.startedAt / hourMs) + 1; hour <= last; hour++) {
    if (!(await store.checkUsage(hour))) yield hour
  }
}
