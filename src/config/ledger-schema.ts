import { z } from 'zod'

/** Where rows are kept, and for how long. */
export const ledgerSchema = z
  .strictObject({
    flush_ms: z.number().int().min(10).max(1000).default(200).describe('Longest time that a row waits in memory.'),
    max_pending_rows: z.number().int().min(1).default(100_000).describe('Rows kept while the disk does not take any.'),
    required: z.boolean().default(false).describe('True refuses requests rather than answer unrecorded ones.'),
    retention_days: z
      .number()
      .int()
      .min(0)
      .default(90)
      .describe('Days after which rows are deleted; their sums by hour stay. 0 keeps them for ever.'),
    max_rows: z
      .number()
      .int()
      .min(1000)
      .default(20_000_000)
      .describe('Rows that are kept at most, the newest ones; their sums by hour stay.'),
  })
  .prefault({})

export const databaseSchema = z
  .strictObject({
    url: z
      .string()
      .regex(/^(env|file|postgres|postgresql):/, 'must be postgres://user:password@host:port/database')
      .optional()
      .describe('PostgreSQL that several gateways share for ledger, keys and evidence; without it a file in data_dir.'),
    pool_size: z.number().int().min(1).max(100).default(5).describe('Connections of each gateway.'),
    timeout_ms: z
      .number()
      .int()
      .min(100)
      .max(60_000)
      .default(5000)
      .describe('How long one statement may take. No request waits for it.'),
    spool_bytes: z
      .number()
      .int()
      .min(1_000_000)
      .default(4_000_000_000)
      .describe(
        'Largest size of the file in data_dir to which rows go while the database is away; then they wait in memory.',
      ),
  })
  .prefault({})
