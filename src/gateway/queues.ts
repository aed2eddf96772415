import type { ModelCard } from '../core/model.ts'
import { costOf, toDollars } from '../core/price.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import type { OpenProvider } from '../providers/provider.ts'
import { LocalQueue, type Place } from '../resilience/queue.ts'

export interface QueuesOptions {
  readonly providers: ReadonlyMap<string, OpenProvider>
  readonly models: readonly ModelCard[]
  readonly isWarm: (model: ModelCard) => boolean
  /** Tokens of a usual reply. */
  readonly expectedTokens: number
  /** A wait from which on the next model of a plan answers. */
  readonly spillAfterSeconds: number
  /** Dollars that a minute of waiting is worth; undefined where only the time counts. */
  readonly dollarsPerMinute: number | undefined
}

/** The queues before servers that can do only so many calls at a time. */
export class Queues {
  readonly #options: QueuesOptions
  readonly #queues = new Map<string, LocalQueue>()

  constructor(options: QueuesOptions) {
    this.#options = options
  }

  /** Calls that wait, by provider. */
  waiting(): ReadonlyMap<string, number> {
    const sums = new Map<string, number>()
    for (const [name, queue] of this.#queues) {
      const provider = name.split('\n')[0] ?? ''
      sums.set(provider, (sums.get(provider) ?? 0) + queue.waiting)
    }
    return sums
  }

  /** Undefined where nothing limits the model. Throws as `LocalQueue.enter` does. */
  async enter(
    model: ModelCard,
    request: ChatRequest,
    others: readonly ModelCard[],
    signal: AbortSignal,
  ): Promise<Place | undefined> {
    const queue = this.#of(model)
    if (queue === undefined) return undefined
    const { expectedTokens } = this.#options
    return await queue.enter({
      caller: request.caller ?? '',
      model: model.name,
      tokens: Math.min(request.maxTokens ?? expectedTokens, expectedTokens),
      signal,
      leaves: (seconds) =>
        this.#whyLeave(
          seconds,
          request,
          others.filter((other) => this.#of(other) !== queue),
        ),
    })
  }

  #whyLeave(seconds: number, request: ChatRequest, [next]: readonly ModelCard[]): string | undefined {
    if (next === undefined) return undefined
    const { spillAfterSeconds, dollarsPerMinute, expectedTokens } = this.#options
    const wait = `its wait is about ${seconds.toFixed(1)} s`
    if (seconds > spillAfterSeconds) return `${wait}, and ${next.name} has none`
    if (dollarsPerMinute === undefined) return undefined
    const usage = { ...noUsage, input: estimatePromptTokens(request), output: request.maxTokens ?? expectedTokens }
    const cost = costOf(usage, next.price)
    const worth = (seconds / 60) * dollarsPerMinute
    return cost !== undefined && toDollars(cost) < worth ? `${wait}, which costs more than ${next.name}` : undefined
  }

  #of(model: ModelCard): LocalQueue | undefined {
    const { providers, models, isWarm } = this.#options
    const capacity = providers.get(model.provider)?.capacity
    if (capacity === undefined) return undefined
    const name = capacity.each === 'server' ? model.provider : `${model.provider}\n${model.id}`
    const known = this.#queues.get(name)
    if (known !== undefined) return known
    const queue = new LocalQueue({
      name: capacity.each === 'server' ? model.provider : model.name,
      parallel: capacity.parallel,
      length: capacity.queue,
      isWarm: (other) => models.some((card) => card.name === other && isWarm(card)),
    })
    this.#queues.set(name, queue)
    return queue
  }
}
