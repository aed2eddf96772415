import type { ModelCard } from '../core/model.ts'
import { type ChatRequest, textOf } from '../core/request.ts'
import { acceptedSampling, type Warning } from './sampling.ts'
import { isRecord, type UpstreamIdentity, upstreamError } from './upstream-errors.ts'

/** Reply length to make room for when the caller sets no limit. */
const usualReply = 1024

interface ContextSize {
  readonly numCtx: number
  readonly promptTokens: number
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
    return { numCtx, promptTokens }
  }
}

/** Deliberately high, as what does not fit is lost. Bytes, not characters: other scripts need more tokens than letters. */
function estimatePrompt(request: ChatRequest): number {
  const tokens = request.messages.reduce((sum, message) => sum + Math.ceil(Buffer.byteLength(textOf(message)) / 4), 0)
  return Math.ceil(tokens * 1.25) + 256
}

export function chatBody(
  request: ChatRequest,
  model: ModelCard,
  { keepAlive, size }: { readonly keepAlive: string; readonly size: ContextSize },
): { readonly body: Readonly<Record<string, unknown>>; readonly warnings: readonly Warning[] } {
  const extra = request.dialect === 'ollama' ? (request.extra ?? {}) : {}
  const { sampling, maxTokens, warnings } = acceptedSampling(request, model, [])
  const body = {
    ...extra,
    model: model.id,
    messages: request.messages.map((message) => ({ role: message.role, content: textOf(message) })),
    stream: true,
    // Newer versions then fail where older ones cut the prompt or push its beginning out of the context.
    truncate: false,
    shift: false,
    // Since 0.12.11; older versions ignore it.
    logprobs: true,
    // A bare number must be sent as one: Ollama reads strings as durations with a unit.
    keep_alive: /^-?\d+$/.test(keepAlive) ? Number(keepAlive) : keepAlive,
    options: {
      ...(isRecord(extra.options) ? extra.options : {}),
      num_ctx: size.numCtx,
      num_predict: maxTokens ?? model.maxOutputTokens,
      ...sampling,
      ...(request.stop !== undefined && { stop: request.stop }),
    },
  }
  return { body, warnings }
}
