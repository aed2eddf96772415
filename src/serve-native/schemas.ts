import { z } from 'zod'
import { routingRules } from '../core/decision.ts'

/** The shapes of the gateway's own API: checked where they come in, and the source of the OpenAPI document. */

const promptText = z.string({ error: 'must be a string' })

/** What `meta` adds to the schemas here is what `parse` checks beyond them, for the OpenAPI document. */
const visible = String.raw`\S`

const schema = z.record(z.string(), z.unknown(), { error: 'must be a JSON Schema object' })

const tool = z.object({
  name: z.string({ error: 'must be a string' }).min(1, 'is empty'),
  description: z.string().optional(),
  parameters: schema.default({ type: 'object', properties: {} }).describe('JSON Schema of the arguments.'),
})

export const toolCall = z.object({
  id: z.string({ error: 'must be a string' }).min(1, 'is empty'),
  name: z.string({ error: 'must be a string' }).min(1, 'is empty'),
  arguments: z.record(z.string(), z.unknown(), { error: 'must be an object' }),
})

const message = z
  .object({
    role: z.enum(['system', 'user', 'assistant', 'tool'], { error: 'must be system, user, assistant or tool' }),
    content: promptText.optional().describe('May be left out beside `tool_calls`.'),
    images: z
      .array(z.string().regex(/^(data:image\/|https?:\/\/)/, 'must be a data: or http(s) URL'))
      .optional()
      .describe('Of a user: pictures, as data: or http(s) URLs.'),
    tool_calls: z.array(toolCall).optional().describe('Of an assistant: what it asked for, as it was answered.'),
    tool_call_id: z.string().optional().describe('Of a tool: the call whose result `content` is.'),
  })
  .meta({
    anyOf: [{ required: ['content'] }, { required: ['tool_calls'], properties: { tool_calls: { minItems: 1 } } }],
  })

export const chatBody = z
  .looseObject({
    prompt: promptText
      .optional()
      .describe('The prompt, where there is only one. Either this or `messages`.')
      .meta({ pattern: visible }),
    messages: z
      .array(message, { error: 'must be an array of {role, content}' })
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
    tools: z
      .array(tool, { error: 'must be an array of {name, description, parameters}' })
      .optional()
      .describe('Functions that the model may ask you to run; it answers with `tool_calls`.'),
    tool_choice: z
      .union([z.enum(['auto', 'none', 'required']), z.strictObject({ name: z.string() })], {
        error: 'must be auto, none, required or {"name": one of the tools}',
      })
      .optional(),
    json_schema: schema.optional().describe('JSON Schema that the reply must follow.'),
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

const probability = z.number().min(0).max(1)

const evidence = z
  .object({
    cell: z.object({ task: z.string(), length: z.string(), language: z.string(), turn: z.string() }),
    certainty: probability.describe('How sure the kind of task is.'),
    difficulty: z.number().describe('Logits; over 0 is harder than usual.'),
    familiarity: probability,
    models: z.array(
      z.object({
        model: z.string(),
        p: probability.describe('Chance that its reply is good enough.'),
        low: probability,
        high: probability,
        n: z.number().describe('Judged replies behind it.'),
        level: z.enum(['cell', 'task', 'global', 'prior']),
        estimated_cost: nullableCost,
      }),
    ),
    rule: z.enum(routingRules).describe('Which rule or bound decided.'),
    escalates_to: z.string().nullable().describe('The model that a reply judged too weak is passed on to.'),
    allowance: z.number().nullable().describe('How much smaller than that model’s chance the reply’s may be.'),
  })
  .nullable()
  .describe('What was known before any model was asked; null where the heuristic decided.')

const check = z
  .object({
    p: probability.describe('Chance that the reply is good enough.'),
    threshold: probability,
    verdict: z.enum(['shipped', 'escalated', 'marked']),
    reason: z.string(),
    partial: z.boolean(),
    findings: z.array(z.object({ name: z.string(), weight: z.enum(['fatal', 'doubt']), detail: z.string() })),
    confidence: z
      .object({ mean_logprob: z.number(), lowest_window: z.number(), lowest: z.number(), tokens: z.int() })
      .nullable(),
    self_check: probability.nullable(),
  })
  .nullable()
  .describe('What was thought of the reply; null where it was not judged.')

const routing = z.object({
  complexity: z.number(),
  reasoning: z.string(),
  factors,
  recommended_model: z.string(),
  estimated_cost: nullableCost,
  degraded: z.boolean(),
  degraded_reason: z.string(),
  runner_up: z.object({ model: z.string(), estimated_cost: nullableCost }).nullable(),
  requirements: z.array(z.string()),
  attempts: z.array(
    z.object({
      model: z.string(),
      provider: z.string(),
      backend: z.string(),
      outcome: z.enum(['running', 'answered', 'escalated', 'failed', 'cancelled']),
      error: z.string().optional(),
      message: z.string().optional(),
      latency_seconds: z.number(),
      usage,
      cost: nullableCost,
      check,
    }),
  ),
  evidence,
})

export const chatReply = z
  .object({
    response: z.string(),
    tool_calls: z.array(toolCall).optional().describe('What the model asks you to run; only where it does.'),
    thinking: z.string().optional().describe('What the model thought, where it shows it.'),
    model: z.string(),
    backend: z.enum(['local', 'cloud']),
    cost: nullableCost,
    latency_seconds: z.number(),
    cached: z.boolean(),
    cache: z
      .object({ kind: z.literal('semantic'), id: z.string(), similarity: z.number() })
      .optional()
      .describe('Only where the answer is that to another question that means the same.'),
    finish_reason: z.enum(['stop', 'length', 'content-filter', 'tool-calls']),
    usage,
    routing,
    warnings: z.array(z.string()),
    request_id: z.string(),
  })
  .meta({ id: 'ChatReply' })

export const decisionReply = z
  .object({
    complexity: z.number(),
    reasoning: z.string(),
    factors,
    recommended_model: z.string(),
    requirements: z.array(z.string()),
    backend: z.string(),
    estimated_cost: nullableCost,
    degraded: z.boolean(),
    degraded_reason: z.string(),
    runner_up: z.object({ model: z.string(), estimated_cost: nullableCost }).nullable(),
    plan: z.array(z.string()),
    evidence,
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

export const statsReply = z
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

export const modelsReply = z
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
        capabilities: z.array(z.string()),
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

export const feedbackBody = z
  .object({
    request_id: z.string({ error: 'must be the request_id of a reply' }).min(1, 'is empty'),
    verdict: z
      .enum(['good', 'bad', 'regenerated'], { error: 'must be good, bad or regenerated' })
      .describe('`regenerated`: the user asked again.'),
    from: z
      .enum(['user', 'validator'], { error: 'must be user or validator' })
      .default('user')
      .describe('`validator`: a program looked at the reply.'),
  })
  .meta({ id: 'Feedback' })

export const feedbackReply = z
  .object({
    request_id: z.string(),
    model: z.string().describe('The model whose reply was judged.'),
    task: z.string().describe('The kind of task that it counts for.'),
    weight: z.number().describe('How much it counts, 0 to 1.'),
  })
  .meta({ id: 'FeedbackTaken' })
