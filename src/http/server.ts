import { createRequire } from 'node:module'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import type { Account } from '../account/account.ts'
import type { Decision } from '../core/decision.ts'
import type { EmbeddingRequest } from '../core/embedding.ts'
import { GatewayError, toGatewayError } from '../core/errors.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Dialect, InfoContext, RequestHead, Route } from '../dialects/dialect.ts'
import type { Embedded } from '../gateway/embed.ts'
import { embeddingHeaders } from './answer-headers.ts'
import { type AnswerFunction, chat, hangUpOf } from './chat.ts'
import { addCors } from './cors.ts'
import { dialectOf, parserRefusal, refusalOfHead, translateServerError } from './errors.ts'
import { addHealth } from './health.ts'
import { parseJsonBody, unpack } from './json-body.ts'
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
    readonly early_reply_seconds: number
    readonly drain_seconds: number
  }
  readonly rate: string
  readonly maxPromptCharacters: number
  readonly dialects: readonly Dialect[]
  readonly answer: AnswerFunction
  readonly route: (request: ChatRequest) => Decision
  readonly embed: (request: EmbeddingRequest, signal: AbortSignal) => Promise<Embedded>
  /** Size of the prompt in tokens, as the model that would answer counts it. */
  readonly countTokens: (request: ChatRequest, signal: AbortSignal) => Promise<number>
  readonly account: Account
  readonly models: readonly ModelCard[]
  /** What a name that a client uses means; undefined where it means nothing. */
  readonly resolve: (name: string) => ModelCard | 'auto' | undefined
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
  const readJson = async (request: FastifyRequest, body: Buffer) => {
    const encoding = String(request.headers['content-encoding'] ?? '')
    const { value, text } = parseJsonBody(await unpack(body, encoding, config.body_limit_bytes))
    request.bodyText = text
    return value
  }
  app.addContentTypeParser(/^application\/(?:[\w.-]+\+)?json\b/i, { parseAs: 'buffer' }, readJson)
  // What `curl -d` says of its JSON. A web page may say so without asking anybody, but then its origin is named.
  app.addContentTypeParser(
    /^application\/x-www-form-urlencoded\b/i,
    { parseAs: 'buffer' },
    async (request: FastifyRequest, body: Buffer) => {
      const { origin, 'sec-fetch-site': site } = request.headers
      if (origin === undefined && site === undefined) return readJson(request, body)
      throw new GatewayError('unsupported_media_type', 'send the body as content-type: application/json')
    },
  )
  app.decorateRequest('bodyText', '')
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
    earlyReplyMs: config.early_reply_seconds * 1000,
    sendTimeoutMs: config.send_timeout_seconds * 1000,
    report: (error: GatewayError, requestId: string) => logError(error, requestId),
  }

  const headOf = (request: FastifyRequest): RequestHead => {
    const [path = '', query] = request.url.split(/(?=\?)/)
    return {
      requestId: request.id,
      headers: request.headers,
      maxPromptCharacters: options.maxPromptCharacters,
      path,
      query: query ?? '',
      bodyText: request.bodyText,
    }
  }
  const parse = (dialect: Dialect, request: FastifyRequest): ChatRequest => dialect.parse(request.body, headOf(request))
  const listed = (model: ModelCard) => ({ model, availability: options.availability(model) })
  const context = (request: FastifyRequest): InfoContext => ({
    models: options.models.map(listed),
    resolve: (name) => {
      const model = options.resolve(name)
      return typeof model === 'object' ? listed(model) : model
    },
    params: request.params as Readonly<Record<string, string>>,
    body: request.body,
    headers: request.headers,
    version,
  })

  async function handle(dialect: Dialect, route: Route, request: FastifyRequest, reply: FastifyReply) {
    switch (route.does) {
      case 'chat':
        return route.atOnce?.(context(request)) ?? chat(parse(dialect, request), dialect, chatOptions, request, reply)
      case 'route':
        return dialect.decision?.(options.route(parse(dialect, request)), request.id)
      case 'stats':
        return account.statistics(startOfWindow(request.query))
      case 'info':
        return route.info(context(request))
      case 'count':
        return route.count(await options.countTokens(parse(dialect, request), hangUp(request, reply)))
      case 'embed': {
        const asked = route.embed(request.body, headOf(request))
        const answer = await options.embed(asked, hangUp(request, reply))
        reply.headers(embeddingHeaders(answer))
        return route.vectors({ ...answer, request: asked })
      }
      default:
        return route satisfies never
    }
  }
  const hangUp = (request: FastifyRequest, reply: FastifyReply) => hangUpOf(request, reply, stopping.signal).signal

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
          admit(request, reply, route.does !== 'info' && route.does !== 'stats')
        },
        handler: async (request, reply) => handle(dialect, route, request, reply),
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
    const allowed = allowedMethods(path)
    if (allowed.length === 0)
      return new GatewayError('not_found', `there is nothing at ${method} ${path.slice(0, 200)}; see /openapi.json`)
    return new GatewayError('method_not_allowed', `${path} takes ${allowed.join(' and ')}, not ${method}`)
  }

  function allowedMethods(path: string) {
    return (['GET', 'POST', 'DELETE'] as const).filter((method) => app.hasRoute({ method, url: path }))
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

declare module 'fastify' {
  interface FastifyRequest {
    /** The body as it came, unpacked; empty where there is none. */
    bodyText: string
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
