import { Readable } from 'node:stream'
import { z } from 'zod'
import type { Account } from '../account/account.ts'
import { csvOf, recordOf } from '../account/export.ts'
import { GatewayError } from '../core/errors.ts'
import { toDollars } from '../core/price.ts'
import type { Receipt } from '../core/receipt.ts'
import { checkAt } from '../dialects/check.ts'
import type { Place } from '../stores/store.ts'
import { type AdminRoute, adminRoute } from './admin-routes.ts'

/** A page that looks for what is hardly there ends after so many rows, and says where to go on. */
const rowsLookedAt = 20_000
const exportsAtOnce = 2

const time = z
  .string()
  .refine((text) => !Number.isNaN(Date.parse(text)), 'must be a time, as 2026-11-01 or 2026-11-01T12:00Z')
  .transform((text) => Date.parse(text))

const listQuery = z.object({
  limit: z.coerce.number().int().min(1).max(1000).default(100),
  before: z.string().max(200).optional().describe('`next` of the page before.'),
  model: z.string().max(200).optional(),
  status: z.enum(['open', 'answered', 'failed', 'cancelled', 'interrupted']).optional(),
  caller: z.string().max(200).optional().describe('Id of a key.'),
})

const exportQuery = z.object({
  format: z.literal('csv', { error: 'must be csv: hybrid ledger export writes Parquet' }).default('csv'),
  since: time.default(0).describe('Rows that started then or later.'),
  until: time.default(Number.MAX_SAFE_INTEGER).describe('Rows that started before.'),
})

/** The record of every request: page by page, one alone, and all of them as a file. */
export function ledgerRoutes(account: Account): readonly AdminRoute[] {
  let exports = 0
  return [
    adminRoute({
      method: 'GET',
      path: '/requests',
      summary: 'Requests, newest first. `next` is where the next page begins; a page may be short of its limit.',
      query: listQuery,
      handle: async ({ query }) => {
        const { before, limit, model, status, caller } = checkAt(listQuery, query, [])
        const { rows, next } = await account.read((store) =>
          store.list({
            limit,
            lookAt: rowsLookedAt,
            ...(before !== undefined && { before: placeOf(before) }),
            ...(model !== undefined && { model }),
            ...(status !== undefined && { status }),
            ...(caller !== undefined && { caller }),
          }),
        )
        return { requests: rows.map(recordOf), next: next === undefined ? null : `${next.startedAt}.${next.rowId}` }
      },
    }),
    adminRoute({
      method: 'GET',
      path: '/requests/:id',
      summary: 'What happened to a request: every call that was made for it, and why.',
      handle: async ({ params: { id = '' } }) => {
        const receipt = await account.find(id)
        if (receipt === undefined) {
          throw new GatewayError('not_found', `there is no request ${id.slice(0, 100)} in the ledger`, { field: 'id' })
        }
        return { ...recordOf(receipt), calls: receipt.attempts.map(shownCall) }
      },
    }),
    adminRoute({
      method: 'GET',
      path: '/ledger/export',
      summary: 'The ledger as CSV, one line for each request. It is sent as it is read.',
      query: exportQuery,
      download: { contentType: 'text/csv; charset=utf-8', fileName: 'ledger.csv' },
      handle: async ({ query }) => {
        const { since, until } = checkAt(exportQuery, query, [])
        if (exports >= exportsAtOnce) {
          throw new GatewayError('rate_limited', `${exportsAtOnce} exports are running: ask again when one is done`, {
            retryAfterSeconds: 10,
          })
        }
        exports++
        const lines = await account
          .read(async (store) => {
            // A ledger that cannot be read has a status of its own; later there is only the cut.
            await store.page({ since, until, limit: 1 })
            return Readable.from(csvOf(store, { since, until }))
          })
          .catch((error: unknown) => {
            exports--
            throw error
          })
        lines.once('close', () => exports--)
        return lines
      },
    }),
  ]
}

function placeOf(text: string): Place {
  const [, startedAt, rowId] = /^(\d{1,16})\.(.+)$/s.exec(text) ?? []
  if (startedAt !== undefined && rowId !== undefined) return { startedAt: Number(startedAt), rowId }
  throw new GatewayError('invalid_request', 'before: must be `next` of another page', { field: 'before' })
}

function shownCall({ cost, latencySeconds, priceVersion, ...call }: Receipt['attempts'][number]) {
  return {
    ...call,
    latency_seconds: latencySeconds,
    cost_dollars: cost === undefined ? null : toDollars(cost),
    price_version: priceVersion,
  }
}
