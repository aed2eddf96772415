import type { ContentPart } from '../core/content.ts'
import { parseExactly } from '../core/exact-json.ts'
import { editFields } from '../core/json-splice.ts'
import type { ModelCard } from '../core/model.ts'
import type { ChatRequest, ClientRequest } from '../core/request.ts'
import { type FunctionTool, functionTools, type ResponseFormat } from '../core/tools.ts'
import { lossesOf } from '../translation/losses.ts'
import { acceptedSampling, type Warning, warning } from '../translation/sampling.ts'
import { isRecord, type UpstreamIdentity, upstreamError } from '../upstream/errors.ts'
import { ollamaMessages } from './messages.ts'

export const ollamaDialects = ['ollama-chat', 'ollama-generate'] as const

/** Reply length to make room for when the caller sets no limit. */
const usualReply = 1024
/** What a picture takes of the context, more or less, in bytes of text. */
const imageBytes = 4000

export interface ContextSize {
  readonly numCtx: number
}

/** What the operator configured about every request. */
export interface OllamaHow {
  readonly keepAlive: string
  readonly size: ContextSize
}

/**
 * Chooses `num_ctx`. Ollama's own default cuts long prompts without a word, and every new value reloads the model, so
 * a value is taken from a short list, fits the request, and only ever grows while this provider lives.
 */
export function contextSizes(identity: UpstreamIdentity, sizes: readonly number[]) {
  const chosen = new Map<string, number>()

  return (request: ChatRequest, model: ModelCard): ContextSize => {
    const possible = sizes.map((size) => Math.min(size, model.contextTokens)).toSorted((a, b) => a - b)
    const greatest = possible.at(-1) ?? model.contextTokens
    const promptTokens = estimatePrompt(request)
    if (promptTokens > greatest) {
      throw upstreamError(
        identity,
        'context_too_long',
        `has no room for about ${promptTokens} prompt tokens: model '${model.name}' takes ${greatest} at most`,
      )
    }
    const wanted = promptTokens + Math.min(request.maxTokens ?? usualReply, model.maxOutputTokens)
    const fitting = possible.find((size) => size >= wanted) ?? greatest
    const numCtx = Math.max(fitting, chosen.get(model.id) ?? 0)
    chosen.set(model.id, numCtx)
    return { numCtx }
  }
}

/** The context that the client itself chose: it knows what it does. */
export function clientSize({ body }: ClientRequest): ContextSize | undefined {
  const { options } = fieldsIn(body)
  return isRecord(options) && typeof options.num_ctx === 'number' ? { numCtx: options.num_ctx } : undefined
}

/** Deliberately high, as what does not fit is lost. Bytes, not characters: other scripts need more tokens than letters. */
function estimatePrompt({ messages, tools }: ChatRequest): number {
  const described = functionTools(tools)
  const offered = described.length === 0 ? 0 : Buffer.byteLength(JSON.stringify(described))
  const bytes = messages.reduce((sum, { content }) => sum + bytesOf(content), offered)
  return Math.ceil(Math.ceil(bytes / 4) * 1.25) + 256
}

function bytesOf(content: readonly ContentPart[]): number {
  return content.reduce((sum, part) => {
    if (part.type === 'image') return sum + imageBytes
    if (part.type === 'text' || part.type === 'reasoning') return sum + Buffer.byteLength(part.text)
    if (part.type === 'tool-call') return sum + Buffer.byteLength(part.name + part.arguments)
    return part.type === 'tool-result' ? sum + bytesOf(part.content) : sum
  }, 0)
}

/** The body of a chat in Ollama's words, and what of the request it cannot hold. */
export function chatBody(
  request: ChatRequest,
  model: ModelCard,
  { keepAlive, size }: OllamaHow,
): { readonly body: Readonly<Record<string, unknown>>; readonly warnings: readonly Warning[] } {
  const extra = ollamaDialects.some((dialect) => dialect === request.dialect) ? (request.extra ?? {}) : {}
  const { sampling, maxTokens, warnings } = acceptedSampling(request, model, [])
  const { messages, warnings: lost } = ollamaMessages(request.messages, model)
  const { tools, unforced } = toolsFor(request, model)
  const body = {
    ...extra,
    model: model.id,
    messages,
    stream: true,
    ...(tools.length > 0 && { tools: tools.map(toolFor) }),
    ...formatFor(request.responseFormat),
    ...thinkFor(request, model),
    // Newer versions then fail where older ones cut the prompt or push its beginning out of the context.
    truncate: false,
    shift: false,
    // Since 0.12.11; older versions ignore it.
    logprobs: true,
    ...(request.logprobs !== undefined && request.logprobs.top > 0 && { top_logprobs: request.logprobs.top }),
    keep_alive: keepAliveFor(keepAlive),
    options: {
      ...(isRecord(extra.options) ? extra.options : {}),
      num_ctx: size.numCtx,
      num_predict: maxTokens ?? model.maxOutputTokens,
      ...sampling,
      ...(request.stop !== undefined && { stop: request.stop }),
    },
  }
  const strict = tools.some((tool) => tool.strict === true)
    ? [warning(model, 'is not held to the schema of a tool: strict was left out')]
    : []
  return { body, warnings: [...lossesOf(request, model, ollamaDialects), ...warnings, ...lost, ...unforced, ...strict] }
}

/** Ollama has no tool choice: what can be done is to offer no tool, or only the one that is meant. */
function toolsFor({ tools, toolChoice }: ChatRequest, model: ModelCard) {
  const offered = functionTools(tools)
  if (toolChoice?.type === 'none') return { tools: [], unforced: [] }
  if (toolChoice === undefined || toolChoice.type === 'auto') return { tools: offered, unforced: [] }
  const meant = toolChoice.type === 'tool' ? offered.filter(({ name }) => name === toolChoice.name) : offered
  return { tools: meant, unforced: [warning(model, 'cannot be made to call a tool: tool_choice is a wish only')] }
}

function toolFor({ name, description = '', parameters }: FunctionTool) {
  return { type: 'function', function: { name, description, parameters } }
}

function formatFor(format: ResponseFormat | undefined): { readonly format?: unknown } {
  switch (format?.type) {
    case 'json':
      return { format: 'json' }
    case 'json-schema':
      return { format: format.schema }
    case 'text':
    case undefined:
      return {}
    default:
      throw format satisfies never
  }
}

/** Only gpt-oss knows how hard to think; older versions refuse such words for the others. */
function thinkFor({ reasoning }: ChatRequest, model: ModelCard): { readonly think?: boolean | string } {
  if (reasoning === undefined) return {}
  if (!reasoning.enabled) return { think: false }
  // Ollama refuses the whole request for a model that cannot.
  if (!model.capabilities.includes('reasoning')) return {}
  const { effort } = reasoning
  if (!/gpt-oss/i.test(model.id) || effort === undefined) return { think: true }
  if (effort === 'minimal' || effort === 'low') return { think: 'low' }
  return { think: effort === 'medium' ? 'medium' : 'high' }
}

/** A bare number must be sent as one: Ollama reads strings as durations with a unit. */
export function keepAliveFor(keepAlive: string): string | number {
  return /^-?\d+$/.test(keepAlive) ? Number(keepAlive) : keepAlive
}

/**
 * The client's own body. What the operator configured stands where the client said nothing; log-probabilities are asked
 * for in any case, as local replies are judged by them.
 */
export function nativeBody(client: ClientRequest, model: ModelCard, { keepAlive, size }: OllamaHow): string {
  const body = fieldsIn(client.body)
  const missing = (field: string) => body[field] === undefined || body[field] === null
  return editFields(client.body, {
    model: model.id,
    ...(clientSize(client) === undefined && { options: { ...exactOptions(client), num_ctx: size.numCtx } }),
    ...(missing('keep_alive') && { keep_alive: keepAliveFor(keepAlive) }),
    ...(missing('truncate') && { truncate: false }),
    ...(missing('shift') && { shift: false }),
    ...(body.logprobs !== true && { logprobs: true }),
  })
}

/** The client's options with their numbers as it wrote them. */
function exactOptions({ body }: ClientRequest): Readonly<Record<string, unknown>> {
  const fields = parseExactly(body)
  return isRecord(fields) && isRecord(fields.options) ? fields.options : {}
}

/** Whether the client itself wants to see log-probabilities. */
export function asksForLogprobs(client: ClientRequest): boolean {
  return fieldsIn(client.body).logprobs === true
}

function fieldsIn(text: string): Readonly<Record<string, unknown>> {
  const body: unknown = JSON.parse(text)
  return isRecord(body) ? body : {}
}
