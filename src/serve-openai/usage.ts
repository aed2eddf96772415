import { z } from 'zod'
import type { Receipt } from '../core/receipt.ts'
import { inputTokens, outputTokens } from '../core/usage.ts'

export const usageReply = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.object({ cached_tokens: z.int(), cache_write_tokens: z.int().optional() }),
  completion_tokens_details: z.object({ reasoning_tokens: z.int() }),
})

/** OpenAI's counts overlap: `prompt_tokens` holds the cached tokens, `completion_tokens` those of the reasoning. */
export function usageFields({ usage }: Pick<Receipt, 'usage'>): z.infer<typeof usageReply> {
  const written = usage.cacheWrite + usage.cacheWriteHour
  return {
    prompt_tokens: inputTokens(usage),
    completion_tokens: outputTokens(usage),
    total_tokens: inputTokens(usage) + outputTokens(usage),
    prompt_tokens_details: { cached_tokens: usage.cacheRead, ...(written > 0 && { cache_write_tokens: written }) },
    completion_tokens_details: { reasoning_tokens: usage.reasoning },
  }
}
