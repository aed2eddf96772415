import { z } from 'zod'
import type { OutputPart } from '../core/content.ts'
import type { FinishReason, TokenLogprob } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import { inputTokens, outputTokens, type Usage } from '../core/usage.ts'
import { inputOfArguments } from '../serve-openai/freeform.ts'
import { bodyOf } from './body.ts'
import { sealReasoning } from './reasoning.ts'
import type { OfferedTool } from './tools.ts'

const status = z.enum(['in_progress', 'completed', 'incomplete'])
const likely = z.object({ token: z.string(), logprob: z.number(), bytes: z.array(z.int()) })

const outputText = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.unknown()),
  logprobs: z.array(likely.extend({ top_logprobs: z.array(likely) })),
})

const outputItem = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message'),
    id: z.string(),
    status,
    role: z.literal('assistant'),
    content: z.array(outputText),
  }),
  z.object({
    type: z.literal('reasoning'),
    id: z.string(),
    status,
    summary: z.array(z.object({ type: z.literal('summary_text'), text: z.string() })),
    encrypted_content: z.string().optional().describe('What a vendor must get back with it: send it as it is.'),
  }),
  z.object({
    type: z.literal('function_call'),
    id: z.string(),
    status,
    call_id: z.string(),
    name: z.string(),
    namespace: z.string().optional(),
    arguments: z.string(),
  }),
  z.object({
    type: z.literal('custom_tool_call'),
    id: z.string(),
    status,
    call_id: z.string(),
    name: z.string(),
    namespace: z.string().optional(),
    input: z.string(),
  }),
])

const usageReply = z.object({
  input_tokens: z.int(),
  input_tokens_details: z.object({ cached_tokens: z.int(), cache_write_tokens: z.int() }),
  output_tokens: z.int(),
  output_tokens_details: z.object({ reasoning_tokens: z.int() }),
  total_tokens: z.int(),
})

/** Fields that repeat the request are in its form. */
const repeated = z.unknown()

export const responsesReply = z
  .object({
    id: z.string(),
    object: z.literal('response'),
    created_at: z.int(),
    completed_at: z.int().nullable(),
    status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
    background: z.literal(false),
    access_programs: z.null(),
    error: z.object({ code: z.string(), message: z.string() }).nullable(),
    incomplete_details: z.object({ reason: z.enum(['max_output_tokens', 'content_filter']) }).nullable(),
    instructions: z.string().nullable(),
    max_output_tokens: z.int().nullable(),
    max_tool_calls: z.int().nullable(),
    metadata: repeated,
    model: z.string(),
    output: z.array(outputItem),
    parallel_tool_calls: z.boolean(),
    previous_response_id: z.null(),
    prompt_cache_key: z.string().nullable(),
    reasoning: repeated,
    safety_identifier: z.string().nullable(),
    service_tier: z.literal('default'),
    store: z.literal(false),
    temperature: z.number().nullable(),
    text: repeated,
    tool_choice: repeated,
    tools: z.array(repeated),
    top_logprobs: z.int(),
    top_p: z.number().nullable(),
    truncation: z.string(),
    usage: usageReply.nullable(),
    user: z.string().nullable(),
  })
  .meta({ id: 'OpenAIResponse' })

export type ResponseObject = z.infer<typeof responsesReply>
export type OutputItem = z.infer<typeof outputItem>
export type ItemStatus = z.infer<typeof status>

/** What changes from the first event of a response to its last. */
export type ResponseState = Pick<ResponseObject, 'created_at' | 'model' | 'status'> &
  Partial<Pick<ResponseObject, 'completed_at' | 'error' | 'incomplete_details' | 'output' | 'usage'>>

/** OpenAI's response object, which repeats most of the request. */
export function responseObject(request: ChatRequest, state: ResponseState): ResponseObject {
  const body = bodyOf(request)
  return {
    id: `resp_${request.id}`,
    object: 'response',
    completed_at: null,
    background: false,
    access_programs: null,
    error: null,
    incomplete_details: null,
    instructions: body.instructions ?? null,
    max_output_tokens: body.max_output_tokens ?? null,
    max_tool_calls: body.max_tool_calls ?? null,
    metadata: body.metadata ?? {},
    output: [],
    parallel_tool_calls: body.parallel_tool_calls ?? true,
    previous_response_id: null,
    prompt_cache_key: body.prompt_cache_key ?? null,
    reasoning: { effort: null, summary: null, ...body.reasoning },
    safety_identifier: body.safety_identifier ?? null,
    service_tier: 'default',
    store: false,
    temperature: body.temperature ?? null,
    text: { format: body.text?.format ?? { type: 'text' }, verbosity: body.text?.verbosity ?? 'medium' },
    tool_choice: body.tool_choice ?? 'auto',
    tools: (body.tools ?? []).map((tool) =>
      tool.type === 'function' ? { description: null, parameters: null, strict: false, ...tool } : tool,
    ),
    top_logprobs: body.top_logprobs ?? 0,
    top_p: body.top_p ?? null,
    truncation: body.truncation ?? 'disabled',
    usage: null,
    user: body.user ?? null,
    ...state,
  }
}

/** How a finished reply is told: what a model was kept from saying is told apart from what it said to its end. */
export function closingState(
  reason: FinishReason,
  usage: Usage,
): Pick<ResponseObject, 'status' | 'completed_at' | 'incomplete_details' | 'usage'> {
  const cut = reason === 'length' ? 'max_output_tokens' : reason === 'content-filter' ? 'content_filter' : undefined
  return {
    status: cut === undefined ? 'completed' : 'incomplete',
    completed_at: cut === undefined ? Math.floor(Date.now() / 1000) : null,
    incomplete_details: cut === undefined ? null : { reason: cut },
    usage: {
      input_tokens: inputTokens(usage),
      input_tokens_details: {
        cached_tokens: usage.cacheRead,
        cache_write_tokens: usage.cacheWrite + usage.cacheWriteHour,
      },
      output_tokens: outputTokens(usage),
      output_tokens_details: { reasoning_tokens: usage.reasoning },
      total_tokens: inputTokens(usage) + outputTokens(usage),
    },
  }
}

export interface ItemFacts {
  /** Differs from answer to answer: clients put items of several answers into one conversation. */
  readonly answer: string
  /** Place among the items of its answer. */
  readonly index: number
  readonly status: ItemStatus
  /** The request's tools by the names that models know. */
  readonly tools: ReadonlyMap<string, OfferedTool>
  /** Undefined where the client did not ask. */
  readonly logprobs?: readonly TokenLogprob[] | undefined
}

/** A piece of a reply as an item of the output. */
export function itemOf(part: OutputPart, { answer, index, status, tools, logprobs }: ItemFacts): OutputItem {
  const id = (prefix: string) => `${prefix}_${answer}${String(index).padStart(4, '0')}`
  switch (part.type) {
    case 'text':
      return {
        type: 'message',
        id: id('msg'),
        status,
        role: 'assistant',
        // A message that has just begun has no content yet.
        content: status === 'in_progress' ? [] : [textContent(part.text, logprobs)],
      }
    case 'reasoning':
      return {
        type: 'reasoning',
        id: id('rs'),
        status,
        summary: part.text === '' ? [] : [{ type: 'summary_text', text: part.text }],
        ...(status !== 'in_progress' && { encrypted_content: sealReasoning(part) }),
      }
    case 'tool-call': {
      const offered = tools.get(part.name)
      const { name = part.name, namespace } = offered ?? {}
      const head = { status, call_id: part.id, name, ...(namespace !== undefined && { namespace }) }
      if (isFreeform(offered)) {
        return { type: 'custom_tool_call', id: id('ctc'), ...head, input: inputOfArguments(part.arguments) }
      }
      return { type: 'function_call', id: id('fc'), ...head, arguments: part.arguments }
    }
    default:
      return part satisfies never
  }
}

function isFreeform(offered: OfferedTool | undefined): boolean {
  return offered?.tool.type === 'function' && offered.tool.freeform === true
}

export function textContent(text: string, logprobs: readonly TokenLogprob[] = []): z.infer<typeof outputText> {
  return { type: 'output_text', text, annotations: [], logprobs: logprobs.map(logprobOf) }
}

export function logprobOf({ token, logprob, top = [] }: TokenLogprob) {
  const at = (one: { readonly token: string; readonly logprob: number }) => ({
    token: one.token,
    logprob: one.logprob,
    // A token may be a piece of a character, whose bytes nobody told us.
    bytes: one.token.includes('\ufffd') ? [] : [...Buffer.from(one.token)],
  })
  return { ...at({ token, logprob }), top_logprobs: top.map(at) }
}
