import { estimateTokens } from './usage.ts'

/** One piece of a message. Later kinds (images, tool calls, tool results, reasoning) join this union. */
export type ContentPart = { readonly type: 'text'; readonly text: string }

export type Role = 'system' | 'user' | 'assistant'

export interface Message {
  readonly role: Role
  readonly content: readonly ContentPart[]
}

/** A chat request in the gateway's own words, whatever dialect the client spoke. Everything in it has been checked. */
export interface ChatRequest {
  /** Set by the gateway or taken from `x-request-id`; stands in headers, logs and the ledger. */
  readonly id: string
  /** The name of the dialect that the client spoke. */
  readonly dialect: string
  /** `auto` routes; a configured name pins that model. */
  readonly model: string
  /** Never empty; the system prompt, where there is one, comes first as a message of its own. */
  readonly messages: readonly Message[]
  readonly stream: boolean
  /** Upper bound of the reply, in tokens; undefined leaves it to the model. */
  readonly maxTokens?: number
  readonly temperature?: number
  readonly topP?: number
  readonly stop?: readonly string[]
  readonly seed?: number
  readonly presencePenalty?: number
  readonly frequencyPenalty?: number
  /** The caller's own labels. Not sent to any model. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** Fields of the client's dialect that the gateway does not know; a provider of the same dialect passes them on. */
  readonly extra?: Readonly<Record<string, unknown>>
  /** What the client wants of the form of its reply; read by its dialect alone, no matter for any model. */
  readonly wishes?: Readonly<Record<string, boolean>>
  /** What `Cache-Control` asks for: read and write, write only (`no-cache`), or neither (`no-store`). */
  readonly caching: 'use' | 'refresh' | 'off'
}

export function textOf(message: Message): string {
  return message.content.map((part) => part.text).join('')
}

/** Rough size of everything that is sent, in tokens. */
export function estimatePromptTokens(request: ChatRequest): number {
  return request.messages.reduce((sum, message) => sum + estimateTokens(textOf(message)), 0)
}

/** The text that the router scores: the last thing the user said, not the system prompt and not earlier turns. */
export function scoredText(request: ChatRequest): string {
  const last = request.messages.findLast((message) => message.role === 'user') ?? request.messages.at(-1)
  return last === undefined ? '' : textOf(last)
}
