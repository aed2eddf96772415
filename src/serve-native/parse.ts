import type { z } from 'zod'
import type { ContentPart, ImagePart } from '../core/content.ts'
import { GatewayError } from '../core/errors.ts'
import type { ChatRequest, Message } from '../core/request.ts'
import type { ToolChoice } from '../core/tools.ts'
import {
  at,
  cachingOf,
  checkBody,
  checkLength,
  defined,
  exactBody,
  sessionOf,
  textMessage,
  unknownFields,
} from '../dialects/check.ts'
import type { RequestHead } from '../dialects/dialect.ts'
import { chatBody } from './schemas.ts'

type Body = z.infer<typeof chatBody>
type Turn = NonNullable<Body['messages']>[number]

const known = Object.keys(chatBody.shape)

/** A request in the gateway's own API. */
export function parseChat(body: unknown, head: RequestHead): ChatRequest {
  const checked = checkBody(chatBody, body)
  const { prompt, messages, system, model, stream, tools, json_schema: schema } = checked
  refuseEmpty(checked)

  const turns: readonly Turn[] = messages ?? [{ role: 'user', content: prompt ?? '' }]
  const exact = exactBody(head)
  for (const [index, { content = '', role, tool_calls: calls = [] }] of turns.entries()) {
    const field = `messages[${index}].content`
    if (turns[index]?.content === undefined && calls.length === 0) {
      throw new GatewayError('invalid_request', `${field}: must be a string`, { field })
    }
    if (role !== 'tool') checkLength(content, prompt === undefined ? `messages[${index}].content` : 'prompt', head)
  }
  if (system !== undefined) checkLength(system, 'system', head)

  const ignored = Object.keys(unknownFields(checked, known))
  return {
    id: head.requestId,
    dialect: 'native',
    model,
    messages: [
      ...(system === undefined ? [] : [textMessage('system', system)]),
      ...turns.map((turn, index) => toMessage(turn, index, at(exact, 'messages', index))),
    ],
    stream,
    ...defined({
      maxTokens: checked.max_tokens,
      temperature: checked.temperature,
      metadata: checked.metadata,
      session: sessionOf(head),
      tools: tools?.map((tool) => ({ type: 'function' as const, ...tool })),
      toolChoice: toolChoice(checked.tool_choice),
      responseFormat: schema && { type: 'json-schema' as const, name: 'reply', schema },
      dropped: ignored.length === 0 ? undefined : [`unknown fields were ignored: ${ignored.join(', ').slice(0, 200)}`],
    }),
    caching: cachingOf(head),
  }
}

function refuseEmpty({ prompt, messages }: Body): void {
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
  if (messages !== undefined && !messages.some(saysSomething)) {
    throw new GatewayError('invalid_request', "'messages' is empty: send at least one with text", { field: 'messages' })
  }
}

function saysSomething({ role, content = '', images = [] }: Turn): boolean {
  return role === 'tool' || images.length > 0 || (role !== 'system' && content.trim() !== '')
}

function toMessage(turn: Turn, index: number, exact: unknown): Message {
  const { role, content = '', images = [], tool_calls: calls = [], tool_call_id: callId } = turn
  const text: ContentPart[] = content === '' && role === 'assistant' ? [] : [{ type: 'text', text: content }]
  switch (role) {
    case 'system':
      return textMessage('system', content)
    case 'user':
      return { role, content: [...text, ...images.map(toImage)] }
    case 'assistant': {
      const made = calls.map(({ id, name, arguments: given }, call) => ({
        type: 'tool-call' as const,
        id,
        name,
        arguments: JSON.stringify(at(exact, 'tool_calls', call, 'arguments') ?? given),
      }))
      return { role, content: [...text, ...made] }
    }
    case 'tool': {
      if (callId === undefined || callId === '') {
        const field = `messages[${index}].tool_call_id`
        throw new GatewayError('invalid_request', `${field}: is missing: name the call that this is the result of`, {
          field,
        })
      }
      const result = [{ type: 'text' as const, text: content }]
      return { role, content: [{ type: 'tool-result', callId, name: '', content: result, isError: false }] }
    }
    default:
      return role satisfies never
  }
}

function toImage(url: string): ImagePart {
  const [, mediaType, data] = /^data:(image\/[\w.+-]+);base64,([\s\S]*)$/.exec(url) ?? []
  if (mediaType !== undefined && data !== undefined) {
    return { type: 'image', source: { kind: 'data', mediaType, data } }
  }
  return { type: 'image', source: { kind: 'url', url } }
}

function toolChoice(choice: Body['tool_choice']): ToolChoice | undefined {
  if (choice === undefined) return undefined
  return typeof choice === 'string' ? { type: choice } : { type: 'tool', name: choice.name }
}
