import { inputTokens, type Usage } from './usage.ts'

/** Dollars for a million tokens of each bucket. */
export interface Rates {
  readonly input: number
  readonly output: number
  readonly cacheRead: number
  readonly cacheWrite: number
  readonly cacheWriteHour: number
}

/**
 * What a model's tokens cost. An unknown price is a state of its own, never zero dollars: such a model is flagged or
 * refused, and its cost is shown as unknown.
 */
export type Price =
  | {
      readonly known: true
      readonly rates: Rates
      /** Some vendors charge the whole request at other rates once its prompt is longer than this many tokens. */
      readonly longPrompt?: { readonly overTokens: number; readonly rates: Rates }
      /** Names the price list that was used, so that a cost can be computed again. */
      readonly version: string
      readonly source: string
    }
  | { readonly known: false; readonly version: string; readonly source: string }

export const freeRates: Rates = { input: 0, output: 0, cacheRead: 0, cacheWrite: 0, cacheWriteHour: 0 }
export const free: Price = { known: true, rates: freeRates, version: 'local', source: 'runs on this machine' }
export const unknownPrice: Price = { known: false, version: 'unknown', source: 'no price is configured' }

/** A billionth of a dollar, as an integer: sums over millions of rows stay exact. */
export type NanoDollars = number

/** The cost of `usage` at `price`, or undefined where the price is not known. Reasoning is billed as output. */
export function costOf(usage: Usage, price: Price): NanoDollars | undefined {
  if (!price.known) return undefined
  const long = price.longPrompt !== undefined && inputTokens(usage) > price.longPrompt.overTokens
  const rates = long && price.longPrompt !== undefined ? price.longPrompt.rates : price.rates
  // Dollars for a million tokens are micro-dollars for one token, hence a thousand nano-dollars.
  const micro =
    usage.input * rates.input +
    usage.cacheRead * rates.cacheRead +
    usage.cacheWrite * rates.cacheWrite +
    usage.cacheWriteHour * rates.cacheWriteHour +
    (usage.output + usage.reasoning) * rates.output
  return Math.round(micro * 1000)
}

export function toDollars(nanoDollars: NanoDollars): number {
  return nanoDollars / 1e9
}
