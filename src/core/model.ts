import type { Price } from './price.ts'

export type Backend = 'local' | 'cloud'

/**
 * What some models can do and others cannot. `weak-tools`: it can be made to call a tool, and seldom does so by itself;
 * routing then takes it only where no other model is there. `embeddings`: it turns texts into vectors.
 */
export const capabilities = [
  'tools',
  'weak-tools',
  'images',
  'files',
  'audio',
  'json-schema',
  'logprobs',
  'reasoning',
  'embeddings',
] as const
export type Capability = (typeof capabilities)[number]

/** A model as the operator configured it, with all that the router must know. */
export interface ModelCard {
  /** The name that clients and the ledger use. */
  readonly name: string
  /** The name of the configured provider, a key of `providers` in the configuration. */
  readonly provider: string
  /** The model's name at its provider. */
  readonly id: string
  readonly backend: Backend
  /** The highest complexity, 0 to 1, that this model may take. */
  readonly maxComplexity: number
  /** False for a model that answers only when it is named. */
  readonly auto: boolean
  readonly price: Price
  /** Longest prompt and reply together, in tokens. */
  readonly contextTokens: number
  /** Longest reply, in tokens. */
  readonly maxOutputTokens: number
  /** True where the vendor rejects temperature, top_p and penalties; they are dropped with a warning. */
  readonly fixedSampling: boolean
  /** As configured, or what its provider usually can; a look at the server may know better (`Availability`). */
  readonly capabilities: readonly Capability[]
  /** True where the operator said what it can do: nobody knows better. */
  readonly capabilitiesFixed: boolean
  /** Dialects that its server speaks itself: requests and replies in one of them pass through as they are. */
  readonly dialects: readonly string[]
}

/** Whether a model can answer now, as the background checks last saw it. */
export interface Availability {
  readonly available: boolean
  /** In words for the operator: why not, and the way out. Empty while available. */
  readonly reason: string
  /** What its server says that it can do, where it says so. */
  readonly capabilities?: readonly Capability[]
  /** True for a model that its server says cannot chat: it makes embeddings and nothing else. */
  readonly embedsOnly?: boolean
  /** True for one that is left alone for a while because it failed, and is asked where nothing else is there. */
  readonly resting?: boolean
  /** True for one that its server holds in memory, where it says so. */
  readonly warm?: boolean
}

/** What the model can do, as far as anybody knows. */
export function capabilitiesOf(model: ModelCard, availability: Availability): readonly Capability[] {
  return model.capabilitiesFixed ? model.capabilities : (availability.capabilities ?? model.capabilities)
}
