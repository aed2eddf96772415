export type Period = 'day' | 'week' | 'month'

const dayMs = 86_400_000

/** In UTC; weeks begin on Monday. Milliseconds since 1970. */
export function periodOf(period: Period, now: number): { readonly start: number; readonly end: number } {
  const date = new Date(now)
  if (period === 'month') {
    const [year, month] = [date.getUTCFullYear(), date.getUTCMonth()]
    return { start: Date.UTC(year, month, 1), end: Date.UTC(year, month + 1, 1) }
  }
  const day = Math.floor(now / dayMs) * dayMs
  if (period === 'day') return { start: day, end: day + dayMs }
  const monday = day - ((date.getUTCDay() + 6) % 7) * dayMs
  return { start: monday, end: monday + 7 * dayMs }
}
