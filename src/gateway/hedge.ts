import type { ModelCard } from '../core/model.ts'
import { costOf } from '../core/price.ts'
import type { ChatRequest } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'

export interface Hedge {
  readonly afterSeconds: number
  /** Whether models that cost money are asked twice, too. */
  readonly paid: boolean
}

interface Hedging {
  readonly model: ModelCard
  readonly request: ChatRequest
  readonly signal: AbortSignal
  readonly hedge: Hedge | undefined
}

/**
 * Starts a call, and a second one where nothing has come of the first after a while; what comes first is taken, the
 * other one is stopped (hedged requests: Dean and Barroso, The Tail at Scale, 2013).
 */
export async function hedged<Call>(
  start: (signal: AbortSignal) => Promise<Call>,
  endUnread: (call: Call) => Promise<void>,
  { model, request, signal, hedge }: Hedging,
): Promise<Call> {
  if (hedge === undefined || (request.choices ?? 1) > 1 || (!hedge.paid && isPaid(model))) return await start(signal)

  const calls: Started<Call>[] = []
  const begin = () => {
    const stop = new AbortController()
    const call: Started<Call> = { stop, value: undefined, promise: start(AbortSignal.any([signal, stop.signal])) }
    call.promise = call.promise.then((value) => {
      call.value = value
      return value
    })
    call.promise.catch(() => {})
    calls.push(call)
    return call.promise
  }
  const first = begin()
  let timer: NodeJS.Timeout | undefined
  const second = new Promise<Call>((resolve, reject) => {
    timer = setTimeout(() => begin().then(resolve, reject), hedge.afterSeconds * 1000)
  })
  second.catch(() => {})
  try {
    // One that fails before the second began is a failure; after that, either may still answer.
    const either = first.catch((error: unknown) => (calls.length === 1 ? Promise.reject(error) : second))
    const winner = await Promise.race([either, second.catch(() => first)])
    for (const call of calls) {
      if (call.value === winner) continue
      call.stop.abort()
      void call.promise.then(endUnread, () => {})
    }
    return winner
  } finally {
    clearTimeout(timer)
  }
}

interface Started<Call> {
  readonly stop: AbortController
  value: Call | undefined
  promise: Promise<Call>
}

function isPaid({ price }: ModelCard): boolean {
  return costOf({ ...noUsage, input: 1_000_000, output: 1_000_000 }, price) !== 0
}
