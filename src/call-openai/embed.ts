import type { EmbeddingReply } from '../core/embedding.ts'
import { noUsage } from '../core/usage.ts'
import type { EmbeddingCall } from '../providers/provider.ts'
import { count, isRecord, list, record, upstreamError } from '../upstream/errors.ts'
import type { Upstream } from '../upstream/upstream.ts'
import type { Preset } from './presets.ts'
import { userField } from './request.ts'

/** Vectors from `/embeddings`. Servers of their own mind send base64 where numbers were asked for. */
export async function embeddings(
  { upstream, preset }: { readonly upstream: Upstream; readonly preset: Preset },
  call: EmbeddingCall,
  signal: AbortSignal,
): Promise<EmbeddingReply> {
  const { request, model } = call
  const body = {
    model: model.id,
    input: request.inputs,
    encoding_format: 'float',
    ...(request.dimensions !== undefined && { dimensions: request.dimensions }),
    ...userField(request.user, preset),
  }
  const answer = record(await upstream.json({ method: 'POST', path: '/embeddings', body }, signal))
  const entries = list(answer.data).map(record)
  const ordered = entries.toSorted((one, other) => count(one.index) - count(other.index))
  const vectors = ordered.map(({ embedding }) => vectorOf(embedding))
  if (vectors.length !== request.inputs.length || vectors.some(({ length }) => length === 0)) {
    const said = `sent ${vectors.length} vectors for ${request.inputs.length} inputs, or empty ones`
    throw upstreamError(upstream.identity, 'upstream_failed', said)
  }
  const { usage } = answer
  const input = isRecord(usage) ? count(usage.prompt_tokens ?? usage.total_tokens) : 0
  return { vectors, usage: isRecord(usage) ? { ...noUsage, input } : undefined, warnings: [] }
}

function vectorOf(embedding: unknown): readonly number[] {
  if (Array.isArray(embedding)) return embedding.filter((value) => typeof value === 'number')
  if (typeof embedding !== 'string') return []
  const bytes = Buffer.from(embedding, 'base64')
  return Array.from({ length: Math.floor(bytes.length / 4) }, (_, at) => bytes.readFloatLE(at * 4))
}
