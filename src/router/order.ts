import type { Assessment } from '../core/decision.ts'
import type { Candidate } from './candidates.ts'

/** The candidates in the order in which they are tried, and why. */
export interface Order {
  readonly order: readonly Candidate[]
  /** True where the first one is weaker than the request asks for, with the reason in words. */
  readonly degraded: boolean
  readonly degradedReason: string
  /** Why the first one comes first, as a sentence without its end. */
  readonly words: string
  readonly assessment?: Assessment
}
