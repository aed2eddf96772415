import { joinText } from '../core/content.ts'
import type { Attempt, Decision, Factor } from '../core/decision.ts'
import { checkFields, evidenceFields } from '../core/evidence-fields.ts'
import { parseExactly } from '../core/exact-json.ts'
import type { ReplyChoice } from '../core/message-builder.ts'
import { capabilitiesOf } from '../core/model.ts'
import { toDollars } from '../core/price.ts'
import { isCached, type Receipt } from '../core/receipt.ts'
import { inputTokens, outputTokens } from '../core/usage.ts'
import type { AnswerFacts, ListedModel } from '../dialects/dialect.ts'

export function listedModel({ model, availability }: ListedModel) {
  return {
    name: model.name,
    backend: model.backend,
    provider: model.provider,
    id: model.id,
    available: availability.available,
    reason: availability.reason,
    auto: model.auto,
    max_complexity: model.maxComplexity,
    context_tokens: model.contextTokens,
    max_output_tokens: model.maxOutputTokens,
    capabilities: capabilitiesOf(model, availability),
    price: model.price.known
      ? {
          input: model.price.rates.input,
          output: model.price.rates.output,
          cache_read: model.price.rates.cacheRead,
          cache_write: model.price.rates.cacheWrite,
          version: model.price.version,
          source: model.price.source,
        }
      : null,
  }
}

export function closing(facts: AnswerFacts, receipt: Receipt) {
  return {
    model: facts.model,
    backend: facts.backend,
    cost: dollars(receipt.cost),
    latency_seconds: receipt.durationMs / 1000,
    cached: isCached(facts.cache),
    ...nearFields(facts),
    usage: usageFields(receipt),
    routing: {
      ...decisionFields(facts.decision),
      reasoning: receipt.reasoning,
      degraded: receipt.degraded,
      degraded_reason: degradedReason(facts, receipt),
      attempts: receipt.attempts.map(attemptFields),
    },
    warnings: facts.warnings,
    request_id: facts.requestId,
  }
}

export function decisionFields({
  complexity,
  reasoning,
  factors,
  plan,
  estimatedCost,
  degraded,
  ...decision
}: Decision) {
  return {
    complexity,
    reasoning,
    factors: Object.fromEntries(factors.map(({ name, points }: Factor) => [name, points])),
    recommended_model: plan[0]?.name ?? '',
    requirements: decision.requirements,
    estimated_cost: plan.length === 0 ? null : dollars(estimatedCost),
    degraded,
    degraded_reason: decision.degradedReason,
    runner_up:
      decision.runnerUp === undefined
        ? null
        : { model: decision.runnerUp.model, estimated_cost: dollars(decision.runnerUp.estimatedCost) },
    evidence: evidenceFields(decision.assessment),
  }
}

/** The decision's, or, where it was a stronger model's failure that made the answer weaker, that failure. */
function degradedReason({ decision }: AnswerFacts, { degraded, attempts }: Receipt): string {
  if (!degraded) return ''
  const failed = attempts.filter(({ outcome }) => outcome === 'failed')
  return decision.degradedReason || failed.map(({ model, error }) => `${model} failed (${error})`).join('; ')
}

function attemptFields(attempt: Attempt) {
  const { model, provider, backend, outcome, error, message, latencySeconds, cost } = attempt
  return {
    model,
    provider,
    backend,
    outcome,
    ...(error === undefined ? {} : { error, message }),
    latency_seconds: latencySeconds,
    usage: usageFields(attempt),
    cost: dollars(cost),
    check: checkFields(attempt.judgement),
  }
}

function usageFields({ usage, estimated }: Pick<Attempt, 'usage' | 'estimated'>) {
  return {
    input_tokens: inputTokens(usage),
    output_tokens: outputTokens(usage),
    cache_read_tokens: usage.cacheRead,
    cache_write_tokens: usage.cacheWrite + usage.cacheWriteHour,
    reasoning_tokens: usage.reasoning,
    estimated,
  }
}

function dollars(cost: number | undefined): number | null {
  return cost === undefined ? null : toDollars(cost)
}

/** Present where the answer is that to another question. */
export function nearFields({ near }: Pick<AnswerFacts, 'near'>) {
  return near === undefined ? {} : { cache: { kind: 'semantic' as const, ...near } }
}

/** What the model said, thought and called, of the fields that have something to say. */
export function contentFields({ content }: ReplyChoice) {
  const thinking = content.map((part) => (part.type === 'reasoning' ? part.text : '')).join('')
  const calls = content.filter((part) => part.type === 'tool-call')
  return {
    response: joinText(content),
    ...(thinking === '' ? {} : { thinking }),
    ...(calls.length === 0
      ? {}
      : {
          tool_calls: calls.map((call) => ({ id: call.id, name: call.name, arguments: argumentsOf(call.arguments) })),
        }),
  }
}

/** As an object; arguments that the model wrote wrongly come as the text that they are. */
function argumentsOf(text: string): object {
  try {
    const value = parseExactly(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value
  } catch {
    // Told below.
  }
  return { malformed: text }
}
