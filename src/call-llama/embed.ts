import type { EmbeddingReply } from '../core/embedding.ts'
import { GatewayError } from '../core/errors.ts'
import { noUsage } from '../core/usage.ts'
import type { EmbeddingCall } from '../providers/provider.ts'
import type { LoadedModel } from './model.ts'

/** Vectors of a model in memory, each of length 1. Throws `context_too_long` where a text may not be cut. */
export async function vectorsOf(
  loaded: LoadedModel,
  { request, model }: EmbeddingCall,
  signal: AbortSignal,
): Promise<EmbeddingReply> {
  const { inputs, dimensions, truncate } = request
  // The library adds tokens of its own at both ends.
  const longest = loaded.contextTokens - 2
  const texts = inputs.map((text) => loaded.tokenize(text))
  const tooLong = texts.findIndex(({ length }) => length > longest)
  if (tooLong !== -1 && truncate === false) {
    const message = `input[${tooLong}] has ${texts[tooLong]?.length} tokens, and model '${model.name}' takes ${longest}`
    throw new GatewayError('context_too_long', message)
  }
  const read = texts.map((tokens) => tokens.slice(0, longest))
  const vectors: (readonly number[])[] = []
  for (const tokens of read) {
    if (signal.aborted) throw new GatewayError('cancelled', 'the request was cancelled')
    vectors.push(await loaded.vector(tokens))
  }
  const length = vectors[0]?.length ?? 0
  return {
    vectors,
    usage: { ...noUsage, input: read.reduce((sum, tokens) => sum + tokens.length, 0) },
    warnings: [
      ...(tooLong === -1 ? [] : [`model '${model.name}' reads ${longest} tokens at most: longer texts were cut`]),
      ...(dimensions === undefined || dimensions === length
        ? []
        : [`model '${model.name}' makes vectors of ${length} numbers: dimensions was left out`]),
    ],
  }
}
