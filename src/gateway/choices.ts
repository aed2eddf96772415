import type { FinishReason, ReplyPart } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import { noUsage, type Usage } from '../core/usage.ts'
import type { OpenProvider, ProviderCall } from '../providers/provider.ts'

/**
 * Sends a request that wants several replies. A server of the client's own dialect gets it as it is; every other one is
 * asked once for each reply, at the same time, and all of that is paid for.
 */
export function sendChoices(provider: OpenProvider, call: ProviderCall, signal: AbortSignal): AsyncIterable<ReplyPart> {
  const { request, model } = call
  const count = request.choices ?? 1
  if (count <= 1 || passesThrough(call)) return provider.send(call, signal)
  const replies = Array.from({ length: count }, (_, choice) =>
    provider.send({ request: single(request, choice), model }, signal),
  )
  return merge(replies)
}

function passesThrough({ request, model }: ProviderCall): boolean {
  return request.client !== undefined && model.dialects.includes(request.dialect)
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

async function* merge(replies: readonly AsyncIterable<ReplyPart>[]): AsyncGenerator<ReplyPart> {
  const running: Running[] = replies.map((reply, choice) => ({ choice, iterator: reply[Symbol.asyncIterator]() }))
  const pending = new Map(running.map((one) => [one, next(one)]))
  const usages: (Usage | undefined)[] = replies.map(() => undefined)
  const reasons: FinishReason[] = replies.map(() => 'stop')
  let counted = true

  try {
    while (pending.size > 0) {
      const { one, result } = await Promise.race(pending.values())
      if (result.done) {
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
          yield { type: 'usage', usage: sum(usages) }
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
    yield { type: 'finish', reason: reasons[0] ?? 'stop', reasons, usage: counted ? sum(usages) : undefined }
  } finally {
    for (const { iterator } of pending.keys()) void Promise.resolve(iterator.return?.()).catch(() => {})
  }
}

async function next(one: Running) {
  return { one, result: await one.iterator.next() }
}

function sum(usages: readonly (Usage | undefined)[]): Usage {
  return usages.reduce<Usage>((total, usage) => {
    if (usage === undefined) return total
    return {
      input: total.input + usage.input,
      cacheRead: total.cacheRead + usage.cacheRead,
      cacheWrite: total.cacheWrite + usage.cacheWrite,
      cacheWriteHour: total.cacheWriteHour + usage.cacheWriteHour,
      output: total.output + usage.output,
      reasoning: total.reasoning + usage.reasoning,
    }
  }, noUsage)
}
