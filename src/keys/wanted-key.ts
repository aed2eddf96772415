import { z } from 'zod'
import type { ApiKey } from '../core/api-key.ts'
import { GatewayError } from '../core/errors.ts'
import { scopes } from '../core/key-holder.ts'

/** What an administrator chooses of a key. */
export type NewKey = Omit<ApiKey, 'id' | 'hash' | 'before' | 'createdAt' | 'revokedAt' | 'lastUsedAt'>

const count = z.number().int().min(1)

const fields = {
  name: z.string().trim().min(1).max(100).describe('For people.'),
  team: z
    .string()
    .max(100)
    .regex(/^[\w.@-]*$/, 'may hold letters, digits, and . _ @ -')
    .describe('Whose budget it shares; empty for none.'),
  scopes: z.array(z.enum(scopes)).min(1).describe('What it may do.'),
  models: z
    .array(z.string().min(1).max(100))
    .max(100)
    .describe('Models that it may use, as `claude-*`; all without it.'),
  policies: z
    .array(z.enum(['auto', 'local-only', 'cloud-only']))
    .min(1)
    .describe('Routing policies that it may ask for; the first counts where it asks for none.'),
  limits: z
    .strictObject({
      requests_per_minute: count.optional(),
      tokens_per_minute: count.optional(),
      parallel: count.optional(),
    })
    .describe('Most that it may ask for.'),
  budgets: z
    .array(z.strictObject({ dollars: z.number().min(0), period: z.enum(['day', 'month']) }))
    .max(4)
    .describe('Most that its calls may cost.'),
  labels: z
    .record(z.string().min(1).max(100), z.string().max(1000))
    .refine((labels) => Object.keys(labels).length <= 50, 'may be 50 at most')
    .describe('Your own notes.'),
  expires_at: z.iso
    .datetime({ offset: true })
    .nullable()
    .describe('When it ends, as 2027-01-31T00:00:00Z; null: never.'),
}

/** The body that makes a key. */
export const wantedKey = z.strictObject({
  name: fields.name,
  team: fields.team.default(''),
  scopes: fields.scopes.default(['chat']),
  models: fields.models.optional(),
  policies: fields.policies.optional(),
  limits: fields.limits.optional(),
  budgets: fields.budgets.optional(),
  labels: fields.labels.default({}),
  expires_at: fields.expires_at.optional(),
})

/** The body that changes one: what is left out stays. */
export const changedKey = z.strictObject(fields).partial()

export const rotation = z
  .strictObject({
    grace_seconds: z
      .number()
      .min(0)
      .max(90 * 86_400)
      .default(86_400)
      .describe('How long the key before is still taken.'),
  })
  .prefault({})

/** A key as the admin API and `--json` show it. */
export function shownKey({ hash: _, before, expiresAt, limits, ...key }: ApiKey) {
  return {
    ...key,
    ...(limits !== undefined && {
      limits: {
        ...(limits.requestsPerMinute !== undefined && { requests_per_minute: limits.requestsPerMinute }),
        ...(limits.tokensPerMinute !== undefined && { tokens_per_minute: limits.tokensPerMinute }),
        ...(limits.parallel !== undefined && { parallel: limits.parallel }),
      },
    }),
    createdAt: undefined,
    revokedAt: undefined,
    lastUsedAt: undefined,
    created_at: time(key.createdAt),
    expires_at: time(expiresAt),
    revoked_at: time(key.revokedAt),
    last_used_at: time(key.lastUsedAt),
    former_key_until: time(before?.until),
  }
}

export function toNewKey(wanted: z.output<typeof wantedKey>): NewKey {
  return { ...toChanges(wanted), name: wanted.name, team: wanted.team, scopes: wanted.scopes, labels: wanted.labels }
}

export function toChanges({ expires_at, limits, ...rest }: z.output<typeof changedKey>): Partial<NewKey> {
  const expiresAt = typeof expires_at === 'string' ? Date.parse(expires_at) : undefined
  if (expiresAt !== undefined && expiresAt <= Date.now()) {
    throw new GatewayError('invalid_request', 'expires_at is in the past', { field: 'expires_at' })
  }
  const known = Object.entries(rest).filter(([, value]) => value !== undefined)
  return {
    ...(Object.fromEntries(known) as Partial<NewKey>),
    // Null takes the end away again; JSON keeps no undefined.
    ...(expires_at === null && { expiresAt: Number.MAX_SAFE_INTEGER }),
    ...(expiresAt !== undefined && { expiresAt }),
    ...(limits !== undefined && {
      limits: {
        ...(limits.requests_per_minute !== undefined && { requestsPerMinute: limits.requests_per_minute }),
        ...(limits.tokens_per_minute !== undefined && { tokensPerMinute: limits.tokens_per_minute }),
        ...(limits.parallel !== undefined && { parallel: limits.parallel }),
      },
    }),
  }
}

function time(milliseconds: number | undefined): string | null {
  if (milliseconds === undefined || milliseconds > 8.64e15) return null
  return new Date(milliseconds).toISOString()
}
