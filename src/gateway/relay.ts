import type { OpenAttempt } from '../account/open-attempt.ts'
import type { OpenReceipt } from '../account/open-receipt.ts'
import type { CachedReply } from '../cache/exact-cache.ts'
import type { Decision, Judgement } from '../core/decision.ts'
import { type ErrorCode, GatewayError, toGatewayError } from '../core/errors.ts'
import { MessageBuilder } from '../core/message-builder.ts'
import type { ModelCard } from '../core/model.ts'
import type { ContentDelta, ReplyPart } from '../core/reply.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { noUsage, type Usage } from '../core/usage.ts'
import type { OpenProvider } from '../providers/provider.ts'
import { sendChoices, timesSent } from './choices.ts'
import { isTimeout, reasonOf } from './deadline.ts'
import { type HeldReply, holdUntilContent } from './hold.ts'
import { type Bar, barOf, judgeHeld, judgeShipped, type LookTwo } from './look-two.ts'
import type { Spending } from './spending.ts'
import { pinVolatilePrefix } from './volatile-prefix.ts'

export interface RelayOptions {
  readonly request: ChatRequest
  readonly decision: Decision
  readonly receipt: OpenReceipt
  readonly providers: ReadonlyMap<string, OpenProvider>
  readonly signal: AbortSignal
  readonly lookTwo: LookTwo | undefined
  readonly spending: Spending
  readonly reportDown: (model: ModelCard, reason: string) => void
  readonly explainNone: () => string
}

export type RelayPart =
  | {
      readonly type: 'chosen'
      readonly model: ModelCard
      readonly warnings: readonly string[]
      readonly native: HeldReply['opened']
      readonly promptUsage: Usage
    }
  | ContentDelta
  | Extract<ReplyPart, { type: 'native' | 'warning' }>
  /** `whole` is false where the reply held something that only its native form could carry. */
  | { readonly type: 'complete'; readonly reply: CachedReply; readonly whole: boolean }

/** Failures that the next request would meet, too. */
const meansDown = new Set<ErrorCode>(['upstream_unreachable', 'upstream_unauthorized', 'model_unavailable'])

/** A model to try; `judged` is false where its reply ships whatever it is like. */
interface Turn {
  readonly model: ModelCard
  readonly judged: boolean
}

/**
 * Tries the models of the plan one after the other until one has content, and content that is good enough where it is
 * judged; from then on its reply is passed on. A reply that was judged too weak still answers when nothing else does.
 */
export async function* relay(options: RelayOptions): AsyncGenerator<RelayPart> {
  const { decision, receipt, signal, reportDown } = options
  if (decision.plan.length === 0) throw refusal(decision, options.explainNone)

  const turns: Turn[] = decision.plan.map((model) => ({ model, judged: true }))
  let failure: unknown
  let spare: Shipment | undefined
  for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
    const { model } = turn
    const outcome = await tryModel(turn, options)
    if (outcome.type === 'shipped') {
      if (model !== decision.plan[0]) noteStandIn(model, options)
      yield* ship(outcome, options)
      return
    }
    if (outcome.type === 'escalated') {
      const { strong, shipment, judgement } = outcome
      receipt.note(`The reply of ${model.name} was passed on to ${strong}: ${judgement.reason}`, decision.degraded)
      const better = betterThan(model, decision)
      turns.splice(0, turns.length, ...turns.filter((other) => better.has(other.model.name)))
      if (shipment === undefined) turns.push({ model, judged: false })
      else spare = shipment
      continue
    }
    failure = outcome.failure
    if (signal.aborted) throw failure
    const { code, message, retryable } = toGatewayError(failure)
    if (outcome.type === 'refused') {
      if (outcome.final && spare === undefined && turns.every(({ judged }) => judged)) throw failure
      receipt.note(message, decision.degraded)
      continue
    }
    // A weak reply that is there, or can be had again, is better than the strong model's refusal.
    if (!retryable && spare === undefined && turns.every(({ judged }) => judged)) throw failure
    if (meansDown.has(code)) reportDown(model, message)
    receipt.note(`${model.name} failed (${code})`, decision.degraded)
  }
  if (spare === undefined) throw failure
  receipt.note(`${spare.model.name} answers all the same`, true)
  yield* ship(spare, options)
}

/** Those that are worth a try after the model's own reply was too weak. */
function betterThan(model: ModelCard, { assessment }: Decision): ReadonlySet<string> {
  const chances = assessment?.chances ?? []
  const own = chances.find((chance) => chance.model === model.name)?.p ?? 0
  return new Set(chances.filter(({ p }) => p > own).map((chance) => chance.model))
}

/** A model that answers for one that failed; the one that a weak reply is passed on to does not. */
function noteStandIn(model: ModelCard, { decision, receipt }: RelayOptions): void {
  if (receipt.escalated && model.name === decision.assessment?.strong) return
  const [first] = decision.plan
  const weaker =
    decision.assessment === undefined || first === undefined
      ? model.maxComplexity < decision.complexity
      : !betterThan(first, decision).has(model.name)
  receipt.note(`${model.name} answered instead`, decision.degraded || weaker)
}

interface Shipment {
  readonly type: 'shipped'
  readonly model: ModelCard
  readonly held: HeldReply
  readonly prompt: Usage
  readonly attempt: OpenAttempt
  readonly bar: Bar | undefined
  readonly judgement: Judgement | undefined
  readonly settle: () => void
}

type Outcome =
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

/** Calls one model and waits until its reply can be sent, is too weak, or has failed. */
async function tryModel({ model, judged }: Turn, options: RelayOptions): Promise<Outcome> {
  const { request, decision, receipt, providers, signal, lookTwo, spending } = options
  const provider = providers.get(model.provider)
  if (provider === undefined) throw new Error(`model ${model.name} has no open provider`)

  const admission = await spending.admit({ model, request, pinned: decision.pinned }, signal)
  if ('refused' in admission) return { type: 'refused', failure: admission.refused, final: admission.final }
  const { maxTokens } = admission
  const paidFor = maxTokens === undefined ? request : { ...request, maxTokens }
  if (maxTokens !== undefined) {
    receipt.note(`${maxTokens} tokens are the longest reply that the budget pays for`, decision.degraded)
  }
  const sent = model.backend === 'local' ? pinVolatilePrefix(paidFor) : paidFor
  const times = timesSent({ request: sent, model })
  const prompt = { ...noUsage, input: times * estimatePromptTokens(request) }
  const attempt = receipt.attempt(model, prompt)
  const settle = () => admission.settle(attempt.current)
  const reply = counted(sendChoices(provider, { request: sent, model }, signal), (part) => attempt.saw(part))
  try {
    const held = await holdUntilContent(reply)
    const bar = lookTwo?.judges(model) === true ? barOf(decision, model) : undefined
    const shipment: Shipment = { type: 'shipped', model, held, prompt, attempt, bar, judgement: undefined, settle }
    if (lookTwo === undefined || bar?.strong === undefined || !judged) return shipment

    const { judgement, parts, complete, cancel } = await judgeHeld(held, { request, model, bar, lookTwo, signal })
    attempt.judged(judgement)
    const whole: Shipment = { ...shipment, held: { ...held, parts }, judgement }
    if (judgement.verdict !== 'escalated') return whole
    attempt.escalated()
    receipt.escalate()
    settle()
    if (complete) return { type: 'escalated', strong: bar.strong, judgement, shipment: whole }
    await cancel()
    return { type: 'escalated', strong: bar.strong, judgement, shipment: undefined }
  } catch (error) {
    const failure = reasonOf(error, signal)
    if (!signal.aborted || isTimeout(failure)) attempt.failed(failure)
    settle()
    return { type: 'failed', failure }
  }
}

async function* ship(shipment: Shipment, options: RelayOptions): AsyncGenerator<RelayPart> {
  const { model, held, prompt, attempt, settle } = shipment
  const { request, receipt, signal } = options
  receipt.firstContent()
  yield {
    type: 'chosen',
    model,
    warnings: [...(request.dropped ?? []), ...held.warnings],
    native: held.opened,
    promptUsage: held.usage ?? prompt,
  }
  try {
    yield* passOn(shipment, options)
    attempt.answered()
  } catch (error) {
    const reason = reasonOf(error, signal)
    if (!signal.aborted || isTimeout(reason)) attempt.failed(reason)
    throw reason
  } finally {
    settle()
  }
}

function refusal({ refusal }: Decision, explainNone: () => string): GatewayError {
  if (refusal === undefined) return new GatewayError('no_model_available', explainNone(), { retryAfterSeconds: 5 })
  const { code, message, field } = refusal
  return new GatewayError(code, message, { field, ...(code === 'no_model_available' && { retryAfterSeconds: 5 }) })
}

async function* passOn(shipment: Shipment, options: RelayOptions): AsyncGenerator<RelayPart> {
  const { model, held, prompt } = shipment
  const message = new MessageBuilder()
  let whole = true
  for await (const part of held.parts) {
    switch (part.type) {
      case 'warning':
        if (!held.warnings.includes(part.message)) yield part
        break
      case 'native':
        yield part
        break
      case 'opaque':
        whole = false
        break
      case 'usage':
      case 'opened':
        break
      case 'finish': {
        const estimate = { ...prompt, output: Math.ceil(message.characters / 4) }
        const { name, provider, backend } = model
        const reply: CachedReply = {
          model: name,
          provider,
          backend,
          choices: message.finish(part),
          warnings: held.warnings,
          usage: part.usage ?? estimate,
          estimated: part.usage === undefined,
        }
        const marked = lastWord(reply, shipment, options)
        if (marked !== undefined) yield { type: 'warning', message: marked }
        yield { type: 'complete', reply, whole }
        return
      }
      default:
        message.add(part)
        yield part
    }
  }
  throw new GatewayError('upstream_cut', `${model.name} ended its reply before it was complete`)
}

/** Judges the whole reply for the record; the warning, where it ended worse than it began. */
function lastWord({ choices }: CachedReply, { model, attempt, bar, judgement }: Shipment, options: RelayOptions) {
  const { request, receipt, lookTwo } = options
  const [reply] = choices
  if (lookTwo === undefined || bar === undefined || reply === undefined) return undefined
  const last = judgeShipped(reply, { request, model, bar, lookTwo }, judgement)
  attempt.judged(last)
  if (last.verdict !== 'marked') return undefined
  const words = `The reply of ${model.name} ended weaker than it began: ${last.reason}`
  receipt.note(words, true)
  return request.stream ? words : undefined
}

async function* counted(reply: AsyncIterable<ReplyPart>, saw: (part: ReplyPart) => void): AsyncGenerator<ReplyPart> {
  for await (const part of reply) {
    saw(part)
    yield part
  }
}
