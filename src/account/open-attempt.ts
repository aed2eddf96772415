import type { Attempt, Judgement } from '../core/decision.ts'
import { type GatewayError, toGatewayError } from '../core/errors.ts'
import type { ModelCard } from '../core/model.ts'
import { costOf } from '../core/price.ts'
import type { ReplyPart } from '../core/reply.ts'
import { noUsage, type Usage } from '../core/usage.ts'

/** One call to one model, counted while it runs, so that it can be billed whatever becomes of it. */
export class OpenAttempt {
  readonly model: ModelCard
  readonly #prompt: Usage
  readonly #startedAt: number
  readonly #now: () => number
  #reported: Usage | undefined
  #complete = false
  #characters = 0
  #judgement: Judgement | undefined
  #closed: Attempt | undefined

  constructor(model: ModelCard, prompt: Usage, now: () => number) {
    this.model = model
    this.#prompt = prompt
    this.#now = now
    this.#startedAt = now()
  }

  /** Takes note of a part of the reply. */
  saw(part: ReplyPart): void {
    this.#characters += charactersOf(part)
    if (part.type === 'usage') this.#reported = part.usage
    if (part.type === 'finish') {
      this.#complete = part.usage !== undefined
      this.#reported = part.usage ?? this.#reported
    }
  }

  /** What look 2 thought of the reply; the last word counts. */
  judged(judgement: Judgement): void {
    this.#judgement = judgement
  }

  /** It answered, and its reply was thrown away for a stronger model's. */
  escalated(): void {
    this.#close('escalated', undefined)
  }

  answered(): void {
    this.#close('answered', undefined)
  }

  failed(error: unknown): void {
    this.#close('failed', toGatewayError(error))
  }

  cancelled(): void {
    this.#close('cancelled', undefined)
  }

  /** The call as it stands: closed, or with what has been used so far. */
  get current(): Attempt {
    return this.#closed ?? this.#describe('running', undefined)
  }

  #close(outcome: Attempt['outcome'], error: GatewayError | undefined): void {
    this.#closed ??= this.#describe(outcome, error)
  }

  #describe(outcome: Attempt['outcome'], error: GatewayError | undefined): Attempt {
    const { usage, estimated } = this.#usage(outcome, error)
    return {
      model: this.model.name,
      provider: this.model.provider,
      backend: this.model.backend,
      outcome,
      ...(this.#judgement !== undefined && { judgement: this.#judgement }),
      ...(error === undefined ? {} : { error: error.code, message: error.message }),
      latencySeconds: (this.#now() - this.#startedAt) / 1000,
      usage,
      estimated,
      cost: costOf(usage, this.model.price),
      priceVersion: this.model.price.version,
    }
  }

  /** What the server reported; where it did not get to the end, at least what we saw, marked as an estimate. */
  #usage(outcome: Attempt['outcome'], error: GatewayError | undefined): { usage: Usage; estimated: boolean } {
    if (this.#complete && this.#reported !== undefined) return { usage: this.#reported, estimated: false }
    if (outcome === 'failed' && !this.#wasPaidFor(error)) return { usage: noUsage, estimated: false }

    const reported = this.#reported ?? this.#prompt
    const seen = Math.ceil(this.#characters / 4)
    return { usage: { ...reported, output: Math.max(reported.output, seen - reported.reasoning) }, estimated: true }
  }

  /** A server that began to answer, or may have worked until we gave up, charges; one that refused does not. */
  #wasPaidFor(error: GatewayError | undefined): boolean {
    if (this.#reported !== undefined || this.#characters > 0) return true
    return error?.code === 'upstream_timeout' || error?.code === 'upstream_cut'
  }
}

function charactersOf(part: ReplyPart): number {
  if (part.type === 'text-delta' || part.type === 'reasoning-delta') return part.text.length
  if (part.type === 'tool-call') return part.name.length
  return part.type === 'tool-call-delta' ? part.arguments.length : 0
}
