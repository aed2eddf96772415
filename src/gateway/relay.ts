import { setTimeout as sleep } from 'node:timers/promises'
import type { CachedReply } from '../cache/exact-cache.ts'
import type { Decision } from '../core/decision.ts'
import { GatewayError, toGatewayError } from '../core/errors.ts'
import { MessageBuilder } from '../core/message-builder.ts'
import type { ModelCard } from '../core/model.ts'
import type { ContentDelta, ReplyPart } from '../core/reply.ts'
import { permits } from '../core/request.ts'
import type { Usage } from '../core/usage.ts'
import { isTimeout, reasonOf } from './deadline.ts'
import type { HeldReply } from './hold.ts'
import { judgeShipped } from './look-two.ts'
import { isPermitted } from './permitted.ts'
import { type Shipment, type TryOptions, type Turn, tryModel } from './try-model.ts'

/** A chance that is smaller by so little is no worse. */
const asGood = 0.02

export interface RelayOptions extends TryOptions {
  readonly explainNone: () => string
  /** Models that answer when this one has failed, as configured. */
  readonly fallbacksOf?: (model: ModelCard) => readonly ModelCard[]
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

/**
 * Tries the models of the plan one after the other until one has content, and content that is good enough where it is
 * judged; from then on its reply is passed on. A reply that was judged too weak still answers when nothing else does.
 */
export async function* relay(options: RelayOptions): AsyncGenerator<RelayPart> {
  const { decision, receipt, signal, retries } = options
  if (decision.plan.length === 0) throw refusal(decision, options.explainNone)

  const turns: Turn[] = decision.plan.map((model) => ({ model, judged: true, tries: 0 }))
  let failure: unknown
  let spare: Shipment | undefined
  for (let turn = turns.shift(); turn !== undefined; turn = turns.shift()) {
    const { model } = turn
    const outcome = await tryModel(turn, turns, options)
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
      if (shipment === undefined) turns.push({ model, judged: false, tries: 0 })
      else spare = shipment
      continue
    }
    failure = outcome.failure
    if (signal.aborted) throw failure
    const error = toGatewayError(failure)
    if (outcome.type === 'refused') {
      if (outcome.final && spare === undefined && turns.every(({ judged }) => judged)) throw failure
      receipt.note(error.message, decision.degraded)
      continue
    }
    receipt.note(
      error.code === 'model_busy' ? error.message : `${model.name} failed (${error.code})`,
      decision.degraded,
    )
    const pause = asGoodIsLeft(model, turns, decision) ? undefined : retries.pauseFor(error, model, turn.tries)
    if (pause !== undefined) {
      await sleep(pause, undefined, { signal }).catch(() => undefined)
      turns.unshift({ ...turn, tries: turn.tries + 1 })
      continue
    }
    const known = new Set([...decision.plan, ...turns.map((other) => other.model), model])
    const chain = (options.fallbacksOf?.(model) ?? []).filter(
      (other) =>
        !known.has(other) &&
        isPermitted(other, options.request.holder) &&
        permits(options.request.routing, other.backend),
    )
    turns.unshift(...chain.map((other) => ({ model: other, judged: true, tries: 0 })))
    // A weak reply that is there, or can be had again, is better than the strong model's refusal.
    if (!error.retryable && spare === undefined && turns.every(({ judged }) => judged)) throw failure
  }
  if (spare === undefined) throw failure
  receipt.note(`${spare.model.name} answers all the same`, true)
  yield* ship(spare, options)
}

/** Falling over to a model that is as good costs no time; to a weaker one it costs quality. */
function asGoodIsLeft(model: ModelCard, turns: readonly Turn[], decision: Decision): boolean {
  const [next] = turns
  if (next === undefined || next.model === model) return false
  if (decision.assessment === undefined) return next.model.maxComplexity >= model.maxComplexity
  const chanceOf = (name: string) => decision.assessment?.chances.find((chance) => chance.model === name)?.p ?? 0
  return chanceOf(next.model.name) >= chanceOf(model.name) - asGood
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

async function* ship(shipment: Shipment, options: RelayOptions): AsyncGenerator<RelayPart> {
  const { model, held, prompt, attempt, settle, trial } = shipment
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
    trial.succeeded()
  } catch (error) {
    const reason = reasonOf(error, signal)
    if (!signal.aborted || isTimeout(reason)) {
      attempt.failed(reason)
      trial.failed(toGatewayError(reason))
    }
    throw reason
  } finally {
    trial.abandoned()
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
