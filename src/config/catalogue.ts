import type { Rates } from '../core/price.ts'

/** What is publicly known of a vendor's model. Prices are data: each row says when it was read and from where. */
export interface CatalogueRow {
  readonly vendor: 'anthropic' | 'openai'
  readonly id: string
  /** Dollars for a million tokens. */
  readonly rates: Rates
  /** Rates of the whole request once its prompt, cached parts included, is longer than `overTokens`. */
  readonly longPrompt?: { readonly overTokens: number; readonly rates: Rates }
  readonly contextTokens: number
  readonly maxOutputTokens: number
  /** True where the vendor answers 400 to a temperature or top_p that is not its default. */
  readonly fixedSampling: boolean
  /** Day on which the price was last read, and the page that has it. */
  readonly asOf: string
  readonly source: string
}

const claudePricing = 'https://platform.claude.com/docs/en/about-claude/pricing'
const openaiPricing = 'https://developers.openai.com/api/docs/pricing'

export const catalogue: readonly CatalogueRow[] = [
  {
    vendor: 'anthropic',
    id: 'claude-sonnet-5-5',
    // The cache read price fell from 0.20 to 0.10 on 2026-10-07.
    rates: { input: 2, output: 10, cacheRead: 0.1, cacheWrite: 2.5, cacheWriteHour: 4 },
    contextTokens: 1_000_000,
    maxOutputTokens: 128_000,
    fixedSampling: true,
    asOf: '2026-10-24',
    source: claudePricing,
  },
  {
    vendor: 'anthropic',
    id: 'claude-haiku-5-5',
    rates: { input: 0.1, output: 0.5, cacheRead: 0.01, cacheWrite: 0.125, cacheWriteHour: 0.2 },
    longPrompt: {
      overTokens: 100_000,
      rates: { input: 0.5, output: 2.5, cacheRead: 0.05, cacheWrite: 0.625, cacheWriteHour: 1 },
    },
    contextTokens: 1_000_000,
    maxOutputTokens: 128_000,
    fixedSampling: true,
    asOf: '2026-10-24',
    source: claudePricing,
  },
  {
    vendor: 'anthropic',
    id: 'claude-opus-5-5',
    rates: { input: 4, output: 20, cacheRead: 0.2, cacheWrite: 5, cacheWriteHour: 8 },
    contextTokens: 1_000_000,
    maxOutputTokens: 128_000,
    fixedSampling: true,
    asOf: '2026-10-24',
    source: claudePricing,
  },
  {
    vendor: 'anthropic',
    id: 'claude-fable-5-1',
    rates: { input: 10, output: 50, cacheRead: 0.25, cacheWrite: 12.5, cacheWriteHour: 20 },
    contextTokens: 1_000_000,
    maxOutputTokens: 128_000,
    fixedSampling: true,
    asOf: '2026-10-24',
    source: claudePricing,
  },
  {
    vendor: 'anthropic',
    id: 'claude-sonnet-5',
    rates: { input: 2, output: 10, cacheRead: 0.2, cacheWrite: 2.5, cacheWriteHour: 4 },
    contextTokens: 1_000_000,
    maxOutputTokens: 128_000,
    fixedSampling: true,
    asOf: '2026-10-24',
    source: claudePricing,
  },
  {
    vendor: 'anthropic',
    id: 'claude-opus-5',
    rates: { input: 5, output: 25, cacheRead: 0.5, cacheWrite: 6.25, cacheWriteHour: 10 },
    contextTokens: 1_000_000,
    maxOutputTokens: 128_000,
    fixedSampling: true,
    asOf: '2026-10-24',
    source: claudePricing,
  },
  {
    vendor: 'anthropic',
    id: 'claude-haiku-4-5',
    rates: { input: 1, output: 5, cacheRead: 0.1, cacheWrite: 1.25, cacheWriteHour: 2 },
    contextTokens: 200_000,
    maxOutputTokens: 64_000,
    fixedSampling: false,
    asOf: '2026-10-24',
    source: claudePricing,
  },
  {
    vendor: 'openai',
    id: 'gpt-6.1-sol',
    // OpenAI bills nothing extra for writing its cache on this model's page; writes count as input.
    rates: { input: 2, output: 10, cacheRead: 0.1, cacheWrite: 2, cacheWriteHour: 2 },
    longPrompt: {
      overTokens: 272_000,
      rates: { input: 4, output: 15, cacheRead: 0.2, cacheWrite: 4, cacheWriteHour: 4 },
    },
    contextTokens: 1_050_000,
    maxOutputTokens: 128_000,
    fixedSampling: true,
    asOf: '2026-09-30',
    source: openaiPricing,
  },
  {
    vendor: 'openai',
    id: 'gpt-6-luna',
    rates: { input: 0.1, output: 0.5, cacheRead: 0.01, cacheWrite: 0.125, cacheWriteHour: 0.125 },
    longPrompt: {
      overTokens: 272_000,
      rates: { input: 0.2, output: 0.75, cacheRead: 0.02, cacheWrite: 0.25, cacheWriteHour: 0.25 },
    },
    contextTokens: 1_050_000,
    maxOutputTokens: 128_000,
    fixedSampling: true,
    asOf: '2026-09-22',
    source: openaiPricing,
  },
]
