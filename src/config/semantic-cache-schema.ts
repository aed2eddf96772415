import { z } from 'zod'

const share = z.number().min(0).max(1)

/** Answers to questions that mean the same. */
export const semanticCacheSchema = z
  .strictObject({
    enabled: z
      .boolean()
      .default(false)
      .describe('Answer a question by the answer to another one that means the same. Brings a model of 23 MB, once.'),
    ttl_seconds: z.number().min(1).default(3600).describe('Age at which an answer is forgotten.'),
    max_entries: z.number().int().min(1).max(1_000_000).default(20_000).describe('Questions that are remembered.'),
    embed_ms: z.number().int().min(5).max(5000).default(100).describe('Longest wait of a request for its vector.'),
    max_temperature: z
      .number()
      .min(0)
      .max(2)
      .default(0.3)
      .describe('Requests that ask for more chance than this want another answer each time.'),
    check_share: share.default(0.05).describe('Share of its answers that are compared with a fresh one, afterwards.'),
    max_wrong_share: z
      .number()
      .gt(0)
      .max(0.5)
      .default(0.02)
      .describe('Share of wrong answers among those that were checked from which on it switches itself off.'),
  })
  .prefault({})
  .describe('The semantic cache; see docs/cache.md.')

export const qdrantSchema = z
  .strictObject({
    url: z
      .string()
      .regex(/^(env:|file:|https?:\/\/)/, 'must be http://host:port, or refer to it by env: or file:')
      .optional()
      .describe('Qdrant that several gateways share for the semantic cache; without it each has its own.'),
    api_key: z.string().optional().describe('Its API key (`env:NAME`, `file:PATH`).'),
    prefix: z
      .string()
      .regex(/^[\w-]*$/)
      .default('hybrid-')
      .describe('Begins the names of its collections.'),
    deadline_ms: z.number().int().min(5).max(1000).default(50).describe('How long a request waits for Qdrant at most.'),
  })
  .prefault({})
