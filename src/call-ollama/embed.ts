import type { EmbeddingReply } from '../core/embedding.ts'
import { noUsage } from '../core/usage.ts'
import type { EmbeddingCall } from '../providers/provider.ts'
import { count, isRecord, upstreamError } from '../upstream/errors.ts'
import type { Upstream } from '../upstream/upstream.ts'
import { keepAliveFor } from './request.ts'

/** Asks Ollama for vectors. */
export async function ollamaEmbed(
  upstream: Upstream,
  { request, model }: EmbeddingCall,
  { keepAlive, signal }: { readonly keepAlive: string; readonly signal: AbortSignal },
): Promise<EmbeddingReply> {
  const { inputs, dimensions, truncate } = request
  const body = {
    model: model.id,
    input: inputs,
    keep_alive: keepAliveFor(keepAlive),
    ...(dimensions !== undefined && { dimensions }),
    ...(truncate !== undefined && { truncate }),
  }
  const reply = await upstream.json({ method: 'POST', path: '/api/embed', body }, signal)
  const fields = isRecord(reply) ? reply : {}
  const vectors = Array.isArray(fields.embeddings) ? fields.embeddings.filter(isVector) : []
  if (vectors.length !== inputs.length) {
    const said = `sent ${vectors.length} vectors for ${inputs.length} texts`
    throw upstreamError(upstream.identity, 'upstream_failed', said)
  }
  // Older versions cut nothing and say nothing of it.
  const length = vectors[0]?.length ?? 0
  const ignored = dimensions !== undefined && length !== dimensions
  const counted = typeof fields.prompt_eval_count === 'number'
  return {
    vectors,
    usage: counted ? { ...noUsage, input: count(fields.prompt_eval_count) } : undefined,
    warnings: ignored ? [`model '${model.name}' makes vectors of ${length} numbers: dimensions was left out`] : [],
  }
}

function isVector(value: unknown): value is readonly number[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'number')
}
