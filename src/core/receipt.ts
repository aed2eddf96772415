import type { Assessment, Attempt, Factor } from './decision.ts'
import type { Backend } from './model.ts'
import type { NanoDollars } from './price.ts'
import type { Usage } from './usage.ts'

/**
 * `open` while the request runs; `interrupted` when the process died under it (found at the next start).
 */
export type ReceiptStatus = 'open' | 'answered' | 'failed' | 'cancelled' | 'interrupted'

/**
 * How the cache took part: answered from it, answered a request that means the same, waited for an equal request, asked
 * and missed, or was not asked.
 */
export type CacheResult = 'hit' | 'semantic' | 'coalesced' | 'miss' | 'bypass'

/** True where no model was asked for it. */
export function isCached(cache: CacheResult): boolean {
  return cache === 'hit' || cache === 'coalesced' || cache === 'semantic'
}

/** One row of the ledger: everything that happened to one request, in numbers. Holds no prompt and no reply. */
export interface Receipt {
  /** The gateway's own name for the row. Clients repeat their request ids; rows must not replace each other for it. */
  readonly rowId: string
  /** The request id that the client saw. */
  readonly id: string
  readonly status: ReceiptStatus
  /** Milliseconds since 1970. */
  readonly startedAt: number
  readonly durationMs: number
  /** Milliseconds until the first content was ready to be sent; undefined when none was. */
  readonly firstContentMs: number | undefined
  readonly dialect: string
  readonly stream: boolean
  readonly requestedModel: string
  /** The model that answered, or the last one tried; empty when none was. */
  readonly model: string
  readonly provider: string
  readonly backend: Backend | ''
  readonly errorCode: string
  readonly cache: CacheResult
  /** Tokens of the last model that was called (of the cached reply for a hit); `attempts` has those of each. */
  readonly usage: Usage
  /** True where the counts are our estimate: cut or cancelled replies, servers that do not count. */
  readonly estimated: boolean
  /** Of all attempts together; undefined where a price was unknown. */
  readonly cost: NanoDollars | undefined
  readonly priceVersion: string
  /** What the same tokens would have cost at the baseline model; 0 for a request that got no answer. */
  readonly baselineCost: NanoDollars
  readonly baselineVersion: string
  readonly complexity: number
  readonly factors: readonly Factor[]
  readonly reasoning: string
  readonly recommendedModel: string
  readonly degraded: boolean
  /** Absent where the heuristic decided. */
  readonly assessment?: Assessment
  /** Digest of the caller's key; empty where there are no keys. */
  readonly caller?: string
  readonly attempts: readonly Attempt[]
  /** SHA-256 of the scored text, so that repeats can be counted without storing what was said. */
  readonly promptHash: string
}

/** The call whose reply the client got: one that was judged too weak, where nothing else answered. */
export function answeringAttempt(attempts: readonly Attempt[]): Attempt | undefined {
  return (
    attempts.findLast(({ outcome }) => outcome === 'answered') ??
    attempts.findLast(({ outcome }) => outcome === 'escalated')
  )
}
