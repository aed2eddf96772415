import { createHash, randomUUID } from 'node:crypto'
import type { Decision } from '../core/decision.ts'
import { toGatewayError } from '../core/errors.ts'
import type { Backend, ModelCard } from '../core/model.ts'
import { costOf } from '../core/price.ts'
import { answeringAttempt, type CacheResult, type Receipt, type ReceiptStatus } from '../core/receipt.ts'
import { type ChatRequest, scoredText } from '../core/request.ts'
import { noUsage, type Usage } from '../core/usage.ts'
import { OpenAttempt } from './open-attempt.ts'

export interface OpenReceiptOptions {
  readonly request: ChatRequest
  readonly decision: Decision
  readonly baseline: ModelCard
  readonly now: () => number
  readonly record: (receipt: Receipt) => void
  readonly closed: (receipt: Receipt, error: unknown) => void
}

/**
 * The receipt of a request that is running. Written when it is opened, whenever a model is called, from time to time
 * (`refresh`) and when it is closed: whatever becomes of the process, the row has what was used.
 */
export class OpenReceipt {
  readonly #options: OpenReceiptOptions
  readonly #rowId = randomUUID()
  readonly #startedAt: number
  readonly #attempts: OpenAttempt[] = []
  readonly #promptHash: string
  #cache: CacheResult = 'bypass'
  #recalled:
    | {
        readonly model: string
        readonly provider: string
        readonly backend: Backend
        readonly usage: Usage
        readonly estimated: boolean
      }
    | undefined
  #firstContentMs: number | undefined
  #degraded: boolean
  #notes: string[] = []
  #escalated = false
  #final: Receipt | undefined

  constructor(options: OpenReceiptOptions) {
    this.#options = options
    this.#startedAt = options.now()
    this.#degraded = options.decision.degraded
    this.#promptHash = createHash('sha256').update(scoredText(options.request)).digest('hex')
    options.record(this.#write('open', ''))
  }

  cache(result: CacheResult): void {
    this.#cache = result
  }

  /** The answer came from the cache: it used no tokens, and would have used these. */
  recalled(reply: { model: string; provider: string; backend: Backend; usage: Usage; estimated: boolean }): void {
    this.#recalled = reply
    this.note(`${reply.model} had answered the same before: from the cache`, false)
    this.firstContent()
  }

  /** `prompt` is what the call reads as far as we can tell, until its server says so. */
  attempt(model: ModelCard, prompt: Usage): OpenAttempt {
    const attempt = new OpenAttempt(model, prompt, this.#options.now)
    this.#attempts.push(attempt)
    this.refresh()
    return attempt
  }

  /** Adds a sentence to the reasoning; `degraded` marks that a weaker model than wanted answers. */
  note(sentence: string, degraded: boolean): void {
    this.#notes.push(sentence)
    this.#degraded = degraded
  }

  /** A reply was judged too weak: what comes next is not a stand-in for a failed model. */
  escalate(): void {
    this.#escalated = true
  }

  get escalated(): boolean {
    return this.#escalated
  }

  get degraded(): boolean {
    return this.#degraded
  }

  get reasoning(): string {
    return [this.#options.decision.reasoning, ...this.#notes].join('. ')
  }

  /** Writes what has been used so far. */
  refresh(): void {
    if (this.#final === undefined) this.#options.record(this.#write('open', ''))
  }

  firstContent(): void {
    this.#firstContentMs ??= this.#options.now() - this.#startedAt
  }

  answered(): Receipt {
    return this.#close('answered', '')
  }

  failed(error: unknown): Receipt {
    const { code } = toGatewayError(error)
    return this.#close(code === 'cancelled' ? 'cancelled' : 'failed', code, error)
  }

  /** Closes what nobody closed before: the client is gone. */
  close(): Receipt {
    return this.#close('cancelled', 'cancelled')
  }

  #close(status: ReceiptStatus, errorCode: string, error?: unknown): Receipt {
    if (this.#final !== undefined) return this.#final
    for (const attempt of this.#attempts) attempt.cancelled()
    this.#final = this.#write(status, errorCode)
    this.#options.record(this.#final)
    this.#options.closed(this.#final, error)
    return this.#final
  }

  #write(status: ReceiptStatus, errorCode: string): Receipt {
    const { request, decision, baseline, now } = this.#options
    const attempts = this.#attempts.map(({ current }) => current)
    const last = attempts.at(-1)
    const answered = this.#recalled ?? (status === 'answered' ? answeringAttempt(attempts) : undefined) ?? last
    const usage = answered?.usage ?? noUsage
    const gotAnswer = status === 'answered' || (status === 'cancelled' && this.#firstContentMs !== undefined)
    return {
      rowId: this.#rowId,
      id: request.id,
      status,
      startedAt: this.#startedAt,
      durationMs: now() - this.#startedAt,
      firstContentMs: this.#firstContentMs,
      dialect: request.dialect,
      stream: request.stream,
      requestedModel: request.model,
      model: answered?.model ?? '',
      provider: answered?.provider ?? '',
      backend: answered?.backend ?? '',
      errorCode,
      cache: this.#cache,
      usage,
      estimated: this.#recalled?.estimated ?? attempts.some((attempt) => attempt.estimated),
      cost: sumCosts(attempts.map(({ cost }) => cost)),
      priceVersion: this.#recalled === undefined ? (last?.priceVersion ?? '') : 'cache',
      baselineCost: gotAnswer ? (costOf(usage, baseline.price) ?? 0) : 0,
      baselineVersion: baseline.price.version,
      complexity: decision.complexity,
      factors: decision.factors,
      reasoning: this.reasoning,
      recommendedModel: decision.plan[0]?.name ?? '',
      degraded: this.#degraded,
      ...(decision.assessment !== undefined && { assessment: decision.assessment }),
      ...(request.caller !== undefined && { caller: request.caller }),
      attempts,
      promptHash: this.#promptHash,
    }
  }
}

/** Undefined where one of them is: what is unknown is not nothing. */
export function sumCosts(costs: readonly (number | undefined)[]): number | undefined {
  return costs.reduce<number | undefined>(
    (sum, cost) => (sum === undefined || cost === undefined ? undefined : sum + cost),
    0,
  )
}
