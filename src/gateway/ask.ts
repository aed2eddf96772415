import type { Account } from '../account/account.ts'
import type { Decision } from '../core/decision.ts'
import { GatewayError } from '../core/errors.ts'
import { MessageBuilder, type ReplyChoice } from '../core/message-builder.ts'
import type { ModelCard } from '../core/model.ts'
import { free } from '../core/price.ts'
import { isContent } from '../core/reply.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import type { OpenProvider } from '../providers/provider.ts'
import type { Spending } from './spending.ts'

export interface Asking {
  readonly account: Account
  readonly providers: ReadonlyMap<string, OpenProvider>
  /** Of the whole: what the gateway asks by itself is nobody's. */
  readonly spending: Spending
}

export interface Reply {
  readonly choice: ReplyChoice
  /** Nano-dollars; undefined where the price is unknown. */
  readonly cost: number | undefined
}

/**
 * One whole reply of one model to a question of the gateway's own. It stands in the ledger like any other, with nothing
 * saved by it: what learning costs lowers the savings. Throws what the provider throws.
 */
export async function ask(
  request: ChatRequest,
  model: ModelCard,
  { account, providers, spending }: Asking,
  signal: AbortSignal,
): Promise<Reply> {
  const provider = providers.get(model.provider)
  if (provider === undefined) throw new Error(`model ${model.name} has no open provider`)
  const admission = await spending.admit({ model, request, pinned: true }, signal)
  if ('refused' in admission) throw admission.refused
  const receipt = account.open(request, ownDecision(model, request), { ...model, price: free })
  const attempt = receipt.attempt(model, { ...noUsage, input: estimatePromptTokens(request) })
  try {
    const message = new MessageBuilder()
    for await (const part of provider.send({ request, model }, signal)) {
      attempt.saw(part)
      if (isContent(part)) message.add(part)
      if (part.type !== 'finish') continue
      attempt.answered()
      const [choice] = message.finish(part)
      const { cost } = receipt.answered()
      return { choice: choice ?? { content: [], reason: part.reason }, cost }
    }
    throw new GatewayError('upstream_cut', `${model.name} ended its reply before it was complete`)
  } catch (error) {
    receipt.failed(error)
    throw error
  } finally {
    receipt.close()
    admission.settle(attempt.current)
  }
}

function ownDecision(model: ModelCard, { dialect }: ChatRequest): Decision {
  return {
    complexity: 0,
    factors: [],
    reasoning: `${model.name} was asked by the gateway itself (${dialect})`,
    plan: [model],
    requirements: [],
    estimatedCost: undefined,
    runnerUp: undefined,
    degraded: false,
    degradedReason: '',
    pinned: true,
  }
}
