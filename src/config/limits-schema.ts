import { z } from 'zod'

const rate = z
  .string()
  .regex(/^(off|[1-9]\d{0,6}\/(second|minute|hour))$/, 'must be off, or a number of requests as in 60/minute')
const count = z.number().int().min(1)

/** What callers may ask for. Keys may have limits of their own. */
export const limitsSchema = z
  .strictObject({
    rate: rate
      .default('60/minute')
      .describe('Requests that one client (key, or address) may make: `60/minute`, `5/second`, `1000/hour`, `off`.'),
    tokens_per_minute: count
      .optional()
      .describe('Tokens, of prompts and replies together, that one key may use in a minute.'),
    parallel: count
      .optional()
      .describe('Requests that one client (key, or address) may have running at the same time.'),
    address: z
      .strictObject({
        rate: rate.default('off').describe('Requests that may come from one address, whatever its keys.'),
        parallel: count.optional().describe('Requests of one address that may run at the same time.'),
      })
      .prefault({})
      .describe('What may come from one address, whatever its keys.'),
    max_prompt_characters: count.default(100_000).describe('Longest single message.'),
    answer_timeout_seconds: z
      .number()
      .min(0.01)
      .max(86_400)
      .default(600)
      .describe('Longest time for one whole answer, all attempts together.'),
  })
  .prefault({})
