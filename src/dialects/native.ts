import { z } from 'zod'
import type { Attempt, Decision, Factor } from '../core/decision.ts'
import { GatewayError } from '../core/errors.ts'
import { toDollars } from '../core/price.ts'
import type { Receipt } from '../core/receipt.ts'
import { inputTokens, outputTokens } from '../core/usage.ts'
import { cachingOf, checkBody, checkLength, textMessage } from './check.ts'
import type { AnswerFacts, Dialect } from './dialect.ts'

const promptText = z.string({ error: 'must be a string' })

/** What `meta` adds to the schemas here is what `parse` checks beyond them, for the OpenAPI document. */
const visible = String.raw`\S`

const chatBody = z
  .looseObject({
    prompt: promptText
      .optional()
      .describe('The prompt, where there is only one. Either this or `messages`.')
      .meta({ pattern: visible }),
    messages: z
      .array(
        z.object({
          role: z.enum(['system', 'user', 'assistant'], { error: 'must be system, user or assistant' }),
          content: promptText,
        }),
        { error: 'must be an array of {role, content}' },
      )
      .optional()
      .describe('The conversation. Either this or `prompt`.')
      .meta({ contains: { properties: { role: { enum: ['user', 'assistant'] }, content: { pattern: visible } } } }),
    model: z.string({ error: 'must be a string' }).default('auto').describe('`auto` routes; a name pins that model.'),
    stream: z.boolean({ error: 'must be true or false' }).default(false).describe('Answer with server-sent events.'),
    max_tokens: z
      .int({ error: 'must be a whole number, at least 1' })
      .min(1, 'must be a whole number, at least 1')
      .optional()
      .describe('Longest reply, in tokens.'),
    temperature: z
      .number({ error: 'must be a number from 0 to 2' })
      .min(0, 'must be a number from 0 to 2')
      .max(2, 'must be a number from 0 to 2')
      .optional(),
    system: promptText.optional().describe('System prompt.'),
    metadata: z
      .record(z.string(), z.unknown(), { error: 'must be an object' })
      .optional()
      .describe('Your own labels; not sent to any model.'),
  })
  .meta({ id: 'ChatRequest', oneOf: [{ required: ['prompt'] }, { required: ['messages'] }] })

const factors = z.record(z.string(), z.number())
const nullableCost = z.number().nullable().describe('Dollars; null where the price of a model is unknown.')

const usage = z.object({
  input_tokens: z.int(),
  output_tokens: z.int(),
  cache_read_tokens: z.int(),
  cache_write_tokens: z.int(),
  reasoning_tokens: z.int(),
  estimated: z.boolean(),
})

const routing = z.object({
  complexity: z.number(),
  reasoning: z.string(),
  factors,
  recommended_model: z.string(),
  estimated_cost: nullableCost,
  degraded: z.boolean(),
  degraded_reason: z.string(),
  runner_up: z.object({ model: z.string(), estimated_cost: nullableCost }).nullable(),
  attempts: z.array(
    z.object({
      model: z.string(),
      provider: z.string(),
      backend: z.string(),
      outcome: z.enum(['running', 'answered', 'failed', 'cancelled']),
      error: z.string().optional(),
      message: z.string().optional(),
      latency_seconds: z.number(),
      usage,
      cost: nullableCost,
    }),
  ),
})

const chatReply = z
  .object({
    response: z.string(),
    model: z.string(),
    backend: z.enum(['local', 'cloud']),
    cost: nullableCost,
    latency_seconds: z.number(),
    cached: z.boolean(),
    finish_reason: z.enum(['stop', 'length', 'content-filter']),
    usage,
    routing,
    warnings: z.array(z.string()),
    request_id: z.string(),
  })
  .meta({ id: 'ChatReply' })

const decisionReply = z
  .object({
    complexity: z.number(),
    reasoning: z.string(),
    factors,
    recommended_model: z.string(),
    backend: z.string(),
    estimated_cost: nullableCost,
    degraded: z.boolean(),
    degraded_reason: z.string(),
    runner_up: z.object({ model: z.string(), estimated_cost: nullableCost }).nullable(),
    plan: z.array(z.string()),
    request_id: z.string(),
  })
  .meta({ id: 'RoutingDecision' })

const group = z.object({
  requests: z.int(),
  failed: z.int(),
  cost: z.number().describe('Dollars, of the requests whose cost is known.'),
  unpriced: z.int().describe('Requests whose cost is unknown.'),
  input_tokens: z.int(),
  output_tokens: z.int(),
})

const statsReply = z
  .object({
    total_requests: z.int(),
    failed_requests: z.int(),
    total_cost: z.number(),
    unpriced_requests: z.int(),
    by_model: z.record(z.string(), group),
    by_backend: z.record(z.string(), group),
    cache: z.object({ hits: z.int(), misses: z.int(), hit_rate: z.number() }),
    savings: z.object({
      baseline_model: z.string(),
      baseline_cost: z.number(),
      saved: z.number(),
      saved_percent: z.number(),
    }),
    since: z.string(),
  })
  .meta({ id: 'Statistics' })

const modelsReply = z
  .object({
    models: z.array(
      z.object({
        name: z.string(),
        backend: z.enum(['local', 'cloud']),
        provider: z.string(),
        id: z.string(),
        available: z.boolean(),
        reason: z.string(),
        auto: z.boolean(),
        max_complexity: z.number(),
        context_tokens: z.int(),
        max_output_tokens: z.int(),
        price: z
          .object({
            input: z.number(),
            output: z.number(),
            cache_read: z.number(),
            cache_write: z.number(),
            version: z.string(),
            source: z.string(),
          })
          .nullable(),
      }),
    ),
  })
  .meta({ id: 'Models' })

/** The gateway's own API. */
export const native: Dialect = {
  name: 'native',
  prefixes: ['/'],
  routes: [
    {
      method: 'POST',
      path: '/api/v1/chat',
      does: 'chat',
      summary: 'Answer a prompt with the cheapest model that can handle it.',
      body: chatBody,
      reply: chatReply,
      streams: true,
    },
    {
      method: 'POST',
      path: '/api/v1/complexity',
      does: 'route',
      summary: 'Say which model would answer, and why. Runs nothing.',
      body: chatBody,
      reply: decisionReply,
      streams: false,
    },
    {
      method: 'GET',
      path: '/api/v1/stats',
      does: 'stats',
      summary: 'What was spent and saved.',
      query: z.object({
        window: z
          .string()
          .regex(/^\d{1,6}[smhdw]$/)
          .optional()
          .describe('As `24h`, `7d`.'),
      }),
      reply: statsReply,
      streams: false,
    },
    {
      method: 'GET',
      path: '/api/v1/models',
      does: 'models',
      summary: 'The configured models, and whether they can answer now.',
      reply: modelsReply,
      streams: false,
    },
  ],

  parse(body, head) {
    const { prompt, messages, system, model, stream, max_tokens, temperature, metadata } = checkBody(chatBody, body)
    if (prompt !== undefined && messages !== undefined) {
      throw new GatewayError('invalid_request', "send either 'prompt' or 'messages', not both", { field: 'prompt' })
    }
    if (prompt === undefined && messages === undefined) {
      throw new GatewayError('invalid_request', "'prompt' is missing: send a prompt or messages", { field: 'prompt' })
    }
    if (prompt !== undefined && prompt.trim() === '') {
      throw new GatewayError('invalid_request', "'prompt' is empty: write what the model shall answer", {
        field: 'prompt',
      })
    }
    if (messages !== undefined && !messages.some(({ role, content }) => role !== 'system' && content.trim() !== '')) {
      throw new GatewayError('invalid_request', "'messages' is empty: send at least one with text", {
        field: 'messages',
      })
    }

    const turns = messages ?? [{ role: 'user' as const, content: prompt ?? '' }]
    for (const [index, { content }] of turns.entries()) {
      checkLength(content, prompt === undefined ? `messages[${index}].content` : 'prompt', head)
    }
    if (system !== undefined) checkLength(system, 'system', head)

    return {
      id: head.requestId,
      dialect: 'native',
      model,
      messages: [
        ...(system === undefined ? [] : [textMessage('system', system)]),
        ...turns.map(({ role, content }) => textMessage(role, content)),
      ],
      stream,
      ...(max_tokens === undefined ? {} : { maxTokens: max_tokens }),
      ...(temperature === undefined ? {} : { temperature }),
      ...(metadata === undefined ? {} : { metadata }),
      caching: cachingOf(head),
    }
  },

  whole: ({ facts, text, reason, receipt }) => ({
    response: text,
    ...closing(facts, receipt),
    finish_reason: reason,
  }),

  frames() {
    let facts: AnswerFacts | undefined
    return {
      contentType: 'text/event-stream; charset=utf-8',
      heartbeat: ': still working\n\n',
      start(started) {
        facts = started
        const { requestId, model, backend, cache, decision, reasoning, degraded, warnings } = started
        return frame('start', {
          request_id: requestId,
          model,
          backend,
          cached: isCached(cache),
          routing: { ...decisionFields(decision), reasoning, degraded },
          warnings,
        })
      },
      text: (text) => frame('delta', { text }),
      reasoning: (text) => frame('reasoning', { text }),
      end: (reason, receipt) =>
        facts === undefined ? '' : frame('done', { ...closing(facts, receipt), finish_reason: reason }),
      error: (error, requestId) => frame('error', native.error(error, requestId)),
    }
  },

  error: ({ message, code, field }, requestId) => ({
    error: message,
    code,
    ...(field === undefined || field === '' ? {} : { field }),
    request_id: requestId,
  }),

  models: (models) => ({
    models: models.map(({ model, availability }) => ({
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
    })),
  }),

  decision: (decision, requestId) => ({
    ...decisionFields(decision),
    backend: decision.plan[0]?.backend ?? '',
    plan: decision.plan.map(({ name }) => name),
    request_id: requestId,
  }),
}

function frame(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}

function closing(facts: AnswerFacts, receipt: Receipt) {
  return {
    model: facts.model,
    backend: facts.backend,
    cost: dollars(receipt.cost),
    latency_seconds: receipt.durationMs / 1000,
    cached: isCached(facts.cache),
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

function decisionFields({ complexity, reasoning, factors, plan, estimatedCost, degraded, ...decision }: Decision) {
  return {
    complexity,
    reasoning,
    factors: Object.fromEntries(factors.map(({ name, points }: Factor) => [name, points])),
    recommended_model: plan[0]?.name ?? '',
    estimated_cost: plan.length === 0 ? null : dollars(estimatedCost),
    degraded,
    degraded_reason: decision.degradedReason,
    runner_up:
      decision.runnerUp === undefined
        ? null
        : { model: decision.runnerUp.model, estimated_cost: dollars(decision.runnerUp.estimatedCost) },
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

function isCached(cache: string): boolean {
  return cache === 'hit' || cache === 'coalesced'
}
