import { z } from 'zod'
import type { EmbeddingRequest } from '../core/embedding.ts'
import { inputTokens } from '../core/usage.ts'
import { deliveryFields } from '../serve-openai/sampling.ts'
import { checkBody, checkLength, defined } from './check.ts'
import type { EmbeddingAnswer, RequestHead, Route } from './dialect.ts'

const mostInputs = 2048
const inputError = `must be a string or an array of 1 to ${mostInputs} strings`
const text = z.string({ error: inputError }).min(1, 'is empty: there is nothing to make a vector of')
const tokens = z.array(z.number())

const embeddingsBody = z
  .looseObject({
    model: deliveryFields.model,
    input: z.union([text, z.array(text).min(1, inputError).max(mostInputs, inputError)], { error: inputOf }),
    encoding_format: z.enum(['float', 'base64'], { error: 'must be float or base64' }).nullish(),
    dimensions: z.int({ error: 'must be a whole number, at least 1' }).min(1, 'must be at least 1').nullish(),
    user: deliveryFields.user,
  })
  .meta({ id: 'OpenAIEmbeddingsRequest' })

const embeddingsReply = z
  .object({
    object: z.literal('list'),
    data: z.array(
      z.object({
        object: z.literal('embedding'),
        index: z.int(),
        embedding: z.union([z.array(z.number()), z.string()]),
      }),
    ),
    model: z.string(),
    usage: z.object({ prompt_tokens: z.int(), total_tokens: z.int() }),
  })
  .meta({ id: 'OpenAIEmbeddingsReply' })

export const embeddingsRoute: Route = {
  method: 'POST',
  path: '/v1/embeddings',
  does: 'embed',
  summary: 'OpenAI Embeddings.',
  body: embeddingsBody,
  reply: embeddingsReply,
  embed: readEmbeddings,
  vectors: writeVectors,
}

function readEmbeddings(body: unknown, head: RequestHead): EmbeddingRequest {
  const { model, input, encoding_format, dimensions, user } = checkBody(embeddingsBody, body)
  const inputs = typeof input === 'string' ? [input] : input
  for (const [index, text] of inputs.entries()) {
    checkLength(text, typeof input === 'string' ? 'input' : `input[${index}]`, head)
  }
  return {
    id: head.requestId,
    dialect: 'openai-embeddings',
    model,
    inputs,
    ...defined({ dimensions, user }),
    // OpenAI refuses what is too long: half a text has another meaning.
    truncate: false,
    wishes: { base64: encoding_format === 'base64' },
  }
}

function writeVectors({ request, vectors, model, receipt }: EmbeddingAnswer): z.infer<typeof embeddingsReply> {
  const isBase64 = request.wishes?.base64 === true
  const promptTokens = inputTokens(receipt.usage)
  return {
    object: 'list',
    data: vectors.map((vector, index) => ({
      object: 'embedding',
      index,
      embedding: isBase64 ? base64Of(vector) : [...vector],
    })),
    model,
    usage: { prompt_tokens: promptTokens, total_tokens: promptTokens },
  }
}

/** 32-bit floats, the lowest byte first. */
function base64Of(vector: readonly number[]): string {
  const bytes = Buffer.alloc(vector.length * 4)
  for (const [index, value] of vector.entries()) bytes.writeFloatLE(value, index * 4)
  return bytes.toString('base64')
}

/** Token ids, which some libraries send in place of text. */
function inputOf({ input }: { readonly input?: unknown }): string {
  const isTokens = tokens.min(1).safeParse(input).success || z.array(tokens).min(1).safeParse(input).success
  return isTokens ? 'holds token ids, which mean something to one model only: send text' : inputError
}
