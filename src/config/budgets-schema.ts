import { z } from 'zod'

const budget = z.strictObject({
  dollars: z.number().min(0).max(1e6).describe('Most that calls may cost in the period.'),
  period: z.enum(['day', 'month']).describe('In UTC.'),
})
const budgets = z.array(budget).max(4)

/** What calls may cost. Keys may have budgets of their own. */
export const budgetsSchema = z
  .strictObject({
    whole: budgets.default([]).describe('Of the whole gateway, all that share its Redis together.'),
    teams: z.record(z.string(), budgets).default({}).describe('Of each team (`hybrid keys create --team`), by name.'),
    keys: budgets.default([]).describe('Of each key that has none of its own (`hybrid keys create --budget`).'),
    when_spent: z
      .enum(['refuse', 'local'])
      .default('refuse')
      .describe('Answer 402, or let models that cost nothing answer where the request does not name one.'),
    wait_seconds: z
      .number()
      .min(0)
      .max(600)
      .default(10)
      .describe('How long a call waits while what is left is promised to calls that run.'),
    alerts: z
      .strictObject({
        at: z
          .array(z.number().gt(0).max(10))
          .max(10)
          .default([0.5, 0.8, 1])
          .describe('Shares of a budget at which it is told, once in each period.'),
        webhook: z
          .string()
          .regex(/^(env:|file:|https?:\/\/)/, 'must be http:// or https://, or refer to it by env: or file:')
          .optional()
          .describe('Where alerts are posted as JSON, besides the log.'),
      })
      .prefault({})
      .describe('Who is told that a budget is being used up.'),
  })
  .prefault({})
  .describe('Dollars that keys, teams and the whole may spend.')
