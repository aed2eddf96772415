/**
 * Tokens of one reply in disjoint buckets: no token is counted in two of them, so the bill is their sum, each at its
 * own price. Providers that report overlapping numbers (OpenAI's `prompt_tokens` holds its cached tokens) are
 * converted once, in their adapter.
 */
export interface Usage {
  /** Prompt tokens read at full price. */
  readonly input: number
  /** Prompt tokens read from the provider's prompt cache. */
  readonly cacheRead: number
  /** Prompt tokens written to the provider's five-minute prompt cache. */
  readonly cacheWrite: number
  /** Prompt tokens written to the provider's one-hour prompt cache. */
  readonly cacheWriteHour: number
  /** Tokens of the visible reply. */
  readonly output: number
  /** Tokens the model thought with, where the provider tells them apart; billed as output. */
  readonly reasoning: number
}

export const noUsage: Usage = { input: 0, cacheRead: 0, cacheWrite: 0, cacheWriteHour: 0, output: 0, reasoning: 0 }

export function addUsage(one: Usage, other: Usage): Usage {
  return {
    input: one.input + other.input,
    cacheRead: one.cacheRead + other.cacheRead,
    cacheWrite: one.cacheWrite + other.cacheWrite,
    cacheWriteHour: one.cacheWriteHour + other.cacheWriteHour,
    output: one.output + other.output,
    reasoning: one.reasoning + other.reasoning,
  }
}

export function inputTokens(usage: Usage): number {
  return usage.input + usage.cacheRead + usage.cacheWrite + usage.cacheWriteHour
}

export function outputTokens(usage: Usage): number {
  return usage.output + usage.reasoning
}

/**
 * Rough count for text whose true count nobody told us: four bytes a token, at least one for any text. Bytes, as a
 * letter of Chinese is most of a token, and one of Russian half of one.
 */
export function estimateTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 4)
}
