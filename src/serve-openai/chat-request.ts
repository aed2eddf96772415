import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import { type ChatRequest, type Message, type Need, textOf } from '../core/request.ts'
import type { ReasoningEffort, ReasoningWish, ResponseFormat } from '../core/tools.ts'
import { cachingOf, checkAt, checkBody, clientOf, defined, sessionOf, unknownFields } from '../dialects/check.ts'
import type { RequestHead } from '../dialects/dialect.ts'
import { documentedMessage, message, readConversation } from './messages.ts'
import { deliveryFields, passedHeaders, readSampling, samplingFields, tokenLimit } from './sampling.ts'
import { documentedTools, readToolUse, toolFields } from './tools.ts'

const string = z.string({ error: 'must be a string' })
const truth = z.boolean({ error: 'must be true or false' }).nullish()
const topError = 'must be a whole number from 0 to 20'

const jsonSchemaFormat = z.looseObject({
  type: z.literal('json_schema'),
  json_schema: z.looseObject(
    {
      name: string.min(1, 'is empty'),
      description: string.nullish(),
      schema: z.record(z.string(), z.unknown(), { error: 'must be a JSON Schema' }).nullish(),
      strict: truth,
    },
    { error: 'must be an object with a name and a schema' },
  ),
})
const formatError = { error: 'must be an object with a type' }

const chatFields = {
  ...deliveryFields,
  ...samplingFields,
  ...toolFields,
  messages: z.array(message, { error: 'must be an array of messages' }).min(1, 'is empty: send at least one message'),
  max_tokens: tokenLimit,
  max_completion_tokens: tokenLimit,
  logprobs: truth,
  top_logprobs: z.int({ error: topError }).min(0, topError).max(20, topError).nullish(),
  response_format: z.looseObject({ type: string }, formatError).nullish(),
  reasoning_effort: string.nullish(),
  reasoning: z
    .looseObject(
      { effort: string.nullish(), max_tokens: tokenLimit, enabled: truth, exclude: truth },
      {
        error: 'must be an object',
      },
    )
    .nullish(),
  modalities: z.array(z.string(), { error: 'must be an array of strings' }).nullish(),
  metadata: z.record(z.string(), z.unknown(), { error: 'must be an object' }).nullish(),
  safety_identifier: string.nullish(),
  prompt_cache_key: string.nullish(),
}
const chatRequest = z.looseObject(chatFields)
const known = Object.keys(chatFields)

/** What `meta` adds here is what `parseChat` checks beyond the shapes. */
const visible = { type: 'string', pattern: String.raw`\S` }
const notBlank = { anyOf: [visible, { type: 'array', contains: { properties: { text: visible } } }] }
const saysSomething = {
  type: 'object',
  properties: { role: { not: { enum: ['system', 'developer'] } } },
  anyOf: [
    { properties: { role: { enum: ['user'] }, content: notBlank } },
    { properties: { role: { enum: ['assistant'] }, content: notBlank }, required: ['content'] },
    { properties: { role: { not: { enum: ['user', 'assistant'] } } } },
    { properties: { tool_calls: { type: 'array', minItems: 1 } }, required: ['tool_calls'] },
    { properties: { function_call: { type: 'object' } }, required: ['function_call'] },
  ],
}

/** The body for the OpenAPI document. */
export const chatBody = chatRequest
  .extend({
    ...documentedTools,
    messages: z
      .array(documentedMessage)
      .min(1)
      .meta({
        examples: [[{ role: 'user', content: 'What is the capital of France?' }]],
        contains: saysSomething,
      }),
    response_format: z
      .union([jsonSchemaFormat, z.looseObject({ type: z.string().meta({ not: { enum: ['json_schema'] } }) })])
      .nullish(),
  })
  .meta({ id: 'OpenAIChatRequest' })

export function parseChat(body: unknown, head: RequestHead): ChatRequest {
  const checked = checkBody(chatRequest, body)
  const conversation = readConversation(checked.messages, head)
  requireSomething(conversation.messages)
  const { needs: toolNeeds, legacy, ...toolUse } = readToolUse(checked)
  const format = readFormat(checked.response_format)
  const reasoning = readReasoningWish(checked)
  const needs = [...conversation.needs, ...toolNeeds, ...format.needs, ...reasoning.needs, ...otherNeeds(checked)]
  const extra = extraOf(checked, needs)
  return {
    id: head.requestId,
    dialect: 'openai-chat',
    model: checked.model,
    messages: conversation.messages,
    stream: checked.stream === true,
    ...toolUse,
    ...defined({
      ...readSampling(checked),
      maxTokens: checked.max_completion_tokens ?? checked.max_tokens,
      responseFormat: format.responseFormat,
      reasoning: reasoning.wish,
      logprobs: checked.logprobs === true ? { top: checked.top_logprobs ?? 0 } : undefined,
      choices: checked.n,
      metadata: checked.metadata,
      user: checked.user ?? checked.safety_identifier,
      session: sessionOf(head, checked.prompt_cache_key),
      needs: needs.length > 0 ? needs : undefined,
      extra: Object.keys(extra).length > 0 ? extra : undefined,
    }),
    wishes: {
      includeUsage: checked.stream_options?.include_usage === true,
      functionCall: legacy,
      // Who asks in OpenRouter's words reads its answer, too.
      openrouter: typeof checked.reasoning === 'object' && checked.reasoning !== null,
      hideReasoning: checked.reasoning?.exclude === true,
    },
    client: clientOf(head, passedHeaders),
    caching: cachingOf(head),
  }
}

/** Also what is known by name, but holds something that only a model of this dialect can do. */
function extraOf(checked: z.infer<typeof chatRequest>, needs: readonly Need[]) {
  const asked = new Set(needs.map(({ field }) => field.split(/[.[]/, 1)[0]))
  const translated = known.filter((field) => field === 'messages' || field === 'tools' || !asked.has(field))
  return defined(unknownFields(checked, translated))
}

function requireSomething(messages: readonly Message[]): void {
  const says = (message: Message) =>
    textOf(message).trim() !== '' || message.content.some(({ type }) => type !== 'text' && type !== 'reasoning')
  if (messages.some((message) => message.role !== 'system' && says(message))) return
  const text = "'messages' holds no text: write what the model shall answer"
  throw new GatewayError('invalid_request', text, { field: 'messages' })
}

interface Format {
  readonly responseFormat?: ResponseFormat
  readonly needs: readonly Need[]
}

function readFormat(format: z.infer<typeof chatRequest>['response_format']): Format {
  switch (format?.type) {
    case undefined:
      return { needs: [] }
    case 'text':
      return { responseFormat: { type: 'text' }, needs: [] }
    case 'json_object':
      return { responseFormat: { type: 'json' }, needs: [] }
    case 'json_schema': {
      const { name, description, schema, strict } = checkAt(jsonSchemaFormat, format, ['response_format']).json_schema
      const told = defined({ description, strict })
      return { responseFormat: { type: 'json-schema', name, schema: schema ?? {}, ...told }, needs: [] }
    }
    default:
      // A grammar or the like: a reply that does not keep to it is of no use.
      return {
        needs: [
          {
            capability: 'native',
            field: 'response_format',
            weight: 'must',
            advice: 'ask for json_schema or json_object',
          },
        ],
      }
  }
}

const efforts: readonly string[] = [
  'none',
  'minimal',
  'low',
  'medium',
  'high',
  'xhigh',
  'max',
] satisfies ReasoningEffort[]

function isEffort(effort: string | null | undefined): effort is ReasoningEffort {
  return typeof effort === 'string' && efforts.includes(effort)
}

interface ReasoningAsked {
  readonly wish?: ReasoningWish
  readonly needs: readonly Need[]
}

/** OpenAI's `reasoning_effort`, or OpenRouter's `reasoning`. */
function readReasoningWish({ reasoning_effort, reasoning }: z.infer<typeof chatRequest>): ReasoningAsked {
  const asked = reasoning?.effort ?? reasoning_effort
  const budgetTokens = reasoning?.max_tokens
  const effort = isEffort(asked) ? asked : undefined
  const field = reasoning?.effort === undefined ? 'reasoning_effort' : 'reasoning.effort'
  const unknown = typeof asked === 'string' && effort === undefined
  const needs: readonly Need[] = unknown ? [{ capability: 'native', field, weight: 'prefer' }] : []
  if (reasoning?.enabled === false || effort === 'none')
    return { wish: { enabled: false, ...defined({ effort }) }, needs }
  const isAsked = reasoning?.enabled === true || effort !== undefined || typeof budgetTokens === 'number'
  return isAsked ? { wish: { enabled: true, ...defined({ effort, budgetTokens }) }, needs } : { needs }
}

/** What asks for more than text, or for what only the vendor runs. */
function otherNeeds({ modalities, web_search_options: search }: z.infer<typeof chatRequest>): readonly Need[] {
  const needs: Need[] = []
  if ((modalities ?? []).some((modality) => modality !== 'text')) {
    needs.push({ capability: 'native', field: 'modalities', weight: 'must', advice: 'ask for text alone' })
  }
  if (search !== undefined && search !== null) {
    needs.push({ capability: 'native', field: 'web_search_options', weight: 'prefer' })
  }
  return needs
}
