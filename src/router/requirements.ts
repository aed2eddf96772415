import { type Availability, type Capability, capabilitiesOf, type ModelCard } from '../core/model.ts'
import { type ChatRequest, estimatePromptTokens, type Need, needsOf } from '../core/request.ts'

/** Room that every reply needs, in tokens, where the caller does not say how long it may become. */
const leastReply = 16

/** What a request asks of any model that shall answer it. */
export interface Requirements {
  readonly needs: readonly Need[]
  /** Of prompt and the shortest useful reply together. */
  readonly contextTokens: number
  /** Longest reply that the caller allows; 0 where it does not say. */
  readonly outputTokens: number
  /** True where the reply must be a tool call. */
  readonly forcesTool: boolean
}

export function requirementsOf(request: ChatRequest): Requirements {
  return {
    needs: needsOf(request),
    contextTokens: estimatePromptTokens(request) + Math.min(request.maxTokens ?? leastReply, leastReply),
    outputTokens: request.maxTokens ?? 0,
    forcesTool: request.toolChoice?.type === 'required' || request.toolChoice?.type === 'tool',
  }
}

export interface Shortfall {
  /** `weak`: it can, but badly. */
  readonly kind: 'capability' | 'weak' | 'context' | 'output'
  /** In words that follow the model's name: `cannot read images (messages[0].content)`. */
  readonly words: string
  readonly field: string
  /** The way out, where the request itself shows one. */
  readonly advice?: string
}

/** The first thing that the model cannot do and must. */
export function shortfallOf(
  model: ModelCard,
  availability: Availability,
  { needs, contextTokens, outputTokens, forcesTool }: Requirements,
  dialect: string,
): Shortfall | undefined {
  if (availability.embedsOnly === true || embedsAlone(model)) {
    return { kind: 'capability', words: 'makes embeddings, and cannot chat', field: 'model' }
  }
  const missing = needs.find((need) => need.weight === 'must' && !meets(model, availability, need, dialect))
  if (missing?.capability === 'tools' && capabilitiesOf(model, availability).includes('weak-tools')) {
    // Made to call one, it does: what it lacks is the judgement when to.
    if (!forcesTool)
      return { kind: 'weak', words: `seldom calls tools by itself (${missing.field})`, field: missing.field }
  } else if (missing !== undefined) {
    const { capability, field, advice } = missing
    const words = `${cannot[capability]} (${field})`
    return { kind: 'capability', words, field, ...(advice !== undefined && { advice }) }
  }
  if (contextTokens > model.contextTokens) {
    const words = `has room for ${model.contextTokens} tokens, and the request has about ${contextTokens}`
    return { kind: 'context', words, field: 'messages' }
  }
  if (outputTokens > model.maxOutputTokens) {
    const words = `writes ${model.maxOutputTokens} tokens at most, and the request allows ${outputTokens}`
    return { kind: 'output', words, field: 'max_tokens' }
  }
  return undefined
}

/** The operator said what it can do, and that is to make embeddings. */
function embedsAlone({ capabilitiesFixed, capabilities }: ModelCard): boolean {
  return capabilitiesFixed && capabilities.length > 0 && capabilities.every((capability) => capability === 'embeddings')
}

/** How many of the things that the caller would like, and can do without, the model can do. */
export function preferencesMet(
  model: ModelCard,
  availability: Availability,
  { needs }: Requirements,
  dialect: string,
): number {
  return needs.filter((need) => need.weight === 'prefer' && meets(model, availability, need, dialect)).length
}

function meets(model: ModelCard, availability: Availability, { capability }: Need, dialect: string): boolean {
  if (capability === 'native') return model.dialects.includes(dialect)
  return capabilitiesOf(model, availability).includes(capability)
}

const cannot: Readonly<Record<Capability | 'native', string>> = {
  tools: 'cannot call tools',
  'weak-tools': 'cannot call tools',
  images: 'cannot read images',
  files: 'cannot read documents',
  audio: 'cannot hear audio',
  'json-schema': 'cannot be held to JSON',
  logprobs: 'gives no log-probabilities',
  reasoning: 'does not think before it replies',
  embeddings: 'makes no embeddings',
  native: 'does not speak the API that this field belongs to',
}
