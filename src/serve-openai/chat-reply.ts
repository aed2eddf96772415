import { z } from 'zod'
import { joinText } from '../core/content.ts'
import type { ReplyChoice } from '../core/message-builder.ts'
import type { FinishReason } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import type { WholeReply } from '../dialects/dialect.ts'
import { freeformNames, inputOfArguments } from './freeform.ts'
import { chatLogprobs, logprobsReply } from './logprobs.ts'
import { reasoningDetails } from './reasoning.ts'
import { usageFields, usageReply } from './usage.ts'

const calledFunction = z.object({ name: z.string(), arguments: z.string() })
const toolCall = z.union([
  z.object({ id: z.string(), type: z.literal('function'), function: calledFunction }),
  z.object({
    id: z.string(),
    type: z.literal('custom'),
    custom: z.object({ name: z.string(), input: z.string() }),
  }),
])
const reasoningDetail = z.object({
  type: z.enum(['reasoning.text', 'reasoning.encrypted']),
  text: z.string().optional(),
  signature: z.string().optional(),
  data: z.string().optional(),
  format: z.string(),
  index: z.int(),
})

export const chatReply = z
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
          content: z.string().nullable(),
          refusal: z.null(),
          annotations: z.array(z.never()),
          reasoning_content: z.string().optional(),
          reasoning: z.string().optional(),
          reasoning_details: z.array(reasoningDetail).optional(),
          tool_calls: z.array(toolCall).optional(),
          function_call: calledFunction.optional(),
        }),
        logprobs: logprobsReply,
        finish_reason: z.enum(['stop', 'length', 'content_filter', 'tool_calls', 'function_call']),
      }),
    ),
    usage: usageReply,
  })
  .meta({ id: 'OpenAIChatReply' })

type ReplyBody = z.infer<typeof chatReply>
type FinishWord = ReplyBody['choices'][number]['finish_reason']

export function wholeChat({ facts, choices, receipt }: WholeReply, request: ChatRequest): object {
  return {
    id: `chatcmpl-${facts.requestId}`,
    object: 'chat.completion',
    created: Math.floor(receipt.startedAt / 1000),
    model: facts.model,
    choices: choices.map((choice, index) => ({
      index,
      message: { role: 'assistant', ...messageFields(choice, request) },
      logprobs: request.logprobs === undefined ? null : chatLogprobs(choice.logprobs),
      finish_reason: finishWord(choice.reason, request),
    })),
    usage: usageFields(receipt),
  }
}

function messageFields({ content }: ReplyChoice, request: ChatRequest) {
  const text = joinText(content)
  const calls = content.filter((part) => part.type === 'tool-call')
  return {
    content: text === '' && calls.length > 0 ? null : text,
    refusal: null,
    annotations: [],
    ...reasoningOf(content, request),
    ...callsOf(calls, request),
  }
}

function reasoningOf(content: ReplyChoice['content'], request: ChatRequest) {
  if (request.wishes?.hideReasoning === true) return {}
  const text = content.map((part) => (part.type === 'reasoning' ? part.text : '')).join('')
  const details = reasoningDetails(content)
  return {
    ...(text !== '' && { [reasoningField(request)]: text }),
    ...(details.length > 0 && { reasoning_details: details }),
  }
}

type Calls = readonly { readonly id: string; readonly name: string; readonly arguments: string }[]

function callsOf(calls: Calls, { tools, wishes }: ChatRequest) {
  const [first] = calls
  if (first === undefined) return {}
  if (wishes?.functionCall === true) return { function_call: { name: first.name, arguments: first.arguments } }
  const freeform = freeformNames(tools)
  return {
    tool_calls: calls.map(({ id, name, arguments: json }) =>
      freeform.has(name)
        ? { id, type: 'custom', custom: { name, input: inputOfArguments(json) } }
        : { id, type: 'function', function: { name, arguments: json } },
    ),
  }
}

export function reasoningField({ wishes }: ChatRequest): 'reasoning' | 'reasoning_content' {
  return wishes?.openrouter === true ? 'reasoning' : 'reasoning_content'
}

export function finishWord(reason: FinishReason, { wishes }: ChatRequest): FinishWord {
  switch (reason) {
    case 'content-filter':
      return 'content_filter'
    case 'tool-calls':
      return wishes?.functionCall === true ? 'function_call' : 'tool_calls'
    default:
      return reason
  }
}
