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
    ]),
  )
  // Unknown fields mean something in their own dialect only.
  if (request.extra !== undefined && Object.keys(request.extra).length > 0) {
    hash.update(JSON.stringify([request.dialect, sorted(request.extra)]))
  }
  return hash.digest('hex')
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (value === null || typeof value !== 'object') return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return entries.map(([key, inner]) => [key, sorted(inner)])
}
