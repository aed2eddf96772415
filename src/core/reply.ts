import type { Usage } from './usage.ts'

/** Why a reply ended: it was complete, it hit the token limit, or the vendor's filter stopped it. */
export type FinishReason = 'stop' | 'length' | 'content-filter'

/**
 * What a provider yields, in this order: any number of `warning`, `usage`, `text-delta` and `reasoning-delta`, then
 * exactly one `finish`. A reply that ends without `finish` was cut and is an error.
 */
export type ReplyPart =
  | {
      readonly type: 'text-delta'
      readonly text: string
      /** Natural logarithm of the probability that the model gave each token of `text`, where the server tells. */
      readonly logprobs?: readonly number[]
    }
  | { readonly type: 'reasoning-delta'; readonly text: string }
  /** What has been used so far; each one replaces the one before. Lets a cut or cancelled reply be billed. */
  | { readonly type: 'usage'; readonly usage: Usage }
  /** Something of the request that the provider could not do, in words for the caller. */
  | { readonly type: 'warning'; readonly message: string }
  | {
      readonly type: 'finish'
      readonly reason: FinishReason
      /** Undefined where the server does not count; the gateway then estimates and says so. */
      readonly usage: Usage | undefined
    }
