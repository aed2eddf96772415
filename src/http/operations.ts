import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Account } from '../account/account.ts'
import type { Decision } from '../core/decision.ts'
import type { EmbeddingRequest } from '../core/embedding.ts'
import { GatewayError } from '../core/errors.ts'
import type { Label } from '../core/evidence.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import type { ChatRequest, RoutingWish } from '../core/request.ts'
import type { Dialect, InfoContext, RequestHead, Route } from '../dialects/dialect.ts'
import type { Embedded } from '../gateway/embed.ts'
import type { Feedback } from '../gateway/feedback.ts'
import { isPermitted, permittedModels, permittedWish } from '../gateway/permitted.ts'
import { embeddingHeaders } from './answer-headers.ts'
import { type AnswerFunction, type ChatOptions, chat, hangUpOf } from './chat.ts'
import { routingWishOf } from './routing-wish.ts'

/** What the front door opens to. */
export interface Rooms {
  readonly answer: AnswerFunction
  readonly route: (request: ChatRequest) => Decision
  readonly embed: (request: EmbeddingRequest, signal: AbortSignal) => Promise<Embedded>
  /** Size of the prompt in tokens, as the model that would answer counts it. */
  readonly countTokens: (request: ChatRequest, signal: AbortSignal) => Promise<number>
  readonly giveFeedback: (feedback: Feedback) => Promise<Label>
  readonly account: Account
  readonly models: readonly ModelCard[]
  /** What a name that a client uses means; undefined where it means nothing. */
  readonly resolve: (name: string) => ModelCard | 'auto' | undefined
  readonly availability: (model: ModelCard) => Availability
  /** What a caller and the operator ask of routing together. `caller` is the digest of its key, or empty. */
  readonly wishOf: (caller: string, wish: RoutingWish | undefined) => RoutingWish | undefined
  readonly maxPromptCharacters: () => number
  readonly version: string
}

export interface OperationsOptions extends Rooms {
  /** Aborts all requests that still run when the time for draining is over. */
  readonly stopping: AbortSignal
  readonly chat: Omit<ChatOptions, 'answer' | 'stopping'>
}

export interface Arrival {
  readonly dialect: Dialect
  readonly route: Route
  readonly request: FastifyRequest
  readonly reply: FastifyReply
}

/** What is done with a request to each kind of route. */
export function operations(options: OperationsOptions): (arrival: Arrival) => Promise<unknown> {
  const { account, stopping } = options
  const chatOptions: ChatOptions = { ...options.chat, answer: options.answer, stopping }

  const headOf = (request: FastifyRequest): RequestHead => {
    const [path = '', query] = request.url.split(/(?=\?)/)
    return {
      requestId: request.id,
      headers: request.headers,
      maxPromptCharacters: options.maxPromptCharacters(),
      path,
      query: query ?? '',
      bodyText: request.bodyText,
    }
  }
  /** Who asks, and what caller and operator ask of routing together. */
  const circumstances = ({ caller, holder, headers }: FastifyRequest) => {
    const routing = permittedWish(options.wishOf(caller, routingWishOf(headers)), holder)
    return {
      ...(routing !== undefined && { routing }),
      ...(caller !== '' && { caller }),
      ...(holder !== undefined && { holder }),
    }
  }
  const parse = ({ dialect, request }: Arrival): ChatRequest => {
    const parsed = dialect.parse(request.body, headOf(request))
    const more = circumstances(request)
    return Object.keys(more).length === 0 ? parsed : { ...parsed, ...more }
  }
  const listed = (model: ModelCard) => ({ model, availability: options.availability(model) })
  const context = ({ request }: Arrival): InfoContext => ({
    models: permittedModels(options.models, request.holder).map(listed),
    resolve: (name) => {
      const model = options.resolve(name)
      if (typeof model !== 'object') return model
      return isPermitted(model, request.holder) ? listed(model) : undefined
    },
    params: request.params as Readonly<Record<string, string>>,
    body: request.body,
    headers: request.headers,
    version: options.version,
  })
  const hangUp = ({ request, reply }: Arrival) => hangUpOf(request, reply, stopping).signal

  return async (arrival) => {
    const { dialect, route, request, reply } = arrival
    switch (route.does) {
      case 'chat':
        return route.atOnce?.(context(arrival)) ?? chat(parse(arrival), dialect, chatOptions, request, reply)
      case 'route':
        return dialect.decision?.(options.route(parse(arrival)), request.id)
      case 'stats':
        return account.statistics(startOfWindow(request.query))
      case 'info':
        return route.info(context(arrival))
      case 'count':
        return route.count(await options.countTokens(parse(arrival), hangUp(arrival)))
      case 'feedback': {
        const given = route.feedback(request.body)
        return route.told(await options.giveFeedback({ ...given, caller: request.caller }))
      }
      case 'embed': {
        const asked = { ...route.embed(request.body, headOf(request)), ...circumstances(request) }
        const answer = await options.embed(asked, hangUp(arrival))
        reply.headers(embeddingHeaders(answer))
        return route.vectors({ ...answer, request: asked })
      }
      default:
        return route satisfies never
    }
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
