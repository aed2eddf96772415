import { type NanoDollars, toDollars } from '../core/price.ts'

/** Dollars for people: two digits after the point, more where the amount is small; undefined and null are unknown. */
export function money(dollars: number | null | undefined): string {
  if (dollars === undefined || dollars === null) return 'unknown'
  if (dollars === 0) return '$0'
  const size = Math.abs(dollars)
  const digits = size >= 1 ? 2 : size >= 0.01 ? 4 : 6
  const text = size.toFixed(digits)
  // Less than can be shown is not nothing.
  const shown = Number(text) === 0 ? `<$${(10 ** -digits).toFixed(digits)}` : `$${text}`
  return dollars < 0 ? `-${shown}` : shown
}

/** Dollars for programs; null where a price is unknown. */
export function dollars(cost: NanoDollars | undefined): number | null {
  return cost === undefined ? null : toDollars(cost)
}
