import { type ContentPart, isText, joinText, type TextPart } from './content.ts'
import type { KeyHolder } from './key-holder.ts'
import type { Backend, Capability } from './model.ts'
import type { ReasoningWish, ResponseFormat, Tool, ToolChoice } from './tools.ts'
import { estimateTokens } from './usage.ts'

/** `tool` messages hold tool results and nothing else. */
export type Role = 'system' | 'user' | 'assistant' | 'tool'

/**
 * One message. System messages hold text; user messages text, images, files; assistant messages text, reasoning, tool
 * calls; tool messages the results of calls, one or several. Opaque parts may stand anywhere.
 */
export interface Message {
  readonly role: Role
  readonly content: readonly ContentPart[]
}

/** The request as the client sent it, for models that speak the client's own dialect. */
export interface ClientRequest {
  /** The body, byte for byte (it is UTF-8). */
  readonly body: string
  /** Headers that mean something to a model of the same dialect (`anthropic-beta`), lower-case, as they came. */
  readonly headers: Readonly<Record<string, string>>
  /** The query string with its question mark, or empty. */
  readonly query: string
}

/** Something that a request asks for and not every model can do. */
export interface Need {
  /** `native`: only a model that speaks the client's own dialect can. */
  readonly capability: Capability | 'native'
  /** The field of the request that asks for it, for messages. */
  readonly field: string
  /**
   * `must`: a model without it is no candidate. `prefer`: a model with it comes first; where there is none, it is left
   * out with a warning. `may`: it is left out with a warning, and no reason to choose another model.
   */
  readonly weight: 'must' | 'prefer' | 'may'
  /** What the caller can do instead, in words that end the message where no model can. */
  readonly advice?: string
}

/** What a caller, or the operator for it, asks of routing. */
export interface RoutingWish {
  /** `local-only`: no word leaves the machine; `cloud-only`: no local model answers. */
  readonly mode?: 'auto' | 'local-only' | 'cloud-only'
  /** Share of the strong model's quality that must be kept, over many requests: above 0, at most 1. */
  readonly quality?: number
  /** The most that the request may cost, in dollars; estimates decide. */
  readonly maxCost?: number
  /** Seconds until the whole reply must probably be there. */
  readonly maxLatency?: number
}

/** Whether a model that runs here, or there, may get the words. */
export function permits(wish: RoutingWish | undefined, backend: Backend): boolean {
  if (wish?.mode === 'local-only') return backend === 'local'
  return wish?.mode !== 'cloud-only' || backend === 'cloud'
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
  readonly topK?: number
  readonly stop?: readonly string[]
  readonly seed?: number
  readonly presencePenalty?: number
  readonly frequencyPenalty?: number
  readonly tools?: readonly Tool[]
  readonly toolChoice?: ToolChoice
  /** False allows one call in a turn at most. */
  readonly parallelToolCalls?: boolean
  readonly responseFormat?: ResponseFormat
  readonly reasoning?: ReasoningWish
  /** Ask for the probabilities of the reply's tokens, and of so many alternatives to each. */
  readonly logprobs?: { readonly top: number }
  /** How many replies to give; 1 where it is not set. */
  readonly choices?: number
  /** The caller's own labels. Not sent to any model. */
  readonly metadata?: Readonly<Record<string, unknown>>
  /** The caller's name for its own user. */
  readonly user?: string
  /** What the caller says that its conversation is called: a header, or a field that means it. */
  readonly session?: string
  /** `KeyHolder.id` of the key that the caller sent; absent where there are no keys. */
  readonly caller?: string
  /** What that key allows. */
  readonly holder?: KeyHolder
  readonly routing?: RoutingWish
  /** What only the dialect can see that the request asks for; `needsOf` adds what the fields above say. */
  readonly needs?: readonly Need[]
  /** Fields of the client's dialect that the gateway does not know; a provider of the same dialect passes them on. */
  readonly extra?: Readonly<Record<string, unknown>>
  /** Present where a provider of the same dialect may pass the client's bytes on. */
  readonly client?: ClientRequest
  /** What of the request no model can do here; told to the caller as warnings. */
  readonly dropped?: readonly string[]
  /** What the client wants of the form of its reply; read by its dialect alone, no matter for any model. */
  readonly wishes?: Readonly<Record<string, boolean>>
  /** What `Cache-Control` asks for: read and write, write only (`no-cache`), or neither (`no-store`). */
  readonly caching: 'use' | 'refresh' | 'off'
}

export function textOf(message: Message): string {
  return joinText(message.content)
}

/** What the vendors charge for a picture of usual size, more or less. */
const imageTokens = 1000

/** Estimates are asked for several times on the way of a request, and its tools may be 100 kB of JSON. */
const estimates = new WeakMap<ChatRequest, number>()

/** Rough size of everything that is sent, in tokens: messages, tools, schema, pictures. */
export function estimatePromptTokens(request: ChatRequest): number {
  const known = estimates.get(request)
  if (known !== undefined) return known

  const { messages, tools, responseFormat } = request
  const content = messages.reduce((sum, message) => sum + estimateContent(message.content), 0)
  const described = tools === undefined || tools.length === 0 ? 0 : estimateTokens(JSON.stringify(tools))
  const schema = responseFormat?.type === 'json-schema' ? estimateTokens(JSON.stringify(responseFormat.schema)) : 0
  const estimate = content + described + schema
  estimates.set(request, estimate)
  return estimate
}

function estimateContent(content: readonly ContentPart[]): number {
  return content.reduce((sum, part) => sum + estimatePart(part), 0)
}

function estimatePart(part: ContentPart): number {
  switch (part.type) {
    case 'text':
      return estimateTokens(part.text)
    case 'reasoning':
      return estimateTokens(part.text + (part.redacted ?? ''))
    case 'tool-call':
      return estimateTokens(part.name + part.arguments)
    case 'tool-result':
      return estimateContent(part.content)
    case 'image':
      return imageTokens
    case 'file':
      // A page of a PDF is some 75 kB and some 2,000 tokens; a text is what it is.
      return part.source.kind === 'data' ? Math.ceil(part.source.data.length / 48) : imageTokens
    case 'opaque':
      return 0
    default:
      return part satisfies never
  }
}

/** What coding agents put into the user's turn, and the user did not say. */
const reminders = /<(system-reminder|local-command-stdout|environment_context)>/g

/** The text that the router scores: the last thing the user said, not system prompt, tool output or earlier turns. */
export function scoredText(request: ChatRequest): string {
  const users = request.messages.filter((message) => message.role === 'user')
  for (const message of users.reverse()) {
    const said = spoken(message)
    if (said.trim() !== '') return said
  }
  const last = request.messages.at(-1)
  return last === undefined ? '' : textOf(last)
}

/** Everything that users said, oldest first; of a request in which no user speaks, its last message. */
export function spokenBy(request: ChatRequest): readonly string[] {
  const said = request.messages
    .filter(({ role }) => role === 'user')
    .map(spoken)
    .filter((text) => text.trim() !== '')
  const last = request.messages.at(-1)
  return said.length > 0 || last === undefined ? said : [textOf(last)]
}

function spoken({ content }: Message): string {
  const texts = content.filter(isText).map(({ text }: TextPart) => text)
  return texts.map((text) => (text.includes('<') ? withoutReminders(text) : text)).join('')
}

/** By hand: one expression for a whole reminder would search to the end of the text for each that is never closed. */
function withoutReminders(text: string): string {
  const unclosed = new Set<string>()
  let kept = ''
  let from = 0
  for (const { index, 0: opening, 1: name = '' } of text.matchAll(reminders)) {
    if (index < from || unclosed.has(name)) continue
    const closing = `</${name}>`
    const end = text.indexOf(closing, index + opening.length)
    if (end === -1) unclosed.add(name)
    else {
      kept += text.slice(from, index)
      from = end + closing.length
    }
  }
  return kept + text.slice(from)
}

/** True while the model waits for nothing but the results of its own tools: the last word answers its calls. */
export function inToolLoop(request: ChatRequest): boolean {
  return lastWord(request)?.role === 'tool'
}

/** The last message that tells the model something new: agents put reminders behind the results of their tools. */
export function lastWord({ messages }: ChatRequest): Message | undefined {
  return messages.findLast(({ role, content }) => {
    if (role === 'system') return false
    return role !== 'user' || !content.every(isText) || spoken({ role, content }).trim() !== ''
  })
}

/** What the request asks for that not every model can do. */
export function needsOf(request: ChatRequest): readonly Need[] {
  const needs: Need[] = [...(request.needs ?? [])]
  const hasTools = (request.tools ?? []).some(({ type }) => type === 'function')
  const usesTools = request.messages.some(({ content }) => content.some(({ type }) => type === 'tool-call'))
  if (hasTools || usesTools) needs.push({ capability: 'tools', field: hasTools ? 'tools' : 'messages', weight: 'must' })
  for (const [capability, field] of mediaNeeds(request.messages)) needs.push({ capability, field, weight: 'must' })
  const format = request.responseFormat?.type
  if (format === 'json' || format === 'json-schema') {
    needs.push({ capability: 'json-schema', field: 'response_format', weight: 'must' })
  }
  if (request.logprobs !== undefined) needs.push({ capability: 'logprobs', field: 'logprobs', weight: 'prefer' })
  if (request.reasoning?.enabled === true) needs.push({ capability: 'reasoning', field: 'reasoning', weight: 'may' })
  return needs
}

function mediaNeeds(messages: readonly Message[]): ReadonlyMap<Capability, string> {
  const found = new Map<Capability, string>()
  const look = (part: ContentPart, field: string) => {
    if (part.type === 'tool-result') for (const inner of part.content) look(inner, field)
    if (part.type === 'image' && !found.has('images')) found.set('images', field)
    if (part.type !== 'file') return
    const audio = part.source.kind === 'data' && part.source.mediaType.startsWith('audio/')
    const capability = audio ? 'audio' : 'files'
    if (!found.has(capability)) found.set(capability, field)
  }
  for (const [index, { content }] of messages.entries()) {
    for (const part of content) look(part, `messages[${index}].content`)
  }
  return found
}
