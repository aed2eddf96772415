import type { OpenReceipt } from '../account/open-receipt.ts'
import type { CachedReply } from '../cache/exact-cache.ts'
import type { Decision } from '../core/decision.ts'
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
import { pinVolatilePrefix } from './volatile-prefix.ts'

export interface RelayOptions {
  readonly request: ChatRequest
  readonly decision: Decision
  readonly receipt: OpenReceipt
  readonly providers: ReadonlyMap<string, OpenProvider>
  readonly signal: AbortSignal
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

/** Tries the models of the plan one after the other until one has content; from then on its reply is passed on. */
export async function* relay(options: RelayOptions): AsyncGenerator<RelayPart> {
  const { request, decision, receipt, providers, signal, reportDown } = options
  if (decision.plan.length === 0) throw refusal(decision, options.explainNone)

  let failure: unknown
  for (const model of decision.plan) {
    const provider = providers.get(model.provider)
    if (provider === undefined) throw new Error(`model ${model.name} has no open provider`)

    const sent = model.backend === 'local' ? pinVolatilePrefix(request) : request
    const times = timesSent({ request: sent, model })
    const prompt = { ...noUsage, input: times * estimatePromptTokens(request) }
    const attempt = receipt.attempt(model, prompt)
    const reply = counted(sendChoices(provider, { request: sent, model }, signal), (part) => attempt.saw(part))
    let held: HeldReply
    try {
      held = await holdUntilContent(reply)
    } catch (error) {
      failure = reasonOf(error, signal)
      if (!signal.aborted || isTimeout(failure)) attempt.failed(failure)
      if (signal.aborted) throw failure
      const { code, message, retryable } = toGatewayError(failure)
      if (!retryable) throw failure
      if (meansDown.has(code)) reportDown(model, message)
      receipt.note(`${model.name} failed (${code})`, decision.degraded)
      continue
    }

    if (model !== decision.plan[0]) {
      const degraded = decision.degraded || model.maxComplexity < decision.complexity
      receipt.note(`${model.name} answered instead`, degraded)
    }
    receipt.firstContent()
    yield {
      type: 'chosen',
      model,
      warnings: [...(request.dropped ?? []), ...held.warnings],
      native: held.opened,
      promptUsage: held.usage ?? prompt,
    }

    try {
      yield* passOn(model, held, prompt)
    } catch (error) {
      const reason = reasonOf(error, signal)
      if (!signal.aborted || isTimeout(reason)) attempt.failed(reason)
      throw reason
    }
    attempt.answered()
    return
  }
  throw failure
}

function refusal({ refusal }: Decision, explainNone: () => string): GatewayError {
  if (refusal === undefined) return new GatewayError('no_model_available', explainNone(), { retryAfterSeconds: 5 })
  const { code, message, field } = refusal
  return new GatewayError(code, message, { field, ...(code === 'no_model_available' && { retryAfterSeconds: 5 }) })
}

async function* passOn(model: ModelCard, held: HeldReply, prompt: Usage): AsyncGenerator<RelayPart> {
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

async function* counted(reply: AsyncIterable<ReplyPart>, saw: (part: ReplyPart) => void): AsyncGenerator<ReplyPart> {
  for await (const part of reply) {
    saw(part)
    yield part
  }
}
