import type { OpenAttempt } from '../account/open-attempt.ts'
import type { OpenReceipt } from '../account/open-receipt.ts'
import type { Decision, Judgement } from '../core/decision.ts'
import { GatewayError, toGatewayError } from '../core/errors.ts'
import type { ModelCard } from '../core/model.ts'
import type { ReplyPart } from '../core/reply.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { noUsage, outputTokens, type Usage } from '../core/usage.ts'
import type { OpenProvider } from '../providers/provider.ts'
import type { Place } from '../resilience/queue.ts'
import type { Retries } from '../resilience/retries.ts'
import { sendChoices, timesSent } from './choices.ts'
import { isTimeout, reasonOf } from './deadline.ts'
import type { Health, Trial } from './health.ts'
import { type Hedge, hedged } from './hedge.ts'
import { type HeldReply, holdUntilContent } from './hold.ts'
import { type Bar, barOf, judgeHeld, type LookTwo } from './look-two.ts'
import type { Queues } from './queues.ts'
import type { Spending } from './spending.ts'
import { pinVolatilePrefix } from './volatile-prefix.ts'

export interface TryOptions {
  readonly request: ChatRequest
  readonly decision: Decision
  readonly receipt: OpenReceipt
  readonly providers: ReadonlyMap<string, OpenProvider>
  readonly signal: AbortSignal
  readonly lookTwo: LookTwo | undefined
  readonly spending: Spending
  readonly health: Health
  readonly retries: Retries
  readonly queues: Queues
  readonly hedge?: Hedge | undefined
}

/** A model to try; `judged` is false where its reply ships whatever it is like. */
export interface Turn {
  readonly model: ModelCard
  readonly judged: boolean
  /** How often it failed before, on this request. */
  readonly tries: number
}

export interface Shipment {
  readonly type: 'shipped'
  readonly model: ModelCard
  readonly held: HeldReply
  readonly prompt: Usage
  readonly attempt: OpenAttempt
  readonly bar: Bar | undefined
  readonly judgement: Judgement | undefined
  readonly trial: Trial
  readonly settle: () => void
}

export type Outcome =
  | Shipment
  | {
      readonly type: 'escalated'
      readonly strong: string
      readonly judgement: Judgement
      /** The reply, where all of it is there: it can still be sent. */
      readonly shipment: Shipment | undefined
    }
  | { readonly type: 'failed'; readonly failure: unknown }
  /** It was never called, for its price; it is none the worse for that. */
  | { readonly type: 'refused'; readonly failure: unknown; readonly final: boolean }

/** A call that is under way. */
interface Call {
  readonly held: HeldReply
  readonly prompt: Usage
  readonly attempt: OpenAttempt
  readonly trial: Trial
  readonly settle: () => void
}

/** What was tried came to nothing before a call was made. */
class NotCalled extends Error {
  readonly outcome: Extract<Outcome, { type: 'failed' | 'refused' }>

  constructor(outcome: Extract<Outcome, { type: 'failed' | 'refused' }>) {
    super('not called')
    this.outcome = outcome
  }
}

/** Calls one model and waits until its reply can be sent, is too weak, or has failed. `others` are tried after it. */
export async function tryModel(turn: Turn, others: readonly Turn[], options: TryOptions): Promise<Outcome> {
  const { request, decision, receipt, signal, lookTwo } = options
  const { model, judged } = turn
  let call: Call
  try {
    const start = (stop: AbortSignal) => makeCall(turn, others, { ...options, signal: stop })
    call = await hedged(start, endUnread, { model, request, signal, hedge: options.hedge })
  } catch (error) {
    return error instanceof NotCalled ? error.outcome : { type: 'failed', failure: reasonOf(error, signal) }
  }

  const { held, prompt, attempt, trial, settle } = call
  try {
    const bar = lookTwo?.judges(model) === true ? barOf(decision, model) : undefined
    const shipment: Shipment = { ...call, type: 'shipped', model, held, prompt, attempt, bar, judgement: undefined }
    if (lookTwo === undefined || bar?.strong === undefined || !judged) return shipment

    const { judgement, parts, complete, cancel } = await judgeHeld(held, { request, model, bar, lookTwo, signal })
    attempt.judged(judgement)
    const whole: Shipment = { ...shipment, held: { ...held, parts }, judgement }
    if (judgement.verdict !== 'escalated') return whole
    attempt.escalated()
    receipt.escalate()
    trial.succeeded()
    settle()
    if (complete) return { type: 'escalated', strong: bar.strong, judgement, shipment: whole }
    await cancel()
    return { type: 'escalated', strong: bar.strong, judgement, shipment: undefined }
  } catch (error) {
    return { type: 'failed', failure: failCall(call, error, signal) }
  }
}

/** Waits for its turn, for the money and for the first content. Throws `NotCalled`, or what the call failed with. */
async function makeCall({ model, tries }: Turn, others: readonly Turn[], options: TryOptions): Promise<Call> {
  const { request, decision, receipt, providers, signal, spending, health, retries, queues } = options
  const provider = providers.get(model.provider)
  if (provider === undefined) throw new Error(`model ${model.name} has no open provider`)

  const trial = health.enter(model, others.length === 0)
  if (trial === undefined) {
    const failure = new GatewayError(
      'model_unavailable',
      `${model.name} is left alone for a while: ${health.rests(model)}`,
    )
    throw new NotCalled({ type: 'failed', failure })
  }
  let place: Place | undefined
  try {
    place = await queues.enter(
      model,
      request,
      others.map((other) => other.model),
      signal,
    )
  } catch (failure) {
    trial.abandoned()
    throw new NotCalled({ type: 'failed', failure })
  }
  const admission = await spending.admit({ model, request, pinned: decision.pinned }, signal)
  if ('refused' in admission) {
    trial.abandoned()
    place?.leave(0)
    throw new NotCalled({ type: 'refused', failure: admission.refused, final: admission.final })
  }

  const { maxTokens } = admission
  const paidFor = maxTokens === undefined ? request : { ...request, maxTokens }
  if (maxTokens !== undefined) {
    receipt.note(`${maxTokens} tokens are the longest reply that the budget pays for`, decision.degraded)
  }
  const sent = model.backend === 'local' ? pinVolatilePrefix(paidFor) : paidFor
  const times = timesSent({ request: sent, model })
  const prompt = { ...noUsage, input: times * estimatePromptTokens(request) }
  const attempt = receipt.attempt(model, prompt)
  if (tries === 0) retries.saw(model)
  const settle = () => {
    admission.settle(attempt.current)
    place?.leave(outputTokens(attempt.current.usage))
  }
  const reply = counted(sendChoices(provider, { request: sent, model }, signal), (part) => attempt.saw(part))
  const call = { prompt, attempt, trial, settle }
  try {
    const held = await holdUntilContent(reply)
    place?.began()
    trial.began()
    return { ...call, held }
  } catch (error) {
    throw failCall(call, error, signal)
  }
}

/** Says that the call failed, and why. */
function failCall({ attempt, trial, settle }: Omit<Call, 'held'>, error: unknown, signal: AbortSignal): unknown {
  const failure = reasonOf(error, signal)
  if (!signal.aborted || isTimeout(failure)) {
    attempt.failed(failure)
    trial.failed(toGatewayError(failure))
  } else {
    attempt.cancelled()
    trial.abandoned()
  }
  settle()
  return failure
}

/** The other call was faster: this one is broken off, and counts as far as it came. */
async function endUnread({ held, attempt, trial, settle }: Call): Promise<void> {
  await held.parts[Symbol.asyncIterator]().return?.()
  attempt.cancelled()
  trial.abandoned()
  settle()
}

async function* counted(reply: AsyncIterable<ReplyPart>, saw: (part: ReplyPart) => void): AsyncGenerator<ReplyPart> {
  for await (const part of reply) {
    saw(part)
    yield part
  }
}
