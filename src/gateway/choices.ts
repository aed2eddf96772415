import { GatewayError } from '../core/errors.ts'
import type { FinishReason, ReplyPart } from '../core/reply.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { addUsage, noUsage, type Usage } from '../core/usage.ts'
import type { OpenProvider, ProviderCall } from '../providers/provider.ts'

/**
 * Sends a request that wants several replies. A server of the client's own dialect gets it as it is; every other one is
 * asked once for each reply, at the same time, and all of that is paid for.
 */
export function sendChoices(provider: OpenProvider, call: ProviderCall, signal: AbortSignal): AsyncIterable<ReplyPart> {
  const { request, model } = call
  const count = timesSent(call)
  if (count === 1) return provider.send(call, signal)
  const replies = Array.from({ length: count }, (_, choice) =>
    provider.send({ request: single(request, choice), model }, signal),
  )
  return merge(replies, call)
}

/** How often the model reads the prompt. */
export function timesSent({ request, model }: ProviderCall): number {
  const passesThrough = request.client !== undefined && model.dialects.includes(request.dialect)
  return passesThrough ? 1 : Math.max(1, request.choices ?? 1)
}

/** Equal seeds would give equal replies. */
function single(request: ChatRequest, choice: number): ChatRequest {
  const { seed } = request
  return { ...request, choices: 1, ...(seed !== undefined && { seed: seed + choice }) }
}

interface Running {
  readonly choice: number
  readonly iterator: AsyncIterator<ReplyPart>
}

async function* merge(
  replies: readonly AsyncIterable<ReplyPart>[],
  { request, model }: ProviderCall,
): AsyncGenerator<ReplyPart> {
  const running: Running[] = replies.map((reply, choice) => ({ choice, iterator: reply[Symbol.asyncIterator]() }))
  const pending = new Map(running.map((one) => [one, next(one)]))
  const usages: (Usage | undefined)[] = replies.map(() => undefined)
  const reasons: (FinishReason | undefined)[] = replies.map(() => undefined)
  const prompt = { ...noUsage, input: estimatePromptTokens(request) }
  let counted = true

  try {
    while (pending.size > 0) {
      const { one, result } = await Promise.race(pending.values())
      if (result.done) {
        if (reasons[one.choice] === undefined) {
          throw new GatewayError('upstream_cut', `${model.name} ended one of its replies before it was complete`)
        }
        pending.delete(one)
        continue
      }
      pending.set(one, next(one))
      const part = result.value
      const { choice } = one
      switch (part.type) {
        case 'finish':
          reasons[choice] = part.reason
          usages[choice] = part.usage ?? usages[choice]
          if (part.usage === undefined) counted = false
          break
        case 'usage':
          usages[choice] = part.usage
          // Those that have not said anything yet read the prompt, too.
          yield { type: 'usage', usage: sum(usages.map((usage) => usage ?? prompt)) }
          break
        case 'warning':
          if (choice === 0) yield part
          break
        case 'opened':
        case 'native':
          break
        case 'opaque':
          yield part
          break
        default:
          yield { ...part, choice }
      }
    }
    const all = reasons.map((reason) => reason ?? 'stop')
    yield { type: 'finish', reason: all[0] ?? 'stop', reasons: all, usage: counted ? sum(usages) : undefined }
  } finally {
    for (const { iterator } of pending.keys()) void Promise.resolve(iterator.return?.()).catch(() => {})
  }
}

function next(one: Running) {
  const step = one.iterator.next().then((result) => ({ one, result }))
  // One that fails after the consumer has left is looked at by nobody, and would end the process.
  step.catch(() => {})
  return step
}

function sum(usages: readonly (Usage | undefined)[]): Usage {
  return usages.reduce<Usage>((total, usage) => (usage === undefined ? total : addUsage(total, usage)), noUsage)
}
