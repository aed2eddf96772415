import type { ModelCard } from '../core/model.ts'
import type { ChatRequest } from '../core/request.ts'
import type { ReasoningEffort, ReasoningWish } from '../core/tools.ts'
import { type Warning, warning } from '../translation/sampling.ts'
import type { ClaudeTraits } from './models.ts'

/** The API takes no less. */
export const leastBudget = 1024
/** So much of the limit is for thinking at most, so that something is left for the reply. */
const budgetShare = 0.8

const budgets: Readonly<Record<ReasoningEffort, number>> = {
  none: 0,
  minimal: 1024,
  low: 2048,
  medium: 8192,
  high: 16_384,
  xhigh: 32_768,
  max: 32_768,
}

export interface ThinkingOptions {
  readonly model: ModelCard
  readonly traits: ClaudeTraits
  /** The limit of the reply, thinking included; `set` where the caller set it. */
  readonly limit: { readonly tokens: number; readonly set: boolean }
  /** Why the model must not think in this call, in words for the caller; undefined where it may. */
  readonly obstacle: string | undefined
}

export interface Thinking {
  /** The `thinking` field; undefined leaves it to the model. */
  readonly thinking?: Readonly<Record<string, unknown>>
  readonly effort?: ReasoningEffort
  readonly maxTokens: number
  /** True where the model will think, asked or unasked. */
  readonly on: boolean
  readonly warnings: readonly Warning[]
}

/** Puts the wish into the form that this Claude takes; what it would refuse is lowered or left out. */
export function thinkingOf({ reasoning }: ChatRequest, options: ThinkingOptions): Thinking {
  const { model, traits, limit, obstacle } = options
  const wanted = wants(reasoning)
  if (obstacle !== undefined && (wanted || traits.thinksUnasked) && traits.thinking !== 'none') {
    const off = switchedOff(options)
    // Nobody misses what was not asked for.
    return off.on || !wanted ? off : { ...off, warnings: [warning(model, `does not think in this call: ${obstacle}`)] }
  }
  if (reasoning !== undefined && !wanted) return switchedOff(options)
  if (reasoning === undefined) return { maxTokens: limit.tokens, on: traits.thinksUnasked, warnings: [] }
  switch (traits.thinking) {
    case 'none': {
      const warnings = [warning(model, 'cannot think: reasoning was left out')]
      return { maxTokens: limit.tokens, on: false, warnings }
    }
    case 'adaptive':
      return adaptive(reasoning, options)
    case 'budget':
      return budgeted(reasoning, options)
    default:
      return traits.thinking satisfies never
  }
}

function wants(reasoning: ReasoningWish | undefined): boolean {
  return reasoning?.enabled === true && reasoning.effort !== 'none'
}

function switchedOff({ model, traits, limit }: ThinkingOptions): Thinking {
  const maxTokens = limit.tokens
  if (!traits.thinksUnasked) return { maxTokens, on: false, warnings: [] }
  if (traits.off !== undefined) return { thinking: { type: traits.off }, maxTokens, on: false, warnings: [] }
  const warnings = [warning(model, 'always thinks: it was asked to think little')]
  return { effort: 'low', maxTokens, on: true, warnings }
}

function adaptive(reasoning: ReasoningWish, { model, traits, limit }: ThinkingOptions): Thinking {
  const asked =
    reasoning.effort ?? (reasoning.budgetTokens === undefined ? undefined : effortOf(reasoning.budgetTokens))
  const effort = asked === undefined ? undefined : accepted(asked, traits.efforts)
  const odd = asked !== effort && asked !== 'minimal'
  const warnings = odd ? [warning(model, `knows no reasoning effort '${asked}': it became '${effort}'`)] : []
  return {
    thinking: { type: 'adaptive', ...(traits.hidesThoughts && { display: 'summarized' }) },
    ...(effort !== undefined && { effort }),
    maxTokens: limit.tokens,
    on: true,
    warnings,
  }
}

function effortOf(budget: number): ReasoningEffort {
  if (budget <= 2048) return 'low'
  if (budget <= 8192) return 'medium'
  return budget <= 24_576 ? 'high' : 'xhigh'
}

function accepted(effort: ReasoningEffort, efforts: readonly ReasoningEffort[]): ReasoningEffort {
  if (efforts.includes(effort)) return effort
  return effort === 'minimal' ? 'low' : 'high'
}

function budgeted(reasoning: ReasoningWish, { model, limit }: ThinkingOptions): Thinking {
  const wanted = Math.max(leastBudget, reasoning.budgetTokens ?? budgets[reasoning.effort ?? 'medium'])
  // A limit that nobody set makes room for the thinking; one that somebody set is what they want to pay at most.
  const maxTokens = limit.set ? limit.tokens : Math.min(model.maxOutputTokens, limit.tokens + wanted)
  const budget = Math.min(wanted, Math.max(leastBudget, Math.floor(maxTokens * budgetShare)))
  if (budget >= maxTokens) {
    const said = `must think with ${leastBudget} tokens at least: a limit of ${maxTokens} leaves no room, so it does not`
    return { maxTokens, on: false, warnings: [warning(model, said)] }
  }
  const lower = reasoning.budgetTokens !== undefined && budget < reasoning.budgetTokens
  const warnings = lower
    ? [warning(model, `thinks with ${budget} tokens at most within its limit of ${maxTokens}`)]
    : []
  return { thinking: { type: 'enabled', budget_tokens: budget }, maxTokens, on: true, warnings }
}
