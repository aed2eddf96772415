import type { GatewayError } from '../core/errors.ts'
import type { FinishReason, ReplyPart } from '../core/reply.ts'
import { addUsage, type Usage } from '../core/usage.ts'
import { count, list, messageIn, record, statusError, type UpstreamIdentity } from '../upstream/errors.ts'

type Fields = Readonly<Record<string, unknown>>

/** Reads the events of one reply; remembers what later ones build upon. */
export interface MessageReader {
  readonly read: (event: Fields) => readonly ReplyPart[]
  readonly finish: () => Extract<ReplyPart, { type: 'finish' }>
}

interface OpenBlock {
  readonly type: unknown
  /** Counts the calls, for blocks that are some. */
  readonly call: number
}

export function messageReader(): MessageReader {
  const blocks = new Map<unknown, OpenBlock>()
  let calls = 0
  let usage: Fields = {}
  let reason: FinishReason = 'stop'
  let stopSequence: string | undefined

  const counted = (update: unknown): readonly ReplyPart[] => {
    usage = merge(usage, update)
    return [{ type: 'usage', usage: toUsage(usage) }]
  }
  const stopped = (delta: Fields) => {
    reason = finishReason(delta.stop_reason)
    if (typeof delta.stop_sequence === 'string') stopSequence = delta.stop_sequence
  }

  return {
    read(event) {
      switch (event.type) {
        case 'message_start':
          return counted(record(event.message).usage)
        case 'content_block_start': {
          const block = record(event.content_block)
          blocks.set(event.index, { type: block.type, call: block.type === 'tool_use' ? calls++ : -1 })
          return blockParts(block, calls - 1)
        }
        case 'content_block_delta':
          return deltaParts(record(event.delta), blocks.get(event.index))
        case 'message_delta':
          stopped(record(event.delta))
          return counted(event.usage)
        // A whole reply, where the request asked for no stream.
        case 'message': {
          stopped(event)
          const content = list(event.content).map(record)
          const parts = content.flatMap((block) => blockParts(block, block.type === 'tool_use' ? calls++ : -1))
          return [...counted(event.usage), ...parts]
        }
        // Others (block ends, and whatever comes in later versions) carry nothing for us.
        default:
          return []
      }
    },
    finish: () => ({
      type: 'finish',
      reason,
      ...(stopSequence !== undefined && { stopSequence }),
      usage: 'input_tokens' in usage ? toUsage(usage) : undefined,
    }),
  }
}

/** A block as it begins, or whole. */
function blockParts(block: Fields, index: number): readonly ReplyPart[] {
  switch (block.type) {
    case 'text': {
      const cited = list(block.citations).length > 0 ? [{ type: 'opaque', kind: 'citations' } as const] : []
      return [...textParts(block.text), ...cited]
    }
    case 'thinking':
      return [...thoughtParts(block.thinking), ...signatureParts(block.signature)]
    case 'redacted_thinking':
      return typeof block.data === 'string' ? [{ type: 'reasoning-redacted', data: block.data }] : []
    case 'tool_use': {
      const begin: ReplyPart = { type: 'tool-call', index, id: String(block.id ?? ''), name: String(block.name ?? '') }
      // A stream begins with an empty input, and then sends its text.
      if (Object.keys(record(block.input)).length === 0) return [begin]
      return [begin, { type: 'tool-call-delta', index, arguments: JSON.stringify(block.input) }]
    }
    default:
      return [{ type: 'opaque', kind: String(block.type) }]
  }
}

function deltaParts(delta: Fields, block: OpenBlock | undefined): readonly ReplyPart[] {
  switch (delta.type) {
    case 'text_delta':
      return textParts(delta.text)
    case 'thinking_delta':
      return thoughtParts(delta.thinking)
    case 'signature_delta':
      return signatureParts(delta.signature)
    case 'input_json_delta': {
      const { partial_json } = delta
      // Tools that the vendor runs have an input, too: nobody else's business.
      if (block?.type !== 'tool_use' || typeof partial_json !== 'string' || partial_json === '') return []
      return [{ type: 'tool-call-delta', index: block.call, arguments: partial_json }]
    }
    default:
      return [{ type: 'opaque', kind: String(delta.type) }]
  }
}

function textParts(text: unknown): readonly ReplyPart[] {
  return typeof text === 'string' && text !== '' ? [{ type: 'text-delta', text }] : []
}

function thoughtParts(text: unknown): readonly ReplyPart[] {
  return typeof text === 'string' && text !== '' ? [{ type: 'reasoning-delta', text }] : []
}

function signatureParts(signature: unknown): readonly ReplyPart[] {
  return typeof signature === 'string' && signature !== '' ? [{ type: 'reasoning-signature', signature }] : []
}

/** Later reports replace earlier ones, field by field: they are cumulative, but leave out what did not change. */
function merge(usage: Fields, update: unknown): Fields {
  const present = Object.entries(record(update)).filter(([, value]) => value !== null && value !== undefined)
  return { ...usage, ...Object.fromEntries(present) }
}

/** What the vendor did to shorten the conversation is billed as well, and told apart from the message. */
function toUsage(fields: Fields): Usage {
  const compactions = list(fields.iterations)
    .map(record)
    .filter(({ type }) => type === 'compaction')
  return compactions.map(bucketsOf).reduce(addUsage, bucketsOf(fields))
}

function bucketsOf(fields: Fields): Usage {
  const written = record(fields.cache_creation)
  const cacheWriteHour = count(written.ephemeral_1h_input_tokens)
  const cacheWriteTotal = count(fields.cache_creation_input_tokens)
  const output = count(fields.output_tokens)
  const reasoning = Math.min(count(record(fields.output_tokens_details).thinking_tokens), output)
  return {
    input: count(fields.input_tokens),
    cacheRead: count(fields.cache_read_input_tokens),
    cacheWrite: Math.max(cacheWriteTotal - cacheWriteHour, count(written.ephemeral_5m_input_tokens)),
    cacheWriteHour,
    output: output - reasoning,
    reasoning,
  }
}

function finishReason(value: unknown): FinishReason {
  switch (value) {
    case 'max_tokens':
    case 'model_context_window_exceeded':
      return 'length'
    case 'refusal':
      return 'content-filter'
    case 'tool_use':
      return 'tool-calls'
    // `pause_turn` too: the vendor's own tools took long, and the client may send the turn again to go on.
    default:
      return 'stop'
  }
}

/** The status that each kind of error would have had before the stream began. */
const statusOf: Readonly<Record<string, number>> = {
  authentication_error: 401,
  permission_error: 403,
  billing_error: 402,
  overloaded_error: 529,
  rate_limit_error: 429,
  invalid_request_error: 400,
  request_too_large: 413,
  timeout_error: 504,
}

export function streamError(identity: UpstreamIdentity, error: Fields): GatewayError {
  const status = (typeof error.type === 'string' && statusOf[error.type]) || 500
  return statusError(identity, { status, message: messageIn(error) })
}
