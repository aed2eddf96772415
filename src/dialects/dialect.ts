import type { z } from 'zod'
import type { Decision } from '../core/decision.ts'
import type { ErrorCode, GatewayError } from '../core/errors.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import type { Receipt } from '../core/receipt.ts'
import type { FinishReason } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'

/** What a route does with a request once it is parsed; `http/` has one handler for each. */
export type Operation = 'chat' | 'route' | 'models' | 'stats'

export interface Route {
  readonly method: 'GET' | 'POST'
  readonly path: string
  readonly does: Operation
  readonly summary: string
  /** Shape of the request body; the OpenAPI document is made from it. */
  readonly body?: z.ZodType
  /** Shape of a successful reply that is not streamed. */
  readonly reply: z.ZodType
  /** Query parameters. */
  readonly query?: z.ZodObject
  /** True where `stream: true` answers with server-sent events. */
  readonly streams: boolean
}

/** What of the HTTP head means something to a dialect. Names are lower-case. */
export interface RequestHead {
  readonly requestId: string
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly maxPromptCharacters: number
}

/** The part of an answer's story that is known before its first content. */
export interface AnswerFacts {
  readonly requestId: string
  readonly model: string
  readonly backend: string
  readonly cache: string
  readonly decision: Decision
  readonly reasoning: string
  readonly degraded: boolean
  readonly warnings: readonly string[]
}

export interface WholeReply {
  readonly facts: AnswerFacts
  readonly text: string
  readonly reasoning: string
  readonly reason: FinishReason
  readonly receipt: Receipt
}

/** Writes one streamed answer, frame by frame. Each method returns the bytes to send, perhaps none. */
export interface FrameWriter {
  readonly contentType: string
  readonly start: (facts: AnswerFacts) => string
  readonly text: (text: string) => string
  readonly reasoning: (text: string) => string
  readonly end: (reason: FinishReason, receipt: Receipt) => string
  /** An error after the stream began. The stream ends with it. */
  readonly error: (error: GatewayError, requestId: string) => string
  /** Bytes that mean nothing, to keep a waiting connection open. */
  readonly heartbeat: string
}

export interface ListedModel {
  readonly model: ModelCard
  readonly availability: Availability
}

/**
 * One API shape that clients speak: pure functions between its wire format and the gateway's vocabulary. A new one is
 * a file, its test and a line in `dialects/index.ts`.
 */
export interface Dialect {
  readonly name: string
  /** Errors on paths that start with one of these, known or not, are written in this dialect. */
  readonly prefixes: readonly string[]
  readonly routes: readonly Route[]
  /** Throws `GatewayError` with the field that is wrong. */
  readonly parse: (body: unknown, head: RequestHead) => ChatRequest
  readonly whole: (reply: WholeReply, request: ChatRequest) => object
  readonly frames: (request: ChatRequest) => FrameWriter
  readonly error: (error: GatewayError, requestId: string) => object
  readonly models: (models: readonly ListedModel[]) => object
  /** Absent where the dialect has no route for it. */
  readonly decision?: (decision: Decision, requestId: string) => object
}

/** The codes that a dialect's own error object groups into its types. */
export type ErrorGroup =
  | 'invalid'
  | 'authentication'
  | 'permission'
  | 'not-found'
  | 'rate-limit'
  | 'overloaded'
  | 'server'

export function errorGroup(code: ErrorCode, status: number): ErrorGroup {
  if (status === 401) return 'authentication'
  if (status === 402 || status === 403) return 'permission'
  if (status === 404 || code === 'unknown_model') return 'not-found'
  if (status === 429) return 'rate-limit'
  if (status === 503) return 'overloaded'
  return status < 500 ? 'invalid' : 'server'
}
