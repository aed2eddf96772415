import type { ModelCard } from '../core/model.ts'
import type { ReplyPart } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'

/** What callers may ask about how tokens are drawn, under the names that vendors use. */
export interface Sampling {
  readonly temperature?: number
  readonly top_p?: number
  readonly top_k?: number
  readonly seed?: number
  readonly presence_penalty?: number
  readonly frequency_penalty?: number
}

export type SamplingField = keyof Sampling
export type Warning = Extract<ReplyPart, { type: 'warning' }>

/** What a model with fixed sampling refuses. */
export const fixedFields: readonly SamplingField[] = [
  'temperature',
  'top_p',
  'top_k',
  'presence_penalty',
  'frequency_penalty',
]

/**
 * The sampling fields and the limit of a request, as far as model and server accept them. What they do not would fail
 * the whole request, so it is left out or lowered, and the caller is told.
 */
export function acceptedSampling(
  request: ChatRequest,
  model: ModelCard,
  unsupported: readonly SamplingField[],
): { readonly sampling: Sampling; readonly maxTokens: number | undefined; readonly warnings: readonly Warning[] } {
  const asked: [SamplingField, number | undefined][] = [
    ['temperature', request.temperature],
    ['top_p', request.topP],
    ['top_k', request.topK],
    ['seed', request.seed],
    ['presence_penalty', request.presencePenalty],
    ['frequency_penalty', request.frequencyPenalty],
  ]
  const given = asked.filter(([, value]) => value !== undefined)
  const refused = model.fixedSampling ? [...fixedFields, ...unsupported] : unsupported
  const dropped = given.map(([field]) => field).filter((field) => refused.includes(field))
  const sampling = Object.fromEntries(given.filter(([field]) => !refused.includes(field)))

  const warnings: Warning[] = []
  if (dropped.length > 0) warnings.push(leftOut(model, dropped))
  const maxTokens = request.maxTokens === undefined ? undefined : Math.min(request.maxTokens, model.maxOutputTokens)
  if (maxTokens !== request.maxTokens) warnings.push(lowered(model, request.maxTokens))
  return { sampling, maxTokens, warnings }
}

export function leftOut(model: ModelCard, fields: readonly string[]): Warning {
  return warning(model, `does not accept ${fields.join(', ')}: left out`)
}

export function lowered(model: ModelCard, asked: unknown): Warning {
  return warning(model, `writes ${model.maxOutputTokens} tokens at most: max_tokens was lowered from ${asked}`)
}

export function warning(model: ModelCard, said: string): Warning {
  return { type: 'warning', message: `model '${model.name}' ${said}` }
}
