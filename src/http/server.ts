import { createRequire } from 'node:module'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Account } from '../account/account.ts'
import type { Decision } from '../core/decision.ts'
import { GatewayError, toGatewayError } from '../core/errors.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Dialect, Operation } from '../dialects/dialect.ts'
import { type AnswerFunction, chat } from './chat.ts'
import { addCors } from './cors.ts'
import { dialectOf, parserRefusal, refusalOfHead, translateServerError } from './errors.ts'
import { addHealth } from './health.ts'
import { parseJsonBody } from './json-body.ts'
import { KeyCheck } from './keys.ts'
import { openApiDocument } from './openapi.ts'
import { RateLimit } from './rate-limit.ts'
import { requestIdOf } from './request-id.ts'

export interface ServerOptions {
  readonly config: {
    readonly host: string
    readonly port: number
    readonly keys: readonly string[]
    readonly trust_proxy: boolean
    readonly cors_origins: readonly string[]
    readonly body_limit_bytes: number
    readonly header_limit_bytes: number
    readonly receive_timeout_seconds: number
    readonly send_timeout_seconds: number
    readonly drain_seconds: number
  }
  readonly rate: string
  readonly maxPromptCharacters: number
  readonly dialects: readonly Dialect[]
  readonly answer: AnswerFunction
  readonly route: (request: ChatRequest) => Decision
  readonly account: Account
  readonly models: readonly ModelCard[]
  readonly availability: (model: ModelCard) => Availability
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

  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    /^application\/(?:[\w.-]+\+)?json\b/i,
    { parseAs: 'buffer' },
    async ({ headers }: FastifyRequest, body: Buffer) => parseJsonBody(body, headers['content-encoding']),
  )
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

  const keys = new KeyCheck(config.keys)
  const limit = new RateLimit(options.rate)
  const chatOptions = {
    answer: options.answer,
    stopping: stopping.signal,
    heartbeatMs: options.heartbeatMs ?? 10_000,
    sendTimeoutMs: config.send_timeout_seconds * 1000,
    report: (error: GatewayError, requestId: string) => logError(error, requestId),
  }

  const parse = (dialect: Dialect, request: FastifyRequest): ChatRequest =>
    dialect.parse(request.body, {
      requestId: request.id,
      headers: request.headers,
      maxPromptCharacters: options.maxPromptCharacters,
    })

  const listed = () => options.models.map((model) => ({ model, availability: options.availability(model) }))

  const handlers: Record<Operation, (dialect: Dialect, request: FastifyRequest, reply: FastifyReply) => unknown> = {
    chat: (dialect, request, reply) => chat(parse(dialect, request), dialect, chatOptions, request, reply),
    route: (dialect, request) => dialect.decision?.(options.route(parse(dialect, request)), request.id),
    models: (dialect) => dialect.models(listed()),
    stats: (_dialect, request) => account.statistics(startOfWindow(request.query)),
  }

  for (const dialect of dialects) {
    for (const { method, path, does } of dialect.routes) {
      app.route({
        method,
        url: path,
        // Before the body is read: who may not ask should not make us parse.
        onRequest: async (request, reply) => admit(request, reply, method === 'POST'),
        handler: async (request, reply) => handlers[does](dialect, request, reply),
      })
    }
  }

  addHealth(app, { ...options, startedAt, isDraining: () => draining })
  app.get('/metrics', async (_request, reply) => {
    const { registry } = account.metrics
    return reply.header('content-type', registry.contentType).send(await registry.metrics())
  })
  const document = openApiDocument(dialects, version)
  app.get('/openapi.json', async () => document)
  app.get('/', async () => ({
    name: 'Hybrid AI Stack',
    version,
    chat: '/api/v1/chat',
    openai: '/v1/chat/completions',
    models: '/api/v1/models',
    stats: '/api/v1/stats',
    health: '/health',
    metrics: '/metrics',
    openapi: '/openapi.json',
  }))

  function admit(request: FastifyRequest, reply: FastifyReply, counts: boolean): void {
    if (draining) throw new GatewayError('shutting_down', 'the gateway is stopping', { retryAfterSeconds: 5 })
    const client = keys.check(request.headers) ?? request.ip
    const verdict = counts ? limit.take(client) : undefined
    if (verdict === undefined) return

    reply.header('ratelimit-limit', verdict.limit)
    reply.header('ratelimit-remaining', verdict.remaining)
    reply.header('ratelimit-reset', verdict.resetSeconds)
    if (verdict.allowed) return
    const message = `more than ${options.rate} requests: wait ${verdict.resetSeconds} s (limits.rate, RATE_LIMIT)`
    throw new GatewayError('rate_limited', message, { retryAfterSeconds: verdict.resetSeconds })
  }

  /** The path exists for another method, or not at all. */
  function notFound({ method, url }: FastifyRequest): GatewayError {
    const path = url.split('?')[0] ?? url
    const allowed = (['GET', 'POST'] as const).filter((other) => app.hasRoute({ method: other, url: path }))
    if (allowed.length === 0)
      return new GatewayError('not_found', `there is nothing at ${method} ${path.slice(0, 200)}; see /openapi.json`)
    return new GatewayError('method_not_allowed', `${path} takes ${allowed.join(' and ')}, not ${method}`)
  }

  function sendError(error: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply {
    const known = toGatewayError(translateServerError(error, config.body_limit_bytes))
    const path = request.url.split('?')[0] ?? '/'
    logError(known, request.id)
    if (!account.hasCounted(error)) account.metrics.refused(known.code)
    if (known.retryAfterSeconds !== undefined) reply.header('retry-after', Math.ceil(known.retryAfterSeconds))
    if (known.code === 'unauthorized') reply.header('www-authenticate', 'Bearer')
    if (known.code === 'method_not_allowed') {
      reply.header(
        'allow',
        ['GET', 'POST'].filter((method) => app.hasRoute({ method: method as 'GET', url: path })).join(', '),
      )
    }
    // A body that was not read to its end leaves the connection in no state to be used again.
    if (!request.raw.complete) reply.header('connection', 'close')
    return reply.code(known.status).send(dialectOf(path, dialects).error(known, request.id))
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

/** `?window=24h` as milliseconds since 1970; 0 without one. */
function startOfWindow(query: unknown): number {
  const window = (query as { window?: unknown }).window
  if (window === undefined) return 0
  const [, count, unit] = /^(\d{1,6})([smhdw])$/.exec(String(window)) ?? []
  if (count === undefined || unit === undefined) {
    throw new GatewayError('invalid_request', 'window must be a number and a unit, as 24h, 7d or 30m', {
      field: 'window',
    })
  }
  const seconds = { s: 1, m: 60, h: 3600, d: 86_400, w: 604_800 }[unit] ?? 0
  return Math.max(0, Date.now() - Number(count) * seconds * 1000)
}

/** The version in package.json. */
export function packageVersion(): string {
  return createRequire(import.meta.url)('../../package.json').version
}
