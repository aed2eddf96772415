import { createHash } from 'node:crypto'
import type { ChatRequest } from '../core/request.ts'

/**
 * The SHA-256 of everything that shapes the answer. Two requests with the same key may share one reply, whatever
 * dialect they came in and whether they stream.
 */
export function cacheKey(request: ChatRequest): string {
  const hash = createHash('sha256')
  hash.update(
    JSON.stringify([
      request.model,
      request.messages,
      request.maxTokens,
      request.temperature,
      request.topP,
      request.stop,
      request.seed,
      request.presencePenalty,
      request.frequencyPenalty,
      request.topK,
      request.tools,
      request.toolChoice,
      request.parallelToolCalls,
      request.responseFormat,
      request.reasoning,
      request.logprobs,
      request.choices,
      request.routing,
      request.holder?.models,
    ]),
  )
  // A server of that API continues a text where all others answer it.
  if (request.dialect === 'openai-completions') hash.update(request.dialect)
  // What only the vendor understands is known in full only in the client's own words.
  if (isOpaque(request) && request.client !== undefined) hash.update(request.client.body)
  const headers = request.client?.headers ?? {}
  if (Object.keys(headers).length > 0) hash.update(JSON.stringify([request.dialect, sorted(headers)]))
  // Unknown fields mean something in their own dialect only.
  if (request.extra !== undefined && Object.keys(request.extra).length > 0) {
    hash.update(JSON.stringify([request.dialect, sorted(request.extra)]))
  }
  return hash.digest('hex')
}

function isOpaque({ messages, tools, needs }: ChatRequest): boolean {
  return (
    (needs ?? []).some(({ capability }) => capability === 'native') ||
    (tools ?? []).some(({ type }) => type === 'hosted') ||
    messages.some(({ content }) => content.some(({ type }) => type === 'opaque'))
  )
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([key, inner]) => [key, sorted(inner)])
}
