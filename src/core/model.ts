import type { Price } from './price.ts'

export type Backend = 'local' | 'cloud'

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
}

/** Whether a model can answer now, as the background checks last saw it. */
export interface Availability {
  readonly available: boolean
  /** In words for the operator: why not, and the way out. Empty while available. */
  readonly reason: string
}
