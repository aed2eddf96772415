import { z } from 'zod'
import type { EmbeddingRequest } from '../core/embedding.ts'
import { GatewayError } from '../core/errors.ts'
import { inputTokens } from '../core/usage.ts'
import { checkBody, checkLength } from '../dialects/check.ts'
import type { EmbeddingAnswer, RequestHead } from '../dialects/dialect.ts'
import { modelField } from './body.ts'

const visible = z.string({ error: 'must be a string' }).min(1, 'is empty: write what shall become a vector')

export const embedBody = z
  .looseObject({
    model: modelField,
    input: z
      .union([visible, z.array(visible).min(1, 'is empty: send at least one text')], {
        error: 'must be a text that is not empty, or an array of them',
      })
      .meta({ examples: ['The sky is blue.'] }),
    truncate: z.boolean({ error: 'must be true or false' }).nullish(),
    dimensions: z.int({ error: 'must be a whole number' }).nullish().describe('0 leaves it to the model.'),
  })
  .meta({ id: 'OllamaEmbedRequest' })

export const embedReply = z
  .object({
    model: z.string(),
    embeddings: z.array(z.array(z.number())),
    total_duration: z.int(),
    load_duration: z.int(),
    prompt_eval_count: z.int(),
  })
  .meta({ id: 'OllamaEmbedReply' })

/** The former shape, of one text. */
export const embeddingsBody = z
  .looseObject({ model: modelField, prompt: visible.meta({ examples: ['The sky is blue.'] }) })
  .meta({ id: 'OllamaEmbeddingsRequest' })

export const embeddingsReply = z.object({ embedding: z.array(z.number()) }).meta({ id: 'OllamaEmbeddingsReply' })

export function embed(body: unknown, head: RequestHead): EmbeddingRequest {
  const { model, input, truncate, dimensions } = checkBody(embedBody, body)
  const inputs = typeof input === 'string' ? [input] : input
  for (const [index, text] of inputs.entries()) {
    checkLength(text, typeof input === 'string' ? 'input' : `input[${index}]`, head)
  }
  if (dimensions !== null && dimensions !== undefined && dimensions < 0) {
    throw new GatewayError('invalid_request', 'dimensions: must not be negative', { field: 'dimensions' })
  }
  return {
    id: head.requestId,
    dialect: 'ollama-chat',
    model,
    inputs,
    ...(dimensions ? { dimensions } : {}),
    ...(typeof truncate === 'boolean' && { truncate }),
  }
}

export function embedOne(body: unknown, head: RequestHead): EmbeddingRequest {
  const { model, prompt } = checkBody(embeddingsBody, body)
  checkLength(prompt, 'prompt', head)
  return { id: head.requestId, dialect: 'ollama-chat', model, inputs: [prompt] }
}

export function vectors({ request, vectors: embeddings, receipt }: EmbeddingAnswer): z.infer<typeof embedReply> {
  return {
    model: request.model,
    embeddings: embeddings.map((vector) => [...vector]),
    total_duration: Math.round(receipt.durationMs * 1_000_000),
    load_duration: 0,
    prompt_eval_count: inputTokens(receipt.usage),
  }
}

export function firstVector({ vectors: embeddings }: EmbeddingAnswer): z.infer<typeof embeddingsReply> {
  return { embedding: [...(embeddings[0] ?? [])] }
}
