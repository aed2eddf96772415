import { z } from 'zod'

const share = z.number().min(0).max(1)
const dollars = z.number().min(0)

const budget = z
  .strictObject({
    dollars: dollars.describe('Dollars that routed calls may cost in a period.'),
    period: z.enum(['day', 'week', 'month']).default('month').describe('Period, in UTC; weeks begin on Monday.'),
  })
  .describe('Spent evenly over the period; when it is spent, only local models answer.')

const quota = z.strictObject({
  strong_share: share
    .default(1)
    .describe('Largest share of a caller’s routed requests that paid models may answer, over the last hour.'),
  strong_per_hour: z
    .number()
    .int()
    .min(0)
    .default(1000)
    .describe('Most calls of paid models in an hour that routing may make for one caller.'),
})

/** What can be asked of routing for everybody, and for single keys. */
const wishes = {
  policy: z
    .enum(['auto', 'local-only', 'cloud-only'])
    .default('auto')
    .describe('`local-only`: no word leaves the machine; `cloud-only`: no local model answers.'),
  quality_target: z
    .number()
    .gt(0)
    .max(1)
    .optional()
    .describe('Share of the strong model’s quality that must be kept over many requests, as 0.95.'),
  max_cost: dollars.optional().describe('The most that one request may probably cost, in dollars.'),
  max_latency_seconds: z.number().gt(0).optional().describe('Time in which the whole reply should probably be there.'),
  budget: budget.optional(),
}

export const routingFields = {
  ...wishes,
  quota: quota.prefault({}).describe('Bounds what one caller can make routing spend.'),
  allowance: share
    .default(0.1)
    .describe('Without a quality target: how much smaller a local reply’s chance to be good enough may be.'),
  key_policies: z
    .array(
      z.strictObject({
        keys: z.array(z.string()).min(1).describe('Keys of `server.keys` that this is for (`env:NAME`, `file:PATH`).'),
        ...wishes,
        policy: wishes.policy.unwrap().optional().describe('As `router.policy`, for these keys.'),
        quota: quota.optional().describe('As `router.quota`, for these keys.'),
      }),
    )
    .default([])
    .describe('Other policies for single keys; what is left out is as for everybody.'),
  check: z
    .strictObject({
      enabled: z.boolean().default(true).describe('Judge local replies before they ship, and pass weak ones on.'),
      hold_tokens: z
        .number()
        .int()
        .min(1)
        .max(4096)
        .default(32)
        .describe('Tokens of a streamed reply that are held until it is judged.'),
      hold_seconds: z.number().min(0.1).max(600).default(8).describe('Longest time that a stream is held for that.'),
      self_check: z
        .array(z.string())
        .default([])
        .describe('Local models that are asked whether their doubtful replies are right; of use from 3B on.'),
    })
    .prefault({})
    .describe('Look 2: local replies are judged before they ship.'),
  shadow: z
    .strictObject({
      share: share
        .default(0)
        .describe('Share of local replies that the strong model answers, too, and judges, after the answer was given.'),
      dollars_per_day: dollars.default(1).describe('The most that this may cost in a day (UTC).'),
      judge: z.string().optional().describe('Model that compares the two replies; the strong model when left out.'),
    })
    .prefault({})
    .describe('Comparisons by chance, to know what routing loses.'),
  learning: z
    .strictObject({
      half_life_days: z.number().gt(0).default(60).describe('After so many days a judged reply counts half.'),
      max_labels: z
        .number()
        .int()
        .min(100)
        .default(20_000)
        .describe('Judged replies that are kept of each model; the oldest go first.'),
      feedback_per_day: z.number().int().min(0).default(200).describe('Judgements of one key that count in a day.'),
      caller_share: share.default(0.3).describe('Largest share that one key may have in what is known of a task.'),
    })
    .prefault({})
    .describe('Judged replies, and what they may say.'),
}
