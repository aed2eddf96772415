import { z } from 'zod'

/** What is done where a model fails, or has too much to do. */
export const resilienceSchema = z
  .strictObject({
    retries: z
      .number()
      .int()
      .min(0)
      .max(10)
      .default(2)
      .describe('How often a model that refused a call is asked again, where no other one is as good.'),
    retry_share: z
      .number()
      .min(0)
      .max(1)
      .default(0.2)
      .describe('Most of the calls that may be repetitions: an outage is not made worse.'),
    retry_pause_seconds: z
      .number()
      .min(0)
      .max(60)
      .default(3)
      .describe('Longest pause before a repetition; a server that wants more (Retry-After) is not asked again.'),
    breaker_failures: z
      .number()
      .int()
      .min(1)
      .max(1000)
      .default(5)
      .describe('Failures one after the other after which a model rests.'),
    breaker_rest_seconds: z
      .number()
      .min(0.1)
      .max(3600)
      .default(5)
      .describe('First rest; each failed trial doubles it.'),
    breaker_longest_rest_seconds: z.number().min(0.1).max(86_400).default(60).describe('Longest rest.'),
    fallbacks: z
      .record(z.string(), z.array(z.string()).min(1))
      .default({})
      .describe('Models that answer, in this order, when one has failed, also where the request names it.'),
    hedge_after_seconds: z
      .number()
      .min(0.05)
      .max(600)
      .optional()
      .describe('Asks a second time when nothing has come by then, and takes what comes first. Left out: never.'),
    hedge_paid: z.boolean().default(false).describe('True hedges models that cost money, too: both calls are paid.'),
    spill_after_seconds: z
      .number()
      .min(0)
      .max(3600)
      .default(10)
      .describe('A wait for a local model from which on the next model of the plan answers.'),
    waiting_dollars_per_minute: z
      .number()
      .min(0)
      .max(1000)
      .optional()
      .describe('What a minute of waiting is worth: the next model answers where its call costs less than the wait.'),
  })
  .prefault({})
  .describe('Repetitions, rests, queues, other models.')
