import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { KeyHolder } from '../core/key-holder.ts'
import { checkAt } from '../dialects/check.ts'
import type { Actor } from '../keys/key-ring.ts'

export interface AdminCall<Body> {
  readonly body: Body
  /** Path parameters, decoded. */
  readonly params: Readonly<Record<string, string>>
  readonly query: Readonly<Record<string, string>>
  readonly actor: Actor
}

/** One path of the admin API; all of them need a key with the scope `admin`. */
export interface AdminRoute<Schema extends z.ZodType = z.ZodType> {
  readonly method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  /** Below `/admin/v1`; parameters as `:name`. */
  readonly path: string
  readonly summary: string
  /** Shape of the body; a route without one takes none. */
  readonly body?: Schema
  /** Shape of the query, for the documentation; `handle` checks it. */
  readonly query?: z.ZodObject
  /** 200 where it is left out. */
  readonly status?: number
  /** Set where `handle` returns a stream, which is sent as this file. */
  readonly download?: { readonly contentType: string; readonly fileName: string }
  /** What comes back is sent as JSON. */
  readonly handle: (call: AdminCall<z.output<Schema>>) => Promise<unknown> | unknown
}

/** Keeps the types of the body's schema and of `handle` together. */
export function adminRoute<Schema extends z.ZodType = z.ZodNever>(route: AdminRoute<Schema>): AdminRoute {
  return route as unknown as AdminRoute
}

export const adminPrefix = '/admin/v1'

export function addAdminRoutes(
  app: FastifyInstance,
  routes: readonly AdminRoute[],
  admit: (request: FastifyRequest) => Promise<KeyHolder | undefined>,
): void {
  for (const { method, path, body: schema, status = 200, download, handle } of routes) {
    app.route({
      method,
      url: adminPrefix + path,
      onRequest: async (request) => {
        request.holder = await admit(request)
        request.caller = request.holder?.id ?? ''
        // Only a program that chose to may say this; a form of a web page cannot.
        if (method !== 'GET' && schema !== undefined) refuseOtherTypes(request)
      },
      handler: async (request, reply) => {
        const body = schema === undefined ? undefined : checkAt(schema, request.body ?? {}, [])
        const { holder } = request
        const answer = await handle({
          body,
          params: request.params as Readonly<Record<string, string>>,
          query: request.query as Readonly<Record<string, string>>,
          actor: { id: holder?.id ?? '', name: holder?.name ?? '', address: request.ip },
        })
        reply.code(status).header('cache-control', 'no-store')
        if (download !== undefined) {
          reply.type(download.contentType)
          reply.header('content-disposition', `attachment; filename="${download.fileName}"`)
        }
        return answer
      },
    })
  }
}

/** `limit` of a query: 1 to `most`. */
export function limitOf(query: Readonly<Record<string, string>>, most = 1000): number {
  return checkAt(z.coerce.number().int().min(1).max(most).default(100), query.limit, ['limit'])
}

function refuseOtherTypes({ headers }: FastifyRequest): void {
  if (headers['content-type'] === undefined && (headers['content-length'] ?? '0') === '0') return
  if (/^application\/json\b/i.test(headers['content-type'] ?? '')) return
  throw new GatewayError('unsupported_media_type', 'send the body as content-type: application/json')
}
