import type { z } from 'zod'
import type { Decision } from '../core/decision.ts'
import type { EmbeddingRequest } from '../core/embedding.ts'
import type { ErrorCode, GatewayError } from '../core/errors.ts'
import type { Label } from '../core/evidence.ts'
import type { ReplyChoice } from '../core/message-builder.ts'
import type { Availability, ModelCard } from '../core/model.ts'
import type { CacheResult, Receipt } from '../core/receipt.ts'
import type { ContentDelta, FinishReason } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import type { Usage } from '../core/usage.ts'

interface RouteHead {
  readonly method: 'GET' | 'POST' | 'DELETE' | 'HEAD'
  /** Parameters as `:name`; a `*` at the end stands for the rest of the path. */
  readonly path: string
  readonly summary: string
  /** Shape of the request body; the OpenAPI document is made from it. */
  readonly body?: z.ZodType
  /** Shape of a successful reply that is not streamed. */
  readonly reply: z.ZodType
  /** Query parameters. */
  readonly query?: z.ZodObject
}

/** A path and what is done with a request to it; `http/` has one handler for each `does`. */
export type Route = RouteHead &
  (
    | {
        /** Parsed, walked through the gateway, answered whole or as a stream. */
        readonly does: 'chat'
        /** The content type of a stream; its frames are the dialect's. */
        readonly streams: 'text/event-stream' | 'application/x-ndjson'
        /** The whole reply to a body that asks nothing of any model; undefined for every other. Throws `GatewayError`. */
        readonly atOnce?: (context: InfoContext) => object | undefined
      }
    /** Parsed and decided, not executed: `Dialect.decision`. */
    | { readonly does: 'route' }
    | { readonly does: 'stats' }
    /** Answered from what the gateway knows already. Throws `GatewayError`, as for a name that is not there. */
    | { readonly does: 'info'; readonly info: (context: InfoContext) => object }
    /** Parsed like a chat; answered with the size of its prompt. */
    | { readonly does: 'count'; readonly count: (inputTokens: number) => object }
    /** A word on a reply that was given before. */
    | {
        readonly does: 'feedback'
        readonly feedback: (body: unknown) => GivenFeedback
        readonly told: (label: Label) => object
      }
    | {
        readonly does: 'embed'
        readonly embed: (body: unknown, head: RequestHead) => EmbeddingRequest
        readonly vectors: (answer: EmbeddingAnswer) => object
      }
  )

export interface GivenFeedback {
  readonly requestId: string
  readonly verdict: 'good' | 'bad' | 'regenerated'
  readonly from: 'user' | 'validator'
}

/** What an `info` route may know. */
export interface InfoContext {
  readonly models: readonly ListedModel[]
  /** What a name means to the router, aliases and all; undefined for one that means nothing. */
  readonly resolve: (name: string) => ListedModel | 'auto' | undefined
  /** Path parameters, decoded; the one of a `*` is called `*`. */
  readonly params: Readonly<Record<string, string>>
  /** Undefined where the request has no body. */
  readonly body: unknown
  readonly headers: Headers
  /** Of the gateway. */
  readonly version: string
}

export interface EmbeddingAnswer {
  readonly request: EmbeddingRequest
  readonly vectors: readonly (readonly number[])[]
  /** The configured name of the model that made them. */
  readonly model: string
  readonly receipt: Receipt
}

/** Names are lower-case. */
export type Headers = Readonly<Record<string, string | string[] | undefined>>

/** What of the HTTP request beside its parsed body means something to a dialect. */
export interface RequestHead {
  readonly requestId: string
  readonly headers: Headers
  readonly maxPromptCharacters: number
  readonly path: string
  /** With its question mark, or empty. */
  readonly query: string
  /** The body as it came. */
  readonly bodyText: string
}

/** The part of an answer's story that is known before its first content. */
export interface AnswerFacts {
  readonly requestId: string
  readonly model: string
  readonly backend: string
  readonly cache: CacheResult
  /** Present where the answer is that to another question. */
  readonly near?: { readonly id: string; readonly similarity: number }
  readonly decision: Decision
  readonly reasoning: string
  readonly degraded: boolean
  readonly warnings: readonly string[]
  /** What the prompt used: the server's word, or an estimate. */
  readonly promptUsage: Usage
}

export interface WholeReply {
  readonly facts: AnswerFacts
  /** One, or as many as the request asked for. */
  readonly choices: readonly ReplyChoice[]
  readonly receipt: Receipt
}

/** How an answer ended. */
export interface ReplyEnd {
  readonly reason: FinishReason
  /** Of all choices, where there are several. */
  readonly reasons?: readonly FinishReason[]
  readonly stopSequence?: string
  readonly receipt: Receipt
}

/**
 * Writes one streamed answer, frame by frame. Each method returns the bytes to send, perhaps none. One writer serves
 * one answer and may remember what it wrote. A reply that comes in the dialect's own form passes it by: then only
 * `heartbeat` and `error` are used.
 */
export interface FrameWriter {
  readonly contentType: string
  readonly start: (facts: AnswerFacts) => string
  readonly part: (part: ContentDelta) => string
  readonly end: (end: ReplyEnd) => string
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
  /** The status of an error where the vendor's documentation has another one than the table. */
  readonly status?: (error: GatewayError) => number
  /** Headers of every answer and error, beside those that the gateway always sends. */
  readonly headers?: (requestId: string) => Readonly<Record<string, string>>
  /** True for a request whose headers show that its client speaks this dialect, on a path that several have. */
  readonly claims?: (headers: Headers, path: string) => boolean
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
