import type { OpenReceipt } from '../account/open-receipt.ts'
import type { CachedReply } from '../cache/exact-cache.ts'
import type { Decision } from '../core/decision.ts'
import { type ErrorCode, GatewayError, toGatewayError } from '../core/errors.ts'
import type { ModelCard } from '../core/model.ts'
import type { ReplyPart } from '../core/reply.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { estimateTokens, noUsage } from '../core/usage.ts'
import type { OpenProvider } from '../providers/provider.ts'
import { reasonOf } from './deadline.ts'
import { type HeldReply, holdUntilContent } from './hold.ts'

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
  | { readonly type: 'chosen'; readonly model: ModelCard; readonly warnings: readonly string[] }
  | Extract<ReplyPart, { type: 'text-delta' | 'reasoning-delta' | 'warning' }>
  | { readonly type: 'complete'; readonly reply: CachedReply }

/** Failures that the next request would meet, too. */
const meansDown = new Set<ErrorCode>(['upstream_unreachable', 'upstream_unauthorized', 'model_unavailable'])

/** Tries the models of the plan one after the other until one has content; from then on its reply is passed on. */
export async function* relay(options: RelayOptions): AsyncGenerator<RelayPart> {
  const { request, decision, receipt, providers, signal, reportDown } = options
  if (decision.plan.length === 0)
    throw new GatewayError('no_model_available', options.explainNone(), { retryAfterSeconds: 5 })

  let failure: unknown
  for (const model of decision.plan) {
    const provider = providers.get(model.provider)
    if (provider === undefined) throw new Error(`model ${model.name} has no open provider`)

    const attempt = receipt.attempt(model)
    const reply = counted(provider.send({ request, model }, signal), (part) => attempt.saw(part))
    let held: HeldReply
    try {
      held = await holdUntilContent(reply)
    } catch (error) {
      failure = reasonOf(error, signal)
      if (signal.aborted) throw failure
      attempt.failed(failure)
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
    yield { type: 'chosen', model, warnings: held.warnings }

    try {
      yield* passOn(model, held, request)
    } catch (error) {
      const reason = reasonOf(error, signal)
      if (!signal.aborted) attempt.failed(reason)
      throw reason
    }
    attempt.answered()
    return
  }
  throw failure
}

async function* passOn(model: ModelCard, held: HeldReply, request: ChatRequest): AsyncGenerator<RelayPart> {
  let text = ''
  let reasoning = ''
  for await (const part of held.parts) {
    switch (part.type) {
      case 'text-delta':
        text += part.text
        yield part
        break
      case 'reasoning-delta':
        reasoning += part.text
        yield part
        break
      case 'warning':
        if (!held.warnings.includes(part.message)) yield part
        break
      case 'usage':
        break
      case 'finish': {
        const input = estimatePromptTokens(request)
        const usage = part.usage ?? { ...noUsage, input, output: estimateTokens(text + reasoning) }
        const { name, provider, backend } = model
        const estimated = part.usage === undefined
        const reply = {
          model: name,
          provider,
          backend,
          text,
          reasoning,
          warnings: held.warnings,
          reason: part.reason,
          usage,
          estimated,
        }
        yield { type: 'complete', reply }
        return
      }
      default:
        part satisfies never
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
