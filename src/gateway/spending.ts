import type { Purchase as Bought, Budgets } from '../budgets/budgets.ts'
import { BudgetError } from '../budgets/budgets.ts'
import type { Attempt } from '../core/decision.ts'
import { GatewayError } from '../core/errors.ts'
import type { ModelCard } from '../core/model.ts'
import { costOf, type NanoDollars } from '../core/price.ts'
import { type ChatRequest, estimatePromptTokens } from '../core/request.ts'
import { noUsage } from '../core/usage.ts'
import { timesSent } from './choices.ts'

export interface Purchase {
  readonly model: ModelCard
  readonly request: ChatRequest
  /** True where the caller named the model: it is paid for, and no quota of routing counts it. */
  readonly pinned: boolean
  /** False for calls that write nothing. */
  readonly writes?: boolean
}

/** A call that may be made. */
export interface Admission {
  /** The longest reply that is paid for, where that is less than the request allows. */
  readonly maxTokens: number | undefined
  /** What the call did cost. */
  readonly settle: (attempt: Pick<Attempt, 'cost'>) => void
}

export interface Refusal {
  readonly refused: GatewayError
  /** True where no other model is to be tried. */
  readonly final: boolean
}

/** Quotas and pace, which only routing keeps to. Nothing here waits. */
export interface Pacing {
  readonly admit: (
    purchase: Purchase,
  ) => { readonly settle: Admission['settle'] } | { readonly refused: string } | undefined
}

/** What a call may cost is taken out of budgets and quotas before it is made, and set right after it. */
export interface Spending {
  readonly admit: (purchase: Purchase, signal: AbortSignal) => Promise<Admission | Refusal>
}

export interface SpendingOptions {
  readonly budgets: Pick<Budgets, 'pays' | 'reserve'>
  readonly whenSpent: 'refuse' | 'local'
  readonly pacing?: Pacing | undefined
}

/** A prompt is hardly ever more than twice the tokens that it is estimated to be, four bytes each. */
const promptBound = 2
/** A reply of unsaid length is kept to so many tokens where the budget does not pay for the longest one. */
const shortReply = 4096
const nothing: Admission = { maxTokens: undefined, settle: () => {} }

export function createSpending({ budgets, whenSpent, pacing }: SpendingOptions): Spending {
  return {
    async admit(purchase, signal) {
      const { model, request } = purchase
      const most = mostOf(purchase)
      if (most === undefined && budgets.pays(request.holder)) {
        const words = `${model.name} was not called: its price is unknown, and a budget pays for it; set models.${model.name}.price`
        return { refused: new GatewayError('budget_spent', words), final: false }
      }
      const paced = pacing?.admit(purchase)
      if (paced !== undefined && 'refused' in paced) {
        const message = `${model.name} was not called: ${paced.refused}`
        return { refused: new GatewayError('budget_spent', message), final: false }
      }
      if (most === undefined || most.amount === 0) return { ...nothing, ...paced }
      try {
        const reservation = await budgets.reserve({ holder: request.holder, ...most }, signal)
        return {
          maxTokens: reservation !== undefined && reservation.amount < most.amount ? shortReply : undefined,
          settle(attempt) {
            reservation?.settle(attempt.cost ?? most.amount)
            paced?.settle(attempt)
          },
        }
      } catch (error) {
        paced?.settle({ cost: 0 })
        if (!(error instanceof GatewayError)) throw error
        return { refused: error, final: whenSpent === 'refuse' || !(error instanceof BudgetError) }
      }
    },
  }
}

/** The most that a call can cost; undefined where its price is unknown. */
function mostOf({ model, request, writes = true }: Purchase): Pick<Bought, 'amount' | 'lesser'> | undefined {
  const times = timesSent({ request, model })
  const perCall = times === 1 ? (request.choices ?? 1) : times
  const longest = Math.min(request.maxTokens ?? model.maxOutputTokens, model.maxOutputTokens)
  const prompt = promptCost(model, promptBound * estimatePromptTokens(request))
  const reply = (tokens: number) => costOf({ ...noUsage, output: tokens }, model.price)
  const [whole, short] = [reply(longest), reply(Math.min(longest, shortReply))]
  if (prompt === undefined || whole === undefined || short === undefined) return undefined
  if (!writes) return { amount: times * prompt, lesser: times * prompt }
  const amount = times * prompt + perCall * whole
  // What a server of the client's own dialect gets is what the client wrote.
  const passesThrough = request.client !== undefined && model.dialects.includes(request.dialect)
  const canBeShort = request.maxTokens === undefined && !passesThrough
  return { amount, lesser: canBeShort ? times * prompt + perCall * short : amount }
}

/** At the highest rate that may be asked for a prompt. */
function promptCost({ price }: ModelCard, tokens: number): NanoDollars | undefined {
  const costs = (['input', 'cacheWrite', 'cacheWriteHour'] as const).map((bucket) =>
    costOf({ ...noUsage, [bucket]: tokens }, price),
  )
  return costs.reduce((most, cost) => (most === undefined || cost === undefined ? undefined : Math.max(most, cost)))
}
