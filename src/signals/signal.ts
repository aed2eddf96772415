import type { Profile } from '../core/evidence.ts'
import type { ChatRequest } from '../core/request.ts'

/**
 * One fact about a request, read before any model is asked. A signal measures; what a measurement is worth is the
 * router's business. A new one is a file, its test and a line in `signals/index.ts`.
 */
export interface Signal<Value = unknown> {
  readonly name: string
  /** Pure, synchronous and linear in the length of the text: it runs on every request. Never throws. */
  readonly read: (request: ChatRequest) => Value
}

/** What the signals that ship with the gateway measure. */
export interface Facts {
  /** Characters of the scored text. */
  readonly promptLength: number
  /** Which of the keyword lists' entries occur in the scored text. */
  readonly keywords: { readonly complex: readonly string[]; readonly simple: readonly string[] }
  /** Which signs of program code occur in the scored text. */
  readonly code: readonly string[]
  readonly taskType: 'question' | 'creative' | 'other'
  /** What the evidence is looked up by. */
  readonly profile: Profile
}
