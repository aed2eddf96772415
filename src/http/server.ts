import { createRequire } from 'node:module'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { GatewayError, toGatewayError } from '../core/errors.ts'
import type { KeyHolder, Scope } from '../core/key-holder.ts'
import type { Dialect, Route } from '../dialects/dialect.ts'
import type { Limits } from '../limits/limits.ts'
import { type AdminRoute, addAdminRoutes } from './admin-routes.ts'
import { addBodyParsers } from './body-parsers.ts'
import { addCors } from './cors.ts'
import { Door, type Keys } from './door.ts'
import { enter } from './enter.ts'
import { dialectOf, parserRefusal, refusalOfHead, translateServerError } from './errors.ts'
import { addHealth } from './health.ts'
import { openApiDocument } from './openapi.ts'
import { operations, type Rooms } from './operations.ts'
import { requestIdOf } from './request-id.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** Who sent it, as far as a key says; undefined where no key is needed. */
    holder: KeyHolder | undefined
    /** Its id; empty where there is none. */
    caller: string
  }
}

export interface ServerOptions extends Rooms {
  readonly config: {
    readonly host: string
    readonly port: number
    readonly hosts: readonly string[]
    readonly open_metrics: boolean
    readonly trust_proxy: boolean
    readonly cors_origins: readonly string[]
    readonly body_limit_bytes: number
    readonly header_limit_bytes: number
    readonly receive_timeout_seconds: number
    readonly send_timeout_seconds: number
    readonly early_reply_seconds: number
    readonly drain_seconds: number
  }
  readonly limits: Pick<Limits, 'enter'>
  readonly keys: Keys
  readonly adminRoutes: readonly AdminRoute[]
  /** Parts that may be missing, in words: `ok`, or why not. */
  readonly parts: () => Readonly<Record<string, string>>
  readonly dialects: readonly Dialect[]
  readonly logger: {
    readonly debug: (fields: object, message: string) => void
    readonly error: (fields: object, message: string) => void
  }
  readonly version: string
  readonly heartbeatMs?: number
}

export interface Server {
  readonly app: FastifyInstance
  /** Resolves with the address once requests are taken. */
  readonly listen: () => Promise<string>
  /** Takes no more requests, lets the running ones finish for a while, ends the rest with a proper last word. */
  readonly drain: () => Promise<void>
}

/** How long the last words of a stopping gateway may take to reach their clients. */
const lastWordMs = 1000

/** The front door: listens, checks key and rate, chooses the dialect, renders errors. */
export function createServer(options: ServerOptions): Server {
  const { config, dialects, account, logger, version } = options
  const startedAt = Date.now()
  const stopping = new AbortController()
  let draining = false

  const app = Fastify({
    requestIdHeader: false,
    genReqId: ({ headers }) => requestIdOf(headers),
    bodyLimit: config.body_limit_bytes,
    trustProxy: config.trust_proxy,
    requestTimeout: config.receive_timeout_seconds * 1000,
    keepAliveTimeout: 72_000,
    forceCloseConnections: 'idle',
    return503OnClosing: false,
    http: {
      maxHeaderSize: config.header_limit_bytes,
      // Node would refuse with an empty reply; `refusalOfHead` refuses in the words of the dialect.
      requireHostHeader: false,
      headersTimeout: config.receive_timeout_seconds * 1000,
      // How often the two limits above are looked at: often enough for the shortest one that makes sense.
      connectionsCheckingInterval: Math.max(100, Math.min(5000, config.receive_timeout_seconds * 250)),
    },
    routerOptions: { maxParamLength: 500 },
    clientErrorHandler: (error, socket) => {
      if (!socket.writable || error.code === 'ECONNRESET') {
        socket.destroy()
        return
      }
      const refusal = parserRefusal(error.code)
      const body = JSON.stringify({ error: refusal.message, code: refusal.code })
      const head = `HTTP/1.1 ${refusal.status} Refused\r\ncontent-type: application/json; charset=utf-8\r\nconnection: close`
      socket.end(`${head}\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
    },
    frameworkErrors: (error, request, reply) => sendError(error, request, reply as FastifyReply),
  })

  addBodyParsers(app, config.body_limit_bytes)
  app.decorateRequest('caller', '')
  app.decorateRequest('holder', undefined)
  app.setErrorHandler((error, request, reply) => sendError(error, request, reply))
  app.setNotFoundHandler((request, reply) => sendError(notFound(request), request, reply))
  app.addHook('onSend', async (request, reply, payload) => {
    reply.header('x-request-id', request.id)
    reply.header('x-hybrid-request-id', request.id)
    if (draining) reply.header('connection', 'close')
    return payload
  })
  addCors(app, config.cors_origins)
  // Node would answer this by itself, without a body.
  app.server.on('checkExpectation', (request, response) => app.routing(request, response))
  app.addHook('onRequest', async (request, reply) => {
    const refusal = refusalOfHead(request.raw)
    if (refusal !== undefined) {
      reply.header('connection', 'close')
      throw refusal
    }
    // Before the body is read, too: what is sent to nowhere is not parsed.
    if (request.is404) throw notFound(request)
  })

  const { host, hosts, open_metrics: openMetrics } = config
  const door = new Door({ keys: options.keys, host, hosts, openMetrics })
  const handle = operations({
    ...options,
    stopping: stopping.signal,
    chat: {
      heartbeatMs: options.heartbeatMs ?? 10_000,
      earlyReplyMs: config.early_reply_seconds * 1000,
      sendTimeoutMs: config.send_timeout_seconds * 1000,
      report: logError,
    },
  })

  for (const dialect of dialects) {
    for (const route of dialect.routes) {
      const { method, path } = route
      app.route({
        method,
        url: path,
        // Before the body is read: who may not ask should not make us parse.
        onRequest: async (request, reply) => {
          const headers = dialect.headers?.(request.id)
          if (headers !== undefined) reply.headers(headers)
          // What the gateway knows already costs nothing, and clients ask for it again and again.
          await admit(request, reply, route)
        },
        handler: async (request, reply) => handle({ dialect, route, request, reply }),
      })
    }
  }

  addAdminRoutes(app, options.adminRoutes, (request) => door.admit(request, 'admin'))
  addHealth(app, {
    ...options,
    startedAt,
    isDraining: () => draining,
    mayLookInside: (request) => door.mayLookInside(request),
  })
  app.get('/metrics', async (request, reply) => {
    await door.admit(request, 'metrics')
    const { registry } = account.metrics
    return reply.header('content-type', registry.contentType).send(await registry.metrics())
  })
  const document = openApiDocument(dialects, version, options.adminRoutes)
  app.get('/openapi.json', async () => document)
  app.get('/', async () => ({
    name: 'Hybrid AI Stack',
    version,
    chat: '/api/v1/chat',
    openai: '/v1/chat/completions',
    openai_responses: '/v1/responses',
    openai_embeddings: '/v1/embeddings',
    anthropic: '/v1/messages',
    ollama: '/api/chat',
    models: '/api/v1/models',
    stats: '/api/v1/stats',
    health: '/health',
    metrics: '/metrics',
    openapi: '/openapi.json',
  }))

  async function admit(request: FastifyRequest, reply: FastifyReply, { does }: Route): Promise<void> {
    if (draining) throw new GatewayError('shutting_down', 'the gateway is stopping', { retryAfterSeconds: 5 })
    const scope: Scope = does === 'stats' ? 'metrics' : 'chat'
    request.holder = await door.admit(request, scope)
    request.caller = request.holder?.id ?? ''
    await enter(options.limits, request, reply, does !== 'info' && does !== 'stats')
  }

  /** The path exists for another method, or not at all. */
  function notFound({ method, url }: FastifyRequest): GatewayError {
    const path = url.split('?')[0] ?? url
    const allowed = allowedMethods(path)
    if (allowed.length === 0)
      return new GatewayError('not_found', `there is nothing at ${method} ${path.slice(0, 200)}; see /openapi.json`)
    return new GatewayError('method_not_allowed', `${path} takes ${allowed.join(' and ')}, not ${method}`)
  }

  function allowedMethods(path: string) {
    return (['GET', 'POST', 'PATCH', 'DELETE'] as const).filter((method) => app.hasRoute({ method, url: path }))
  }

  function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const known = toGatewayError(translateServerError(error, config.body_limit_bytes))
    const path = request.url.split('?')[0] ?? '/'
    logError(known, request.id)
    if (!account.hasCounted(error)) account.metrics.refused(known.code)
    if (known.retryAfterSeconds !== undefined) reply.header('retry-after', Math.ceil(known.retryAfterSeconds))
    if (known.code === 'unauthorized') reply.header('www-authenticate', 'Bearer')
    if (known.code === 'method_not_allowed') {
      reply.header('allow', allowedMethods(path).join(', '))
    }
    // A body that was not read to its end leaves the connection in no state to be used again.
    if (!request.raw.complete) reply.header('connection', 'close')
    const dialect = dialectOf(path, request.headers, dialects)
    reply.headers(dialect.headers?.(request.id) ?? {})
    const { upstream } = known
    // The vendor's own words, where the client expects exactly those: coding agents act on them.
    if (upstream !== undefined && upstream.dialect === dialect.name) {
      return reply.code(upstream.status).header('content-type', 'application/json').send(upstream.body)
    }
    return reply.code(dialect.status?.(known) ?? known.status).send(dialect.error(known, request.id))
  }

  function logError(error: GatewayError, requestId: string): void {
    const story = { requestId, code: error.code, error: error.message }
    if (error.code === 'internal') logger.error({ ...story, err: error.cause ?? error }, 'a fault of the gateway')
    else logger.debug(story, 'refused')
  }

  return {
    app,
    listen: () => app.listen({ host: config.host, port: config.port }),
    async drain() {
      draining = true
      let cut: NodeJS.Timeout | undefined
      const lastWord = setTimeout(() => {
        stopping.abort()
        // A request that is never complete, or a client that does not read: a closing server has no timeouts of its own.
        cut = setTimeout(() => app.server.closeAllConnections(), lastWordMs)
      }, config.drain_seconds * 1000)
      // A connection that becomes idle after its answer would keep the server open until its keep-alive ends.
      const idle = setInterval(() => app.server.closeIdleConnections(), 50)
      await app.close()
      clearInterval(idle)
      clearTimeout(lastWord)
      clearTimeout(cut)
    },
  }
}

/** The version in package.json. */
export function packageVersion(): string {
  return createRequire(import.meta.url)('../../package.json').version
}
