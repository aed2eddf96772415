import type { OutputPart } from '../core/content.ts'
import { parseExactly } from '../core/exact-json.ts'
import type { FinishReason } from '../core/reply.ts'
import type { ChatRequest } from '../core/request.ts'
import { outputTokens, type Usage } from '../core/usage.ts'
import type { WholeReply } from '../dialects/dialect.ts'
import { noSignature } from './foreign.ts'
import { messageId } from './thread.ts'

/** A whole reply as a `Message`. */
export function messageOf({ facts, choices, receipt }: WholeReply, request: ChatRequest): object {
  const [choice] = choices
  const content = choice?.content ?? []
  const calls = content.some(({ type }) => type === 'tool-call')
  return {
    id: messageId(facts.requestId),
    type: 'message',
    role: 'assistant',
    model: facts.model,
    content: content.flatMap((part) => blockOf(part, showsThinking(request))),
    ...stopFields({ reason: choice?.reason ?? 'stop', stopSequence: choice?.stopSequence, calls }),
    diagnostics: null,
    usage: usageFields(receipt.usage),
  }
}

/** False where thoughts come without their text: a signature alone, for its vendor to read. */
export function showsThinking({ wishes }: ChatRequest): boolean {
  return wishes?.thinking === true
}

/** Who made the call: the model itself, and no program that it wrote. */
export const caller = { type: 'direct' }

function blockOf(part: OutputPart, shows: boolean): readonly object[] {
  switch (part.type) {
    case 'text':
      return [{ type: 'text', text: part.text, citations: null }]
    case 'reasoning': {
      const { text, signature, redacted } = part
      if (redacted !== undefined) return [{ type: 'redacted_thinking', data: redacted }]
      if (!shows && signature === undefined) return []
      return [{ type: 'thinking', thinking: shows ? text : '', signature: signature ?? noSignature }]
    }
    case 'tool-call':
      return [{ type: 'tool_use', id: part.id, name: part.name, input: inputOf(part.arguments), caller }]
    default:
      return part satisfies never
  }
}

/**
 * The arguments as an object. What is none is handed over under the key that Anthropic proposes for it, so that the
 * tool refuses it, and the model sees what it wrote.
 */
function inputOf(text: string): object {
  return parseArguments(text) ?? (text.trim() === '' ? {} : { INVALID_JSON: text })
}

/** Undefined where the text is not, or not yet, the JSON of an object. */
export function parseArguments(text: string): object | undefined {
  try {
    const value = parseExactly(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? value : undefined
  } catch {
    return undefined
  }
}

interface Stop {
  readonly reason: FinishReason
  readonly stopSequence: string | undefined
  /** True where the reply holds calls of tools. */
  readonly calls: boolean
}

/** Why the reply ended; the same fields in a message and in the last delta of a stream. */
export function stopFields({ reason, stopSequence, calls }: Stop) {
  return {
    stop_reason: stopReason(reason, stopSequence, calls),
    stop_sequence: reason === 'stop' && stopSequence !== undefined ? stopSequence : null,
    stop_details: reason === 'content-filter' ? { type: 'refusal', category: null, explanation: null } : null,
    container: null,
  }
}

function stopReason(reason: FinishReason, stopSequence: string | undefined, calls: boolean): string {
  switch (reason) {
    case 'stop':
      if (stopSequence !== undefined) return 'stop_sequence'
      // Some servers say so of replies that wait for tools, too; clients look here to run them.
      return calls ? 'tool_use' : 'end_turn'
    case 'length':
      return 'max_tokens'
    case 'content-filter':
      return 'refusal'
    case 'tool-calls':
      return 'tool_use'
    default:
      return reason satisfies never
  }
}

export function usageFields(usage: Usage) {
  return {
    ...countFields(usage),
    cache_creation: {
      ephemeral_5m_input_tokens: usage.cacheWrite,
      ephemeral_1h_input_tokens: usage.cacheWriteHour,
    },
    service_tier: null,
    inference_geo: null,
    speed: null,
  }
}

/** The counts that the last delta of a stream repeats, now for the whole message. */
export function countFields(usage: Usage) {
  return {
    input_tokens: usage.input,
    cache_creation_input_tokens: usage.cacheWrite + usage.cacheWriteHour,
    cache_read_input_tokens: usage.cacheRead,
    output_tokens: outputTokens(usage),
    output_tokens_details: { thinking_tokens: usage.reasoning },
    server_tool_use: null,
  }
}
