import { z } from 'zod'
import { GatewayError } from '../core/errors.ts'
import type { Receipt } from '../core/receipt.ts'
import type { FinishReason } from '../core/reply.ts'
import { inputTokens, outputTokens, type Usage } from '../core/usage.ts'
import { cachingOf, checkBody, checkLength, textMessage, unknownFields } from './check.ts'
import { type Dialect, type ErrorGroup, errorGroup } from './dialect.ts'

const textPart = z.object({ type: z.literal('text', { error: unsupportedPart }), text: z.string() })
const content = z.union([z.string(), z.array(textPart)], {
  error: 'must be a string or an array of text parts (images and audio are not supported yet)',
})
const bounded = (least: number, most: number) => {
  const error = `must be a number from ${least} to ${most}`
  return z.number({ error }).min(least, error).max(most, error).nullish()
}
const tokenLimit = z.int({ error: 'must be a whole number, at least 1' }).min(1, 'must be at least 1').nullish()

/** What `meta` adds to the schemas here is what `parse` checks beyond them, for the OpenAPI document. */
const visible = { type: 'string', pattern: String.raw`\S` }
const visibleContent = { anyOf: [visible, { type: 'array', contains: { properties: { text: visible } } }] }
const nothing = { anyOf: [{ type: 'null' }, { type: 'array', maxItems: 0 }] }
const unsupported = {
  tools: nothing,
  functions: nothing,
  audio: nothing,
  modalities: { anyOf: [...nothing.anyOf, { enum: ['text', ['text']] }] },
  response_format: {
    anyOf: [{ type: 'null' }, { type: 'object', properties: { type: { const: 'text' } }, required: ['type'] }],
  },
}

const chatBody = z
  .looseObject({
    model: z
      .string({ error: 'is missing: write a configured model, or auto' })
      .min(1, 'is empty: write a model, or auto')
      .meta({ examples: ['auto'] }),
    messages: z
      .array(
        z.looseObject({
          role: z.enum(['system', 'developer', 'user', 'assistant'], {
            error: 'must be system, developer, user or assistant (tool results are not supported yet)',
          }),
          content,
        }),
        { error: 'must be an array of messages' },
      )
      .min(1, 'is empty: send at least one message')
      .meta({
        examples: [[{ role: 'user', content: 'What is the capital of France?' }]],
        contains: { properties: { role: { enum: ['user', 'assistant'] }, content: visibleContent } },
      }),
    stream: z.boolean({ error: 'must be true or false' }).nullish(),
    stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
    max_tokens: tokenLimit,
    max_completion_tokens: tokenLimit,
    temperature: bounded(0, 2),
    top_p: bounded(0, 1),
    presence_penalty: bounded(-2, 2),
    frequency_penalty: bounded(-2, 2),
    stop: z.union([z.string(), z.array(z.string()).max(4)], { error: 'must be a string or up to 4 of them' }).nullish(),
    seed: z.int({ error: 'must be a whole number' }).nullish(),
    n: z
      .int()
      .nullish()
      .meta({ enum: [1, null] }),
    user: z.string().nullish(),
    metadata: z.record(z.string(), z.unknown()).nullish(),
  })
  .meta({ id: 'OpenAIChatRequest', allOf: [{ properties: unsupported }] })

const known = Object.keys(chatBody.shape)

const usageReply = z.object({
  prompt_tokens: z.int(),
  completion_tokens: z.int(),
  total_tokens: z.int(),
  prompt_tokens_details: z.object({ cached_tokens: z.int() }),
  completion_tokens_details: z.object({ reasoning_tokens: z.int() }),
})

const chatReply = z
  .object({
    id: z.string(),
    object: z.literal('chat.completion'),
    created: z.int(),
    model: z.string(),
    choices: z.array(
      z.object({
        index: z.int(),
        message: z.object({
          role: z.literal('assistant'),
          content: z.string(),
          reasoning_content: z.string().optional(),
          refusal: z.null(),
        }),
        logprobs: z.null(),
        finish_reason: z.enum(['stop', 'length', 'content_filter']),
      }),
    ),
    usage: usageReply,
  })
  .meta({ id: 'OpenAIChatReply' })

const modelReply = z
  .object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })
  .meta({ id: 'OpenAIModel' })

/** OpenAI's Chat Completions and its list of models. */
export const openaiChat: Dialect = {
  name: 'openai-chat',
  prefixes: ['/v1/'],
  routes: [
    {
      method: 'POST',
      path: '/v1/chat/completions',
      does: 'chat',
      summary: 'OpenAI Chat Completions.',
      body: chatBody,
      reply: chatReply,
      streams: true,
    },
    {
      method: 'GET',
      path: '/v1/models',
      does: 'models',
      summary: 'The configured models, in OpenAI’s form.',
      reply: z.object({ object: z.literal('list'), data: z.array(modelReply) }).meta({ id: 'OpenAIModels' }),
      streams: false,
    },
  ],

  parse(body, head) {
    const checked = checkBody(chatBody, body)
    refuseUnsupported(checked)
    const { messages, max_tokens, max_completion_tokens, temperature, top_p, stop, seed } = checked

    const turns = messages.map(({ role, content }) => {
      const text = typeof content === 'string' ? content : content.map((part) => part.text).join('')
      return textMessage(role === 'developer' ? 'system' : role, text)
    })
    for (const [index, { content }] of turns.entries()) {
      checkLength(content[0]?.text ?? '', `messages[${index}].content`, head)
    }
    if (!turns.some(({ role, content }) => role !== 'system' && content[0]?.text.trim() !== '')) {
      throw new GatewayError('invalid_request', "'messages' holds no text: write what the model shall answer", {
        field: 'messages',
      })
    }

    const extra = unknownFields(checked, known)
    return {
      id: head.requestId,
      dialect: 'openai-chat',
      model: checked.model === 'hybrid/auto' ? 'auto' : checked.model,
      messages: turns,
      stream: checked.stream === true,
      ...defined({
        maxTokens: max_completion_tokens ?? max_tokens,
        temperature,
        topP: top_p,
        presencePenalty: checked.presence_penalty,
        frequencyPenalty: checked.frequency_penalty,
        stop: typeof stop === 'string' ? [stop] : stop,
        seed,
        metadata: checked.metadata,
      }),
      wishes: { includeUsage: checked.stream_options?.include_usage === true },
      ...(Object.keys(extra).length === 0 ? {} : { extra }),
      caching: cachingOf(head),
    }
  },

  whole: ({ facts, text, reasoning, reason, receipt }) => ({
    id: `chatcmpl-${facts.requestId}`,
    object: 'chat.completion',
    created: Math.floor(receipt.startedAt / 1000),
    model: facts.model,
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: text,
          ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
          refusal: null,
        },
        logprobs: null,
        finish_reason: finishReason(reason),
      },
    ],
    usage: usageFields(receipt),
  }),

  frames(request) {
    const withUsage = request.wishes?.includeUsage === true
    let base = { id: `chatcmpl-${request.id}`, object: 'chat.completion.chunk', created: 0, model: request.model }
    const chunk = (delta: object, finish: string | null) =>
      frame({
        ...base,
        choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
        ...(withUsage ? { usage: null } : {}),
      })
    return {
      contentType: 'text/event-stream; charset=utf-8',
      heartbeat: ': still working\n\n',
      start(facts) {
        base = { ...base, created: Math.floor(Date.now() / 1000), model: facts.model }
        return chunk({ role: 'assistant', content: '' }, null)
      },
      text: (text) => chunk({ content: text }, null),
      reasoning: (text) => chunk({ reasoning_content: text }, null),
      end(reason, receipt) {
        const usage = withUsage ? frame({ ...base, choices: [], usage: usageFields(receipt) }) : ''
        return `${chunk({}, finishReason(reason))}${usage}data: [DONE]\n\n`
      },
      error: (error, requestId) => frame(openaiChat.error(error, requestId)),
    }
  },

  error: (error, requestId) => ({
    error: {
      message: error.message,
      type: errorTypes[errorGroup(error.code, error.status)],
      param: error.field === undefined || error.field === '' ? null : error.field,
      code: error.code,
      request_id: requestId,
    },
  }),

  models: (models) => ({
    object: 'list',
    data: ['auto', ...models.map(({ model }) => model.name)].map((id) => ({
      id,
      object: 'model',
      created: 0,
      owned_by: models.find(({ model }) => model.name === id)?.model.provider ?? 'hybrid',
    })),
  }),
}

const errorTypes: Record<ErrorGroup, string> = {
  invalid: 'invalid_request_error',
  authentication: 'authentication_error',
  permission: 'permission_error',
  'not-found': 'invalid_request_error',
  'rate-limit': 'rate_limit_error',
  overloaded: 'server_error',
  server: 'server_error',
}

function refuseUnsupported(body: z.infer<typeof chatBody>): void {
  if (typeof body.n === 'number' && body.n !== 1) {
    throw new GatewayError('unsupported', 'n: only one choice is supported; send the request several times', {
      field: 'n',
    })
  }
  for (const field of ['tools', 'functions', 'audio', 'modalities']) {
    const value = body[field]
    const empty = value === undefined || value === null || (Array.isArray(value) && value.length === 0)
    if (empty || (field === 'modalities' && isTextAlone(value))) continue
    throw new GatewayError('unsupported', `${field}: is not supported yet; leave it out`, { field })
  }
  const format = body.response_format as { type?: unknown } | null | undefined
  if (format !== undefined && format !== null && format.type !== 'text') {
    throw new GatewayError('unsupported', 'response_format: only text is supported yet; leave it out', {
      field: 'response_format',
    })
  }
}

function isTextAlone(modalities: unknown): boolean {
  return modalities === 'text' || (Array.isArray(modalities) && modalities.length === 1 && modalities[0] === 'text')
}

/** An object from outside may not become a string: its `toString` need not be a function. */
function unsupportedPart({ input }: { input?: unknown }): string {
  return typeof input === 'string' ? `'${input}' parts are not supported yet; send text` : "must be 'text'"
}

function frame(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`
}

function finishReason(reason: FinishReason): string {
  return reason === 'content-filter' ? 'content_filter' : reason
}

function usageFields({ usage }: { readonly usage: Usage } | Receipt) {
  return {
    prompt_tokens: inputTokens(usage),
    completion_tokens: outputTokens(usage),
    total_tokens: inputTokens(usage) + outputTokens(usage),
    prompt_tokens_details: { cached_tokens: usage.cacheRead },
    completion_tokens_details: { reasoning_tokens: usage.reasoning },
  }
}

/** Without the entries that are null or undefined. */
function defined<Fields extends object>(fields: Fields) {
  const entries = Object.entries(fields).filter(([, value]) => value !== undefined && value !== null)
  return Object.fromEntries(entries) as { [Key in keyof Fields]?: NonNullable<Fields[Key]> }
}
