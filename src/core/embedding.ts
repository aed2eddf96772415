import type { KeyHolder } from './key-holder.ts'
import type { RoutingWish } from './request.ts'
import type { Usage } from './usage.ts'

/** A request for the vectors of some texts, in the gateway's own words. */
export interface EmbeddingRequest {
  readonly id: string
  readonly dialect: string
  /** `auto`, or a configured name. */
  readonly model: string
  /** At least one; none is empty. */
  readonly inputs: readonly string[]
  /** Length of each vector, where the model can cut it. */
  readonly dimensions?: number
  /** False asks for an error where an input is longer than the model's context; else it is cut. */
  readonly truncate?: boolean
  readonly user?: string
  /** `KeyHolder.id` of the key that the caller sent; absent where there are no keys. */
  readonly caller?: string
  /** What that key allows. */
  readonly holder?: KeyHolder
  readonly routing?: RoutingWish
  /** Read by its dialect alone (base64). */
  readonly wishes?: Readonly<Record<string, boolean>>
}

export interface EmbeddingReply {
  /** One for each input, in the same order. */
  readonly vectors: readonly (readonly number[])[]
  /** Undefined where the server does not count. */
  readonly usage: Usage | undefined
  readonly warnings: readonly string[]
}
